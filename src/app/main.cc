// sluice: one binary, one subcommand each for serving, fetching and looking.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "app/commands.h"
#include "app/version.h"
#include "base/suggest.h"

namespace sluice::app {
namespace {

struct CommandRow {
  std::string_view name;
  std::string_view summary;
  int (*run)(const Arguments&, const Environment&);
};

constexpr CommandRow kCommands[] = {
    {"serve", "serve a model over HTTP", run_serve},
    {"pull", "fetch a model of the catalogue", run_pull},
    {"models", "list the catalogue and what is here", run_models},
    {"bench", "measure speed", run_bench},
    {"eval", "compare a model with recorded distributions", run_eval},
};

void print_usage(FILE* out) {
  std::fputs("usage: sluice COMMAND [options]\n\nCommands\n", out);
  for (const CommandRow& row : kCommands) {
    std::fprintf(out, "  %-10s %s\n", std::string(row.name).c_str(),
                 std::string(row.summary).c_str());
  }
  std::fputs(
      "\n`sluice COMMAND --help` explains one; --version prints the version.\n"
      "Start here: sluice pull qwen2.5-coder-0.5b-instruct && sluice serve\n",
      out);
}

int run(const std::vector<std::string>& words) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_usage(words.empty() ? stderr : stdout);
    return words.empty() ? 1 : 0;
  }
  if (words[0] == "--version" || words[0] == "-V" || words[0] == "version") {
    std::printf("sluice %s\n", std::string(kVersion).c_str());
    return 0;
  }
  std::vector<std::string_view> names;
  for (const CommandRow& row : kCommands) {
    if (row.name == words[0]) {
      return row.run(Arguments(words.begin() + 1, words.end()), read_environment());
    }
    names.push_back(row.name);
  }
  const std::string_view near = nearest_name(words[0], names);
  return report({Code::kInvalidArgument, words[0], "unknown command",
                 near.empty() ? "see sluice --help" : "did you mean " + std::string(near) + "?"});
}

}  // namespace
}  // namespace sluice::app

int main(int argc, char** argv) {
  return sluice::app::run(std::vector<std::string>(argv + 1, argv + argc));
}

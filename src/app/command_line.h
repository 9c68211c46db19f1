// Fills an option table from a TOML file, the environment and the command line, the later winning.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/option_table.h"

namespace sluice::app {

struct CommandLine {
  bool show_help = false;
  bool print_config = false;
  std::vector<std::string> positionals;
};

// What a subcommand says about itself.
struct CommandText {
  std::string usage;     // "sluice serve --model NAME|FILE.gguf [options]"
  std::string summary;   // one sentence
  std::string epilogue;  // after the options; may be empty
};

// Variables of the environment, read once in main().
using Environment = std::vector<std::pair<std::string, std::string>>;
Environment read_environment();
// Empty when unset.
std::string variable(const Environment& environment, std::string_view name);

// Reads the file that --config or SLUICE_CONFIG names, then SLUICE_* variables, then `arguments`.
// `positionals_max` words without a dash are collected; one more is an error.
Result<CommandLine> parse_command_line(const OptionTable& table,
                                       const std::vector<std::string>& arguments,
                                       const Environment& environment, size_t positionals_max);

std::string help_text(const OptionTable& table, const CommandText& text);

// Prints what --help or --print-config asks for; false if neither was given.
bool answered(const CommandLine& line, const OptionTable& table, const CommandText& text);

}  // namespace sluice::app

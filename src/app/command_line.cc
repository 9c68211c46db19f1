#include "app/command_line.h"

#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>

#include "app/serve_options.h"

extern char** environ;

namespace sluice::app {
namespace {

// Variables with our prefix that are not options of any table.
constexpr std::string_view kOtherVariables[] = {"SLUICE_CONFIG", "SLUICE_HUB"};

Result<std::string> toml_text(const toml::node& node, const std::string& where) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return std::string(flag->get() ? "true" : "false");
  if (const auto* real = node.as_floating_point()) {
    char text[64];
    const auto end = std::to_chars(std::begin(text), std::end(text), real->get()).ptr;
    return std::string(text, end);
  }
  if (const auto* array = node.as_array()) {
    std::string joined;
    for (const toml::node& item : *array) {
      joined += (joined.empty() ? "" : ",") + TRY(toml_text(item, where));
    }
    return joined;
  }
  return fail(Code::kInvalidArgument, where, "is a table or a date, not a value",
              "write `key = value` at the top level");
}

// Whether a key or variable is one of the server's options: the other commands, which share its
// file and variables, pass over those.
bool is_server_option(std::string_view name) {
  static ServeOptions options;
  static const OptionTable table = options.table();
  return table.find(name) != nullptr;
}

Status read_file(const OptionTable& table, const std::string& path) {
  toml::table document;
  try {
    document = toml::parse_file(path);
  } catch (const toml::parse_error& problem) {
    const auto& at = problem.source().begin;
    const std::string where =
        at.line == 0 ? path
                     : path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
    return fail(Code::kInvalidArgument, where, std::string(problem.description()));
  }
  for (const auto& [key, node] : document) {
    const std::string name(key.str());
    const std::string where = path + ":" + std::to_string(node.source().begin.line) + ": " + name;
    if (table.find(name) == nullptr) {
      if (is_server_option(name)) continue;
      return std::unexpected(table.unknown(name, where, ""));
    }
    const std::string text = TRY(toml_text(node, where));
    TRY(table.set(name, text, where));
  }
  return {};
}

Status read_variables(const OptionTable& table, const Environment& environment) {
  // Hosting platforms say PORT; our own spelling wins.
  if (const std::string port = variable(environment, "PORT");
      !port.empty() && table.find("port") != nullptr) {
    TRY(table.set("port", port, "PORT"));
  }
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("SLUICE_") ||
        std::ranges::find(kOtherVariables, name) != std::end(kOtherVariables)) {
      continue;
    }
    std::string option = name.substr(7);
    std::ranges::transform(option, option.begin(), [](unsigned char c) {
      return c == '_' ? '-' : static_cast<char>(std::tolower(c));
    });
    if (table.find(option) == nullptr) {
      if (is_server_option(option)) continue;
      return std::unexpected(table.unknown(option, name, "SLUICE_"));
    }
    TRY(table.set(option, value, name));
  }
  return {};
}

struct Flag {
  const OptionRow* row;
  std::vector<std::string> values;
  bool negated = false;
  CLI::Option* option = nullptr;
};

// Registers every row with CLI11; values stay text until the table parses them.
void add_flags(CLI::App& parser, const OptionTable& table, std::vector<Flag>& flags) {
  flags.reserve(table.rows().size());
  for (const OptionRow& row : table.rows()) {
    Flag& flag = flags.emplace_back(Flag{&row, {}, false, nullptr});
    std::string names = "--" + row.name;
    for (const std::string& alias : row.aliases) names += ",--" + alias;
    // Underscores are accepted for dashes, as many Python servers spell them.
    for (std::string alias : std::vector<std::string>{row.name}) {
      std::string underscored = toml_key(alias);
      if (underscored != alias) names += ",--" + underscored;
    }
    for (const std::string& alias : row.aliases) {
      if (const std::string underscored = toml_key(alias); underscored != alias) {
        names += ",--" + underscored;
      }
    }
    if (row.is_switch) {
      flag.option = parser.add_flag(names + ",!--no-" + row.name, flag.values);
    } else {
      flag.option = parser.add_option(names, flag.values)
                        ->expected(1)
                        ->allow_extra_args(false)
                        ->multi_option_policy(row.is_list ? CLI::MultiOptionPolicy::TakeAll
                                                          : CLI::MultiOptionPolicy::TakeLast);
    }
  }
}

Status unknown_flag(const OptionTable& table, const std::string& word) {
  std::string name = word.substr(0, word.find('='));
  name.erase(0, name.find_first_not_of('-'));
  return std::unexpected(table.unknown(name, word.substr(0, word.find('=')), "--"));
}

}  // namespace

Environment read_environment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::string variable(const Environment& environment, std::string_view name) {
  for (const auto& [key, value] : environment) {
    if (key == name) return value;
  }
  return {};
}

Result<CommandLine> parse_command_line(const OptionTable& table,
                                       const std::vector<std::string>& arguments,
                                       const Environment& environment, size_t positionals_max) {
  CommandLine result;
  CLI::App parser;
  parser.set_help_flag();
  parser.allow_extras();
  std::string config_path = variable(environment, "SLUICE_CONFIG");
  parser.add_flag("-h,--help", result.show_help);
  parser.add_flag("--print-config", result.print_config);
  parser.add_option("--config", config_path);
  std::vector<Flag> flags;
  add_flags(parser, table, flags);
  try {
    parser.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& problem) {
    return fail(Code::kInvalidArgument, "", problem.what(), "see --help");
  }
  for (const std::string& word : parser.remaining()) {
    if (word.size() > 1 && word.front() == '-') {
      TRY(unknown_flag(table, word));
    }
    result.positionals.push_back(word);
  }
  if (result.show_help) return result;
  if (result.positionals.size() > positionals_max) {
    return fail(Code::kInvalidArgument, result.positionals[positionals_max], "unexpected argument",
                "see --help");
  }
  if (!config_path.empty()) TRY(read_file(table, config_path));
  TRY(read_variables(table, environment));
  for (const Flag& flag : flags) {
    if (flag.option->count() == 0) continue;
    std::string joined;
    for (const std::string& value : flag.values) joined += (joined.empty() ? "" : ",") + value;
    TRY(table.set(flag.row->name, joined, "--" + flag.row->name));
  }
  return result;
}

namespace {

// " [8000]": a default as one would type it; nothing for an empty one.
std::string default_text(const std::string& toml) {
  std::string text;
  std::ranges::copy_if(toml, std::back_inserter(text),
                       [](char c) { return c != '"' && c != '[' && c != ']'; });
  return text.empty() ? "" : " [" + text + "]";
}

}  // namespace

std::string help_text(const OptionTable& table, const CommandText& text) {
  constexpr size_t kColumn = 34;
  std::string out = "usage: " + text.usage + "\n\n" + text.summary + "\n";
  std::string heading;
  const auto line = [&out](const std::string& left, const std::string& right) {
    std::string padded = "  " + left;
    if (padded.size() < kColumn) {
      padded.resize(kColumn, ' ');
    } else {
      padded += "\n" + std::string(kColumn, ' ');
    }
    out += padded + right + "\n";
  };
  for (const OptionRow& row : table.rows()) {
    if (row.group != heading) {
      heading = row.group;
      out += "\n" + heading + "\n";
    }
    const std::string value = row.get();
    std::string left = (row.is_switch && value == "true" ? "--no-" : "--") + row.name;
    if (!row.value_name.empty()) left += " " + row.value_name;
    std::string doc = row.is_switch && value == "true" ? "turn off: " + row.doc : row.doc;
    if (!row.is_secret && !row.is_switch) doc += default_text(value);
    for (const std::string& alias : row.aliases) doc += " (also --" + alias + ")";
    line(left, doc);
  }
  out += "\nGeneral\n";
  line("--config FILE", "read options from a TOML file (key = value, dashes as underscores)");
  line("--print-config", "print the options as they are after files, variables and flags");
  line("-h, --help", "this text");
  out +=
      "\nEach option is also a variable (--kv-dtype: SLUICE_KV_DTYPE) and a TOML key "
      "(kv_dtype).\nFlags win over variables, variables over the file.\n";
  if (!text.epilogue.empty()) out += "\n" + text.epilogue + "\n";
  return out;
}

bool answered(const CommandLine& line, const OptionTable& table, const CommandText& text) {
  if (!line.show_help && !line.print_config) return false;
  std::fputs((line.show_help ? help_text(table, text) : table.print()).c_str(), stdout);
  return true;
}

}  // namespace sluice::app

// Options as a table: one row is the flag, the SLUICE_* variable, the TOML key, the default, the
// range, the unit and the documentation of one member of an options struct.
//
// An options struct has a function that returns its table, whose rows point at its members:
//
//   table.integer("port", &options.port, {0, 65535}, "", "TCP port, 0 for any free one");
//
// gives --port, SLUICE_PORT and `port = 8000`. A table is used once at start, on one thread; it and
// the struct must outlive each other's use.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice {

struct OptionRow {
  std::string name;                  // "kv-dtype"
  std::vector<std::string> aliases;  // familiar spellings, "max-model-len"
  std::string group;                 // heading in the help text
  std::string value_name;            // "N", "PATH", "bf16|f32"; empty for a switch
  std::string doc;
  bool is_switch = false;  // takes no value on the command line
  bool is_list = false;    // may be repeated
  bool is_secret = false;  // --print-config shows that it is set, not what to
  std::function<Status(std::string_view text)> set;  // an Error without `where`
  std::function<std::string()> get;                  // the value as TOML
};

struct IntegerRange {
  int64_t min;
  int64_t max;
};

class OptionTable {
 public:
  // Rows added from here on belong under this heading.
  void group(std::string title) { group_ = std::move(title); }

  OptionRow& text(std::string name, std::string* member, std::string value_name, std::string doc);
  OptionRow& secret(std::string name, std::string* member, std::string value_name, std::string doc);
  OptionRow& list(std::string name, std::vector<std::string>* member, std::string value_name,
                  std::string doc);
  OptionRow& flag(std::string name, bool* member, std::string doc);
  OptionRow& choice(std::string name, std::string* member, std::vector<std::string> values,
                    std::string doc);
  OptionRow& real(std::string name, double* member, double min, double max, std::string doc);
  // Seconds, with a fraction if need be.
  OptionRow& seconds(std::string name, double* member, double min, double max, std::string doc);
  // Bytes: 1073741824, 1GiB, 512MiB, 1.5GB.
  OptionRow& bytes(std::string name, uint64_t* member, uint64_t min, uint64_t max, std::string doc);
  template <typename Integer>
  OptionRow& integer(std::string name, Integer* member, IntegerRange range, std::string doc) {
    return add_integer(
        std::move(name), range, std::move(doc),
        [member](int64_t value) { *member = static_cast<Integer>(value); },
        [member] { return static_cast<int64_t>(*member); });
  }
  OptionRow& add(OptionRow row);

  const std::vector<OptionRow>& rows() const { return rows_; }

  // The row with that name or alias; null if there is none. Underscores count as dashes.
  const OptionRow* find(std::string_view name) const;

  // Sets one option. `source` says in errors where the value came from ("--port", "SLUICE_PORT",
  // "sluice.toml: port").
  Status set(std::string_view name, std::string_view value, std::string source) const;

  // "unknown option; did you mean --port?"
  Error unknown(std::string_view name, std::string source, std::string_view prefix) const;

  // The table's values as a TOML document that would set them again.
  std::string print() const;

 private:
  OptionRow& add_integer(std::string name, IntegerRange range, std::string doc,
                         std::function<void(int64_t)> store, std::function<int64_t()> load);

  std::string group_;
  std::vector<OptionRow> rows_;
};

// "SLUICE_KV_DTYPE" of "kv-dtype", and "kv_dtype".
std::string variable_name(std::string_view option);
std::string toml_key(std::string_view option);

// "1.5 GiB" for people.
std::string format_bytes(uint64_t bytes);
Result<uint64_t> parse_bytes(std::string_view text);

}  // namespace sluice

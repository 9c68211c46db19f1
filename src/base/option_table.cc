#include "base/option_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/check.h"
#include "base/json_writer.h"
#include "base/suggest.h"

namespace sluice {
namespace {

std::string dashed(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, '_', '-');
  return out;
}

template <typename Number>
std::string number_text(Number number) {
  std::string out;
  JsonWriter(out).value(number);
  return out;
}

Result<double> parse_real(std::string_view text, double min, double max, std::string_view unit) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return fail(Code::kInvalidArgument, "", "'" + std::string(text) + "' is not a number");
  }
  if (value < min || value > max) {
    return fail(Code::kInvalidArgument, "",
                number_text(value) + std::string(unit) + " is out of range",
                "give " + number_text(min) + " to " + number_text(max));
  }
  return value;
}

Result<bool> parse_bool(std::string_view text) {
  for (const std::string_view yes : {"true", "1", "yes", "on"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"false", "0", "no", "off"}) {
    if (text == no) return false;
  }
  return fail(Code::kInvalidArgument, "", "'" + std::string(text) + "' is not a boolean",
              "give true or false");
}

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr Unit kUnits[] = {
    {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0},
    {"KB", 1e3},     {"MB", 1e6},        {"GB", 1e9},           {"TB", 1e12},
    {"K", 1024.0},   {"M", 1048576.0},   {"G", 1073741824.0},   {"B", 1.0},
};

}  // namespace

std::string variable_name(std::string_view option) {
  std::string out = "SLUICE_";
  for (const char c : option) {
    out += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return out;
}

std::string toml_key(std::string_view option) {
  std::string out(option);
  std::ranges::replace(out, '-', '_');
  return out;
}

std::string format_bytes(uint64_t bytes) {
  char text[32];
  if (bytes >= 1ull << 30) {
    std::snprintf(text, sizeof text, "%.2f GiB", static_cast<double>(bytes) / (1ull << 30));
  } else if (bytes >= 1ull << 20) {
    std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1ull << 20));
  } else if (bytes >= 1ull << 10) {
    std::snprintf(text, sizeof text, "%.1f KiB", static_cast<double>(bytes) / (1ull << 10));
  } else {
    std::snprintf(text, sizeof text, "%llu B", static_cast<unsigned long long>(bytes));
  }
  return text;
}

Result<uint64_t> parse_bytes(std::string_view text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view suffix(end, static_cast<size_t>(text.data() + text.size() - end));
  while (suffix.starts_with(' ')) suffix.remove_prefix(1);
  double scale = suffix.empty() ? 1.0 : 0.0;
  for (const Unit& unit : kUnits) {
    if (suffix == unit.name) scale = unit.bytes;
  }
  if (problem != std::errc() || scale == 0.0 || !(value >= 0) || value * scale > 9e18) {
    return fail(Code::kInvalidArgument, "", "'" + std::string(text) + "' is not a size",
                "give bytes or a size such as 512MiB or 1.5GiB");
  }
  return static_cast<uint64_t>(value * scale);
}

OptionRow& OptionTable::add(OptionRow row) {
  CHECK(find(row.name) == nullptr);
  if (row.group.empty()) row.group = group_;
  return rows_.emplace_back(std::move(row));
}

OptionRow& OptionTable::text(std::string name, std::string* member, std::string value_name,
                             std::string doc) {
  OptionRow row;
  row.name = std::move(name);
  row.value_name = std::move(value_name);
  row.doc = std::move(doc);
  row.set = [member](std::string_view value) -> Status {
    *member = value;
    return {};
  };
  row.get = [member] { return json_quote(*member); };
  return add(std::move(row));
}

OptionRow& OptionTable::secret(std::string name, std::string* member, std::string value_name,
                               std::string doc) {
  OptionRow& row = text(std::move(name), member, std::move(value_name), std::move(doc));
  row.is_secret = true;
  return row;
}

OptionRow& OptionTable::list(std::string name, std::vector<std::string>* member,
                             std::string value_name, std::string doc) {
  OptionRow row;
  row.name = std::move(name);
  row.value_name = std::move(value_name);
  row.doc = std::move(doc);
  row.is_list = true;
  row.set = [member](std::string_view value) -> Status {
    member->clear();
    while (!value.empty()) {
      const size_t comma = value.find(',');
      if (const std::string_view item = value.substr(0, comma); !item.empty()) {
        member->emplace_back(item);
      }
      value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
    }
    return {};
  };
  row.get = [member] {
    std::string out;
    JsonWriter writer(out);
    writer.begin_array();
    for (const std::string& item : *member) writer.value(item);
    writer.end_array();
    return out;
  };
  return add(std::move(row));
}

OptionRow& OptionTable::flag(std::string name, bool* member, std::string doc) {
  OptionRow row;
  row.name = std::move(name);
  row.doc = std::move(doc);
  row.is_switch = true;
  row.set = [member](std::string_view value) -> Status {
    *member = TRY(parse_bool(value));
    return {};
  };
  row.get = [member] { return std::string(*member ? "true" : "false"); };
  return add(std::move(row));
}

OptionRow& OptionTable::choice(std::string name, std::string* member,
                               std::vector<std::string> values, std::string doc) {
  OptionRow row;
  row.name = std::move(name);
  for (const std::string& value : values) {
    row.value_name += (row.value_name.empty() ? "" : "|") + value;
  }
  row.doc = std::move(doc);
  row.set = [member, values, all = row.value_name](std::string_view value) -> Status {
    if (std::ranges::find(values, value) == values.end()) {
      return fail(Code::kInvalidArgument, "", "'" + std::string(value) + "' is not a choice",
                  "give " + all);
    }
    *member = value;
    return {};
  };
  row.get = [member] { return json_quote(*member); };
  return add(std::move(row));
}

OptionRow& OptionTable::real(std::string name, double* member, double min, double max,
                             std::string doc) {
  OptionRow row;
  row.name = std::move(name);
  row.value_name = "X";
  row.doc = std::move(doc);
  row.set = [member, min, max](std::string_view value) -> Status {
    *member = TRY(parse_real(value, min, max, ""));
    return {};
  };
  row.get = [member] { return number_text(*member); };
  return add(std::move(row));
}

OptionRow& OptionTable::seconds(std::string name, double* member, double min, double max,
                                std::string doc) {
  OptionRow row;
  row.name = std::move(name);
  row.value_name = "SECONDS";
  row.doc = std::move(doc);
  row.set = [member, min, max](std::string_view value) -> Status {
    if (value.ends_with("s")) value.remove_suffix(1);
    *member = TRY(parse_real(value, min, max, " s"));
    return {};
  };
  row.get = [member] { return number_text(*member); };
  return add(std::move(row));
}

OptionRow& OptionTable::bytes(std::string name, uint64_t* member, uint64_t min, uint64_t max,
                              std::string doc) {
  OptionRow row;
  row.name = std::move(name);
  row.value_name = "SIZE";
  row.doc = std::move(doc);
  row.set = [member, min, max](std::string_view value) -> Status {
    const uint64_t size = TRY(parse_bytes(value));
    if (size < min || size > max) {
      return fail(Code::kInvalidArgument, "", format_bytes(size) + " is out of range",
                  "give " + format_bytes(min) + " to " + format_bytes(max));
    }
    *member = size;
    return {};
  };
  row.get = [member] { return number_text(*member); };
  return add(std::move(row));
}

OptionRow& OptionTable::add_integer(std::string name, IntegerRange range, std::string doc,
                                    std::function<void(int64_t)> store,
                                    std::function<int64_t()> load) {
  OptionRow row;
  row.name = std::move(name);
  row.value_name = "N";
  row.doc = std::move(doc);
  row.set = [range, store = std::move(store)](std::string_view text) -> Status {
    int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem == std::errc::invalid_argument || end != text.data() + text.size()) {
      return fail(Code::kInvalidArgument, "", "'" + std::string(text) + "' is not a whole number");
    }
    if (problem != std::errc() || value < range.min || value > range.max) {
      return fail(Code::kInvalidArgument, "", std::string(text) + " is out of range",
                  "give " + std::to_string(range.min) + " to " + std::to_string(range.max));
    }
    store(value);
    return {};
  };
  row.get = [load = std::move(load)] { return number_text(load()); };
  return add(std::move(row));
}

const OptionRow* OptionTable::find(std::string_view name) const {
  const std::string wanted = dashed(name);
  for (const OptionRow& row : rows_) {
    if (row.name == wanted || std::ranges::find(row.aliases, wanted) != row.aliases.end()) {
      return &row;
    }
  }
  return nullptr;
}

Status OptionTable::set(std::string_view name, std::string_view value, std::string source) const {
  const OptionRow* row = find(name);
  if (row == nullptr) return std::unexpected(unknown(name, std::move(source), "--"));
  if (Status status = row->set(value); !status) {
    Error error = std::move(status).error();
    error.where = std::move(source);
    return std::unexpected(std::move(error));
  }
  return {};
}

Error OptionTable::unknown(std::string_view name, std::string source,
                           std::string_view prefix) const {
  std::vector<std::string_view> names;
  for (const OptionRow& row : rows_) {
    names.push_back(row.name);
    for (const std::string& alias : row.aliases) names.push_back(alias);
  }
  const std::string_view near = nearest_name(dashed(name), names);
  std::string shown(near);
  if (prefix.empty()) shown = toml_key(near);
  if (prefix == "SLUICE_") {
    shown = variable_name(near);
    prefix = "";
  }
  return {Code::kInvalidArgument, std::move(source), "unknown option",
          near.empty() ? "" : "did you mean " + std::string(prefix) + shown + "?"};
}

std::string OptionTable::print() const {
  std::string out;
  std::string heading;
  for (const OptionRow& row : rows_) {
    if (row.group != heading) {
      heading = row.group;
      out += (out.empty() ? "# " : "\n# ") + heading + "\n";
    }
    const std::string value = row.get();
    if (row.is_secret && value != "\"\"") {
      out += "# " + toml_key(row.name) + " is set\n";
    } else {
      out += toml_key(row.name) + " = " + value + "\n";
    }
  }
  return out;
}

}  // namespace sluice

#include "contract/field_reader.h"

#include <charconv>
#include <cmath>

#include "base/json_writer.h"

namespace sluice::contract {
namespace {

// Refusals quote the offending value; a long one would make them a megaphone.
constexpr size_t kQuotedInputMax = 1024;

size_t rough_size(const Element& element, size_t limit) {
  switch (element.type()) {
    case ElementType::STRING: return element.get_string_length().value_unsafe();
    case ElementType::ARRAY: {
      size_t size = 0;
      for (const Element item : element.get_array().value_unsafe()) {
        size += 2 + rough_size(item, limit);
        if (size > limit) break;
      }
      return size;
    }
    case ElementType::OBJECT: {
      size_t size = 0;
      for (const auto field : element.get_object().value_unsafe()) {
        size += 4 + field.key.size() + rough_size(field.value, limit);
        if (size > limit) break;
      }
      return size;
    }
    default: return 8;
  }
}

std::string quote_input(const Element* element) {
  if (element == nullptr) return {};
  if (rough_size(*element, kQuotedInputMax) > kQuotedInputMax) return "\"... (long)\"";
  return simdjson::minify(*element);
}

std::string trimmed(double number) {
  std::string text;
  JsonWriter(text).value(number);
  return text;
}

std::string_view strip(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  text = strip(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> parse_boolean_word(std::string_view text) {
  std::string word(text);
  for (char& c : word) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  for (const std::string_view yes : {"1", "t", "true", "y", "yes", "on"}) {
    if (word == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "false", "n", "no", "off"}) {
    if (word == no) return false;
  }
  return std::nullopt;
}

}  // namespace

std::string_view type_name(const Element& element) {
  switch (element.type()) {
    case ElementType::ARRAY: return "an array";
    case ElementType::OBJECT: return "an object";
    case ElementType::INT64:
    case ElementType::UINT64: return "an integer";
    case ElementType::DOUBLE: return "a number";
    case ElementType::STRING: return "a string";
    case ElementType::BOOL: return "a boolean";
    case ElementType::NULL_VALUE: return "null";
  }
  return "something else";
}

void FieldScope::problem(const Element* input, std::string what, std::string type,
                         std::string detail, std::string ctx_json) {
  problems_.add({path_, std::move(what), std::move(type), std::move(detail), quote_input(input),
                 std::move(ctx_json), false});
}

void FieldScope::unsupported(const Element* input, std::string what) {
  std::string detail = "Value error, " + what;
  problems_.add(
      {path_, std::move(what), "value_error", std::move(detail), quote_input(input), {}, true});
}

void FieldScope::missing(const Element* input) {
  problem(input, "is required", "missing", "Field required");
}

void FieldScope::invalid(const Element* input, std::string what) {
  std::string detail = "Value error, " + what;
  problem(input, std::move(what), "value_error", std::move(detail));
}

void FieldScope::out_of_range(const Element& input, const FieldRow& row, bool below) {
  const bool is_integer = row.kind == FieldKind::kInteger;
  const std::string min = is_integer ? std::to_string(row.integer_min) : trimmed(row.number_min);
  const std::string max = is_integer ? std::to_string(row.integer_max) : trimmed(row.number_max);
  std::string what = row.min_exclusive ? "must be above " + min + " and at most " + max
                                       : "must be from " + min + " to " + max;
  what += ", not " + quote_input(&input);
  if (!below) {
    problem(&input, std::move(what), "less_than_equal",
            "Input should be less than or equal to " + max, "{\"le\":" + max + "}");
  } else if (row.min_exclusive) {
    problem(&input, std::move(what), "greater_than", "Input should be greater than " + min,
            "{\"gt\":" + min + "}");
  } else {
    problem(&input, std::move(what), "greater_than_equal",
            "Input should be greater than or equal to " + min, "{\"ge\":" + min + "}");
  }
}

std::optional<bool> FieldScope::boolean(const Element& element) {
  if (bool value = false; element.get_bool().get(value) == simdjson::SUCCESS) return value;
  if (lax_) {
    if (int64_t number = 0;
        element.get_int64().get(number) == simdjson::SUCCESS && (number == 0 || number == 1)) {
      return number == 1;
    }
    if (std::string_view text; element.get_string().get(text) == simdjson::SUCCESS) {
      if (const auto word = parse_boolean_word(text)) return word;
      problem(&element, "must be a boolean", "bool_parsing",
              "Input should be a valid boolean, unable to interpret input");
      return std::nullopt;
    }
  }
  problem(&element, "must be a boolean, not " + std::string(type_name(element)), "bool_type",
          "Input should be a valid boolean");
  return std::nullopt;
}

std::optional<int64_t> FieldScope::integer(const Element& element) {
  if (int64_t value = 0; element.get_int64().get(value) == simdjson::SUCCESS) return value;
  if (element.is_uint64()) return INT64_MAX;  // every range ends before it
  if (double value = 0; element.is_double() && element.get_double().get(value) == 0) {
    constexpr double kExactMax = 9007199254740992.0;  // 2^53
    if (value == std::trunc(value)) {
      if (value >= kExactMax) return INT64_MAX;
      if (value <= -kExactMax) return INT64_MIN;
      return static_cast<int64_t>(value);
    }
    problem(&element, "must be an integer, not a fraction", "int_from_float",
            "Input should be a valid integer, got a number with a fractional part");
    return std::nullopt;
  }
  if (std::string_view text; lax_ && element.get_string().get(text) == simdjson::SUCCESS) {
    if (const auto value = parse_whole<int64_t>(text)) return value;
    problem(&element, "must be an integer", "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer");
    return std::nullopt;
  }
  problem(&element, "must be an integer, not " + std::string(type_name(element)), "int_type",
          "Input should be a valid integer");
  return std::nullopt;
}

std::optional<int64_t> FieldScope::integer(const Element& element, int64_t min, int64_t max) {
  const auto value = integer(element);
  if (!value || (*value >= min && *value <= max)) return value;
  FieldRow row;
  row.kind = FieldKind::kInteger;
  row.integer_min = min;
  row.integer_max = max;
  out_of_range(element, row, *value < min);
  return std::nullopt;
}

std::optional<double> FieldScope::number(const Element& element) {
  if (double value = 0;
      !element.is_bool() && element.get_double().get(value) == simdjson::SUCCESS) {
    return value;
  }
  if (std::string_view text; lax_ && element.get_string().get(text) == simdjson::SUCCESS) {
    const auto value = parse_whole<double>(text);
    if (value && std::isfinite(*value)) return value;
    problem(&element, "must be a number", "float_parsing",
            "Input should be a valid number, unable to parse string as a number");
    return std::nullopt;
  }
  problem(&element, "must be a number, not " + std::string(type_name(element)), "float_type",
          "Input should be a valid number");
  return std::nullopt;
}

std::optional<double> FieldScope::number(const Element& element, double min, double max) {
  const auto value = number(element);
  if (!value || (*value >= min && *value <= max)) return value;
  FieldRow row;
  row.kind = FieldKind::kNumber;
  row.number_min = min;
  row.number_max = max;
  out_of_range(element, row, *value < min);
  return std::nullopt;
}

std::optional<std::string_view> FieldScope::string(const Element& element) {
  if (std::string_view text; element.get_string().get(text) == simdjson::SUCCESS) {
    // No text has one, and much that reads text further on (logs, C libraries) ends there.
    if (text.find('\0') == std::string_view::npos) return text;
    problem(&element, "must not contain the NUL character (U+0000)", "value_error",
            "Value error, must not contain the NUL character (U+0000)");
    return std::nullopt;
  }
  problem(&element, "must be a string, not " + std::string(type_name(element)), "string_type",
          "Input should be a valid string");
  return std::nullopt;
}

std::optional<simdjson::dom::array> FieldScope::array(const Element& element) {
  if (simdjson::dom::array value; element.get_array().get(value) == simdjson::SUCCESS) return value;
  problem(&element, "must be an array, not " + std::string(type_name(element)), "list_type",
          "Input should be a valid list");
  return std::nullopt;
}

std::optional<simdjson::dom::object> FieldScope::object(const Element& element) {
  if (simdjson::dom::object value; element.get_object().get(value) == simdjson::SUCCESS) {
    return value;
  }
  problem(&element, "must be an object, not " + std::string(type_name(element)), "dict_type",
          "Input should be a valid dictionary");
  return std::nullopt;
}

}  // namespace sluice::contract

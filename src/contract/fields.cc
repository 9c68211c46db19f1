#include "contract/fields.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/json_writer.h"
#include "contract/field_reader.h"

namespace sluice::contract {
namespace {

// Keys twice, wherever in the body they are: which value counts would be anybody's guess.
void check_duplicates(FieldScope& scope, const Element& element) {
  if (element.is_array()) {
    int64_t index = 0;
    for (const Element item : element.get_array().value_unsafe()) {
      if (scope.overflowed()) return;
      // Long lists of ids are nothing else, and need no steps.
      if (item.is_array() || item.is_object()) {
        const auto step = scope.into(index);
        check_duplicates(scope, item);
      }
      ++index;
    }
  } else if (element.is_object()) {
    std::set<std::string_view> seen;
    for (const auto field : element.get_object().value_unsafe()) {
      if (scope.overflowed()) return;
      const auto step = scope.into(field.key);
      if (!seen.insert(field.key).second) scope.invalid(nullptr, "is there more than once");
      check_duplicates(scope, field.value);
    }
  }
}

std::string_view syntax_problem(simdjson::error_code code) {
  switch (code) {
    case simdjson::EMPTY: return "the body is empty";
    case simdjson::DEPTH_ERROR: return "nested more than 128 levels deep";
    case simdjson::CAPACITY: return "too large";
    case simdjson::STRING_ERROR: return "a string has a bad escape or a lone surrogate";
    case simdjson::NUMBER_ERROR:
    case simdjson::NUMBER_OUT_OF_RANGE: return "a number is malformed or beyond range";
    case simdjson::UTF8_ERROR: return "not UTF-8";
    case simdjson::UNESCAPED_CHARS: return "a string has an unescaped control character";
    case simdjson::UNCLOSED_STRING: return "a string has no closing quote";
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR: return "a word that is not true, false or null";
    default: return "malformed";
  }
}

void read_array_bounds(FieldScope& scope, const Element& element, const FieldRow& row) {
  size_t length = 0;
  if (simdjson::dom::array array; element.get_array().get(array) == simdjson::SUCCESS) {
    // size() saturates at 2^24 - 1, far beyond every bound.
    length = array.size();
  } else {
    return;
  }
  if (length < row.length_min) {
    const std::string min = std::to_string(row.length_min);
    scope.problem(&element, "must have at least " + min + " item", "too_short",
                  "List should have at least " + min + " item after validation, not " +
                      std::to_string(length),
                  "{\"field_type\":\"List\",\"min_length\":" + min +
                      ",\"actual_length\":" + std::to_string(length) + "}");
  }
}

void read_string(FieldScope& scope, const Element& element, const FieldRow& row,
                 ParsedRequest& parsed) {
  const auto text = scope.string(element);
  if (!text) return;
  if (text->size() < row.length_min) {
    return scope.problem(&element, "must not be empty", "string_too_short",
                         "String should have at least 1 character", "{\"min_length\":1}");
  }
  if (text->size() > row.length_max) {
    const std::string max = std::to_string(row.length_max);
    return scope.problem(&element, "must have at most " + max + " bytes", "string_too_long",
                         "String should have at most " + max + " characters",
                         "{\"max_length\":" + max + "}");
  }
  if (!row.values.empty() && std::ranges::find(row.values, *text) == row.values.end()) {
    std::string expected;
    for (const std::string_view value : row.values) {
      if (!expected.empty()) expected += value == row.values.back() ? " or " : ", ";
      expected += '\'' + std::string(value) + '\'';
    }
    return scope.problem(&element, "must be " + expected, "literal_error",
                         "Input should be " + expected,
                         "{\"expected\":" + json_quote(expected) + "}");
  }
  row.set_string(parsed, *text);
}

void read_number(FieldScope& scope, const Element& element, const FieldRow& row,
                 ParsedRequest& parsed) {
  const auto value = scope.number(element);
  if (!value) return;
  const bool below = row.min_exclusive ? *value <= row.number_min : *value < row.number_min;
  if (below || *value > row.number_max) return scope.out_of_range(element, row, below);
  row.set_number(parsed, *value);
}

void read_field(FieldScope& scope, const Element& element, const FieldRow& row,
                ParsedRequest& parsed) {
  if (element.is_null() && !row.required) return;
  switch (row.kind) {
    case FieldKind::kBoolean:
      if (const auto value = scope.boolean(element)) row.set_boolean(parsed, *value);
      break;
    case FieldKind::kInteger:
      if (const auto value = scope.integer(element)) {
        if (*value < row.integer_min || *value > row.integer_max) {
          scope.out_of_range(element, row, *value < row.integer_min);
        } else {
          row.set_integer(parsed, *value);
        }
      }
      break;
    case FieldKind::kNumber: read_number(scope, element, row, parsed); break;
    case FieldKind::kString: read_string(scope, element, row, parsed); break;
    case FieldKind::kArray:
    case FieldKind::kObject:
    case FieldKind::kUnion:
      read_array_bounds(scope, element, row);
      row.read(scope, element, parsed);
      break;
    case FieldKind::kIgnored: break;
  }
}

// Whether a field that is refused for now asks for nothing: null, false, 0, [] and {} are what
// client libraries send for "off".
bool asks_nothing(const Element& element) {
  switch (element.type()) {
    case ElementType::NULL_VALUE: return true;
    case ElementType::BOOL: return !element.get_bool().value_unsafe();
    case ElementType::INT64: return element.get_int64().value_unsafe() == 0;
    case ElementType::ARRAY: return element.get_array().value_unsafe().size() == 0;
    case ElementType::OBJECT: return element.get_object().value_unsafe().size() == 0;
    default: return false;
  }
}

void read_fields(FieldScope& scope, const Element& root, const FieldTable& table,
                 ParsedRequest& parsed) {
  const simdjson::dom::object object = root.get_object().value_unsafe();
  for (const FieldRow& row : table.rows) {
    Element element;
    std::string_view name = row.name;
    bool found = object.at_key(name).get(element) == simdjson::SUCCESS;
    // A null under one spelling does not hide the value under another.
    for (size_t i = 0; i < row.aliases.size() && (!found || element.is_null()); ++i) {
      Element other;
      if (object.at_key(row.aliases[i]).get(other) != simdjson::SUCCESS) continue;
      found = true;
      element = other;
      name = row.aliases[i];
    }
    const auto step = scope.into(found ? name : row.name);
    if (!found) {
      if (row.required) scope.missing(&root);
    } else if (row.later) {
      if (!asks_nothing(element)) scope.unsupported(&element, "is not supported yet");
    } else {
      read_field(scope, element, row, parsed);
    }
  }
}

std::expected<ParsedRequest, Problems> parse(const FieldTable& table, std::string_view body,
                                             bool lax) {
  Problems problems;
  FieldScope scope(problems, lax);
  const auto malformed = [&](std::string_view what) {
    Problem problem;
    problem.path.push_back({{}, 0});
    problem.what = "the body is not valid JSON: " + std::string(what);
    problem.type = "json_invalid";
    problem.detail = "JSON decode error";
    problem.input_json = "{}";
    problem.ctx_json = "{\"error\":" + json_quote(what) + "}";
    // In prose there is no path to a body that is not JSON.
    if (!lax) problem.path.clear();
    problems.add(std::move(problem));
    return std::unexpected(std::move(problems));
  };

  simdjson::dom::parser parser;
  Element root;
  if (parser.allocate(std::max<size_t>(body.size(), 64), kJsonDepthMax) != simdjson::SUCCESS) {
    return malformed("too large");
  }
  if (const auto error = parser.parse(body.data(), body.size()).get(root)) {
    return malformed(syntax_problem(error));
  }
  if (!root.is_object()) {
    scope.problem(&root, "the body must be a JSON object, not " + std::string(type_name(root)),
                  "model_attributes_type",
                  "Input should be a valid dictionary or object to extract fields from");
    return std::unexpected(std::move(problems));
  }
  check_duplicates(scope, root);
  // What is ambiguous is not looked at any further.
  if (!problems.empty()) return std::unexpected(std::move(problems));

  ParsedRequest parsed;
  parsed.request.default_max_tokens = table.default_max_tokens;
  read_fields(scope, root, table, parsed);
  if (problems.empty() && table.finish != nullptr) table.finish(scope, parsed);
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return parsed;
}

}  // namespace

std::expected<ParsedRequest, Problems> parse_request(const FieldTable& table,
                                                     std::string_view body) {
  return parse(table, body, false);
}

std::expected<ParsedRequest, Problems> parse_request_lax(const FieldTable& table,
                                                         std::string_view body) {
  return parse(table, body, true);
}

std::expected<ParsedRequest, Problems> parse_query_request(
    const FieldTable& table, std::span<const std::pair<std::string, std::string>> pairs) {
  std::string body;
  JsonWriter w(body);
  w.begin_object();
  for (const auto& [name, value] : pairs) w.field(name, value);
  w.end_object();
  return parse(table, body, true);
}

FieldRow boolean_row(std::string_view name, bool default_value, std::string_view doc,
                     void (*set)(ParsedRequest&, bool)) {
  FieldRow row;
  row.name = name;
  row.kind = FieldKind::kBoolean;
  row.default_json = default_value ? "true" : "false";
  row.doc = doc;
  row.set_boolean = set;
  return row;
}

FieldRow integer_row(std::string_view name, int64_t min, int64_t max, std::string_view default_json,
                     std::string_view doc, void (*set)(ParsedRequest&, int64_t)) {
  FieldRow row;
  row.name = name;
  row.kind = FieldKind::kInteger;
  row.integer_min = min;
  row.integer_max = max;
  row.default_json = default_json;
  row.doc = doc;
  row.set_integer = set;
  return row;
}

FieldRow number_row(std::string_view name, double min, double max, std::string_view doc,
                    void (*set)(ParsedRequest&, double)) {
  FieldRow row;
  row.name = name;
  row.kind = FieldKind::kNumber;
  row.number_min = min;
  row.number_max = max;
  row.doc = doc;
  row.set_number = set;
  return row;
}

FieldRow string_row(std::string_view name, std::string_view doc,
                    void (*set)(ParsedRequest&, std::string_view)) {
  FieldRow row;
  row.name = name;
  row.kind = FieldKind::kString;
  row.doc = doc;
  row.set_string = set;
  return row;
}

FieldRow composite_row(std::string_view name, FieldKind kind, std::string_view schema_json,
                       std::string_view doc,
                       void (*read)(FieldScope&, const Element&, ParsedRequest&)) {
  FieldRow row;
  row.name = name;
  row.kind = kind;
  row.schema_json = schema_json;
  row.doc = doc;
  row.read = read;
  return row;
}

}  // namespace sluice::contract

// parse_json: simdjson's document as Values, with what simdjson does not check itself.
#include <simdjson.h>

#include <string>
#include <unordered_set>

#include "text/value.h"

namespace sluice::text {
namespace {

constexpr size_t kJsonDepthMax = 128;

Result<Value> convert(const simdjson::dom::element& element);

Result<Value> convert_object(const simdjson::dom::object& object) {
  std::vector<Value::Item> items;
  std::unordered_set<std::string_view> keys;
  for (const auto field : object) {
    if (!keys.insert(field.key).second) {
      return fail(Code::kInvalidArgument, "JSON",
                  "the key '" + std::string(field.key.substr(0, 100)) + "' occurs twice");
    }
    items.emplace_back(Value::string(std::string(field.key)), TRY(convert(field.value)));
  }
  return Value::dict(std::move(items));
}

Result<Value> convert(const simdjson::dom::element& element) {
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::ARRAY: {
      std::vector<Value> items;
      for (const simdjson::dom::element each : simdjson::dom::array(element)) {
        items.push_back(TRY(convert(each)));
      }
      return Value::list(std::move(items));
    }
    case element_type::OBJECT: return convert_object(simdjson::dom::object(element));
    case element_type::INT64: return Value::integer(int64_t(element));
    case element_type::UINT64: return Value::number(static_cast<double>(uint64_t(element)));
    case element_type::DOUBLE: return Value::number(double(element));
    case element_type::STRING: return Value::string(std::string(std::string_view(element)));
    case element_type::BOOL: return Value::boolean(bool(element));
    case element_type::NULL_VALUE: return Value::none();
  }
  return Value::none();
}

// simdjson refuses integers beyond 64 bits; with ".0" behind them they are doubles to it.
std::string with_big_integers_as_doubles(std::string_view json) {
  std::string out;
  bool in_string = false;
  for (size_t i = 0; i < json.size();) {
    const char c = json[i];
    const bool digit = c >= '0' && c <= '9';
    if (in_string || !digit) {
      if (in_string && c == '\\' && i + 1 < json.size()) out += json[i++];
      if (c == '"') in_string = !in_string;
      out += json[i++];
      continue;
    }
    size_t end = i;
    while (end < json.size() && std::string_view("0123456789.eE+-").contains(json[end])) ++end;
    const std::string_view number = json.substr(i, end - i);
    out += number;
    if (number.size() > 18 && number.find_first_not_of("0123456789") == number.npos) out += ".0";
    i = end;
  }
  return out;
}

}  // namespace

Result<Value> parse_json(std::string_view json) {
  simdjson::dom::parser parser;
  if (parser.allocate(std::max<size_t>(json.size(), 64), kJsonDepthMax) != simdjson::SUCCESS) {
    return fail(Code::kTooLarge, "JSON", "the text is too long to be parsed");
  }
  simdjson::dom::element root;
  simdjson::error_code error =
      parser.parse(simdjson::padded_string(json.data(), json.size())).get(root);
  if (error == simdjson::NUMBER_ERROR) {
    const std::string wider = with_big_integers_as_doubles(json);
    if (parser.allocate(wider.size(), kJsonDepthMax) == simdjson::SUCCESS) {
      error = parser.parse(simdjson::padded_string(wider)).get(root);
    }
  }
  if (error != simdjson::SUCCESS) {
    return fail(Code::kInvalidArgument, "JSON", simdjson::error_message(error));
  }
  return convert(root);
}

}  // namespace sluice::text

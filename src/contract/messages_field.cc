// The conversation: roles, text and text parts, tool calls of earlier turns.
#include <array>

#include "contract/field_reader.h"

namespace sluice::contract {
namespace {

constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                    "tool"};

std::optional<Element> member(const simdjson::dom::object& object, std::string_view key) {
  Element element;
  if (object.at_key(key).get(element) != simdjson::SUCCESS || element.is_null()) {
    return std::nullopt;
  }
  return element;
}

void read_role(FieldScope& scope, const Element& whole, const simdjson::dom::object& object,
               Message& message) {
  const auto step = scope.into("role");
  const auto element = member(object, "role");
  if (!element) return scope.missing(&whole);
  const auto role = scope.string(*element);
  if (!role) return;
  for (const std::string_view known : kRoles) {
    if (*role != known) continue;
    message.role = known == "developer" ? "system" : known;
    return;
  }
  constexpr const char* kExpected = "'system', 'developer', 'user', 'assistant' or 'tool'";
  scope.problem(&*element, std::string("must be ") + kExpected, "literal_error",
                std::string("Input should be ") + kExpected,
                std::string("{\"expected\":\"") + kExpected + "\"}");
}

void read_part(FieldScope& scope, const Element& element, std::string& text) {
  const auto object = scope.object(element);
  if (!object) return;
  const auto type_element = member(*object, "type");
  std::optional<std::string_view> type;
  {
    const auto step = scope.into("type");
    if (!type_element) return scope.missing(&element);
    type = scope.string(*type_element);
    if (!type) return;
    if (*type != "text" && *type != "input_text" && *type != "output_text") {
      return scope.unsupported(&*type_element,
                               "only text parts are supported; others are not supported yet");
    }
  }
  const auto step = scope.into("text");
  const auto text_element = member(*object, "text");
  if (!text_element) return scope.missing(&element);
  if (const auto part = scope.string(*text_element)) text += *part;
}

void read_content(FieldScope& scope, const Element& whole, const simdjson::dom::object& object,
                  Message& message) {
  const auto step = scope.into("content");
  const auto element = member(object, "content");
  if (!element) {
    // An assistant's turn may consist of tool calls alone.
    if (message.role != "assistant" || message.tool_calls_json.empty()) scope.missing(&whole);
    return;
  }
  std::string text;
  if (simdjson::dom::array parts; element->get_array().get(parts) == simdjson::SUCCESS) {
    int64_t index = 0;
    for (const Element part : parts) {
      if (scope.overflowed()) return;
      const auto part_step = scope.into(index++);
      read_part(scope, part, text);
    }
  } else if (element->is_string()) {
    const auto plain = scope.string(*element);
    if (!plain) return;
    text = *plain;
  } else {
    return scope.problem(
        &*element, "must be a string or an array of parts, not " + std::string(type_name(*element)),
        "string_type", "Input should be a valid string");
  }
  message.content = std::move(text);
}

void read_optional_text(FieldScope& scope, const simdjson::dom::object& object,
                        std::string_view key, std::string& text) {
  const auto element = member(object, key);
  if (!element) return;
  const auto step = scope.into(key);
  if (const auto value = scope.string(*element)) text = *value;
}

void read_message(FieldScope& scope, const Element& element, Message& message) {
  const auto object = scope.object(element);
  if (!object) return;
  read_role(scope, element, *object, message);
  if (const auto calls = member(*object, "tool_calls")) {
    const auto step = scope.into("tool_calls");
    if (const auto array = scope.array(*calls); array && array->size() > 0) {
      message.tool_calls_json = simdjson::minify(*calls);
    }
  }
  read_content(scope, element, *object, message);
  read_optional_text(scope, *object, "name", message.name);
  read_optional_text(scope, *object, "tool_call_id", message.tool_call_id);
}

}  // namespace

void read_messages(FieldScope& scope, const Element& element, ParsedRequest& parsed) {
  const auto array = scope.array(element);
  if (!array) return;
  int64_t index = 0;
  for (const Element item : *array) {
    if (scope.overflowed()) return;
    const auto step = scope.into(index++);
    read_message(scope, item, parsed.chat.messages.emplace_back());
  }
}

}  // namespace sluice::contract

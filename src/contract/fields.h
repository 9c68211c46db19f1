// Field tables: every field of every request body is one row, from which the body is parsed,
// refused and documented. The tables are immutable and shared; parsing is pure and may run on any
// thread.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contract/problem.h"
#include "contract/request.h"

namespace simdjson::dom {
class element;
}

namespace sluice::contract {

// A body after parsing: what the engine is asked, and what concerns the answer's form only.
struct ParsedRequest {
  GenerateRequest request;
  bool stream = false;
  bool include_usage = false;
  std::string user;
  std::string prompt_text;  // classic: before the chat template, if that applies
  std::string system;
  bool raw = false;
  std::string event_name;             // GET /stream: how text events are named; empty: unnamed
  std::string format;                 // GET /stream: "text" or "token"
  std::vector<int32_t> tokens;        // /detokenize
  ChatPrompt chat;                    // collected from several fields, then moved to `request`
  std::vector<std::string> required;  // what has been seen of the alternatives of one field
};

class FieldScope;

enum class FieldKind : uint8_t {
  kBoolean,
  kInteger,
  kNumber,
  kString,
  kArray,
  kObject,
  kUnion,  // several types; `schema_json` says which
  kIgnored,
};

struct FieldRow {
  std::string_view name;
  std::vector<std::string_view> aliases = {};
  FieldKind kind = FieldKind::kIgnored;
  bool required = false;
  bool later = false;  // known, but refused: "is not supported yet"
  int64_t integer_min = INT32_MIN;
  int64_t integer_max = INT32_MAX;
  double number_min = 0;
  double number_max = 0;
  bool min_exclusive = false;
  size_t length_min = 0;  // of strings and arrays
  size_t length_max = SIZE_MAX;
  std::vector<std::string_view> values = {};  // of strings; empty: any
  std::string_view default_json = "null";
  std::string_view doc = {};
  std::string_view schema_json = {};  // JSON schema of arrays, objects and unions

  // The one that fits `kind` is set.
  void (*set_boolean)(ParsedRequest&, bool) = nullptr;
  void (*set_integer)(ParsedRequest&, int64_t) = nullptr;
  void (*set_number)(ParsedRequest&, double) = nullptr;
  void (*set_string)(ParsedRequest&, std::string_view) = nullptr;
  void (*read)(FieldScope&, const simdjson::dom::element&, ParsedRequest&) = nullptr;
};

struct FieldTable {
  std::string_view name;  // for documentation: "CreateChatCompletionRequest"
  std::vector<FieldRow> rows;
  // What concerns several fields at once.
  void (*finish)(FieldScope&, ParsedRequest&) = nullptr;
  int32_t default_max_tokens = 2048;
};

const FieldTable& openai_chat_fields();
const FieldTable& openai_completion_fields();
const FieldTable& classic_generate_fields();
const FieldTable& tokenize_fields();
const FieldTable& detokenize_fields();
const FieldTable& apply_template_fields();

// Nesting beyond this is refused before anything is built.
constexpr size_t kJsonDepthMax = 128;

// What the answer to a body of the OpenAI family is made from. Unknown fields are ignored.
std::expected<ParsedRequest, Problems> parse_request(const FieldTable& table,
                                                     std::string_view body);
// The same for the classic family: as Pydantic does, "50" is an integer and "true" a boolean.
std::expected<ParsedRequest, Problems> parse_request_lax(const FieldTable& table,
                                                         std::string_view body);
// Fields given as a query's name=value pairs; a repeated name is a problem.
std::expected<ParsedRequest, Problems> parse_query_request(
    const FieldTable& table, std::span<const std::pair<std::string, std::string>> pairs);

}  // namespace sluice::contract

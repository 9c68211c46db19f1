// The bodies of /v1/chat/completions, /v1/completions and of the small endpoints beside them.
#include "contract/field_reader.h"

namespace sluice::contract {
namespace {

using P = ParsedRequest;

constexpr std::string_view kMessagesSchema =
    R"({"type":"array","minItems":1,"items":{"type":"object","required":["role"],"properties":{"role":{"enum":["system","developer","user","assistant","tool"]},"content":{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"object","required":["type","text"],"properties":{"type":{"const":"text"},"text":{"type":"string"}}}},{"type":"null"}]},"name":{"type":"string"},"tool_calls":{"type":"array","items":{"type":"object"}},"tool_call_id":{"type":"string"}}}})";

FieldRow messages_row(bool required) {
  FieldRow row = composite_row("messages", FieldKind::kArray, kMessagesSchema,
                               "The conversation so far.", read_messages);
  row.required = required;
  row.length_min = 1;
  return row;
}

void add_template_rows(std::vector<FieldRow>& rows) {
  rows.push_back(boolean_row("add_generation_prompt", true,
                             "The template opens the assistant's turn.", [](P& p, bool v) {
                               p.chat.add_generation_prompt = v;
                               p.required.emplace_back(v ? "generation prompt" : "no prompt");
                             }));
  rows.push_back(boolean_row("continue_final_message", false,
                             "The last message is left open, and the answer continues it.",
                             [](P& p, bool v) { p.chat.continue_final_message = v; }));
  rows.push_back(composite_row("chat_template_kwargs", FieldKind::kObject, R"({"type":"object"})",
                               "Variables for the chat template.", read_template_kwargs));
}

void read_tools(FieldScope& scope, const Element& element, ParsedRequest& parsed) {
  const auto array = scope.array(element);
  if (array && array->size() > 0) parsed.chat.tools_json = simdjson::minify(element);
}

void read_tool_choice(FieldScope& scope, const Element& element, ParsedRequest& parsed) {
  std::string_view text;
  if (element.get_string().get(text) == simdjson::SUCCESS) {
    if (text == "none" || text == "auto") {
      parsed.required.emplace_back(text == "none" ? "tools none" : "tools auto");
      return;
    }
    if (text == "required") return scope.unsupported(&element, "is not supported yet");
  } else if (element.is_object()) {
    return scope.unsupported(&element, "is not supported yet");
  }
  scope.problem(&element, "must be 'none', 'auto', 'required' or an object", "literal_error",
                "Input should be 'none', 'auto' or 'required'",
                R"({"expected":"'none', 'auto' or 'required'"})");
}

void read_stream_options(FieldScope& scope, const Element& element, ParsedRequest& parsed) {
  const auto object = scope.object(element);
  Element flag;
  if (!object || object->at_key("include_usage").get(flag) != simdjson::SUCCESS || flag.is_null()) {
    return;
  }
  const auto step = scope.into("include_usage");
  if (const auto value = scope.boolean(flag)) parsed.include_usage = *value;
}

void add_answer_rows(std::vector<FieldRow>& rows) {
  rows.push_back(boolean_row("stream", false, "The answer comes as server-sent events.",
                             [](P& p, bool v) { p.stream = v; }));
  rows.push_back(
      composite_row("stream_options", FieldKind::kObject,
                    R"({"type":"object","properties":{"include_usage":{"type":"boolean"}}})",
                    "include_usage: a last chunk with the token counts.", read_stream_options));
  rows.push_back(integer_row("n", 1, kChoicesMax, "1", "How many answers.",
                             [](P& p, int64_t v) { p.request.n = static_cast<int32_t>(v); }));
}

bool seen(const ParsedRequest& parsed, std::string_view what) {
  return std::ranges::find(parsed.required, what) != parsed.required.end();
}

void finish_chat_prompt(FieldScope& scope, ParsedRequest& parsed) {
  if (parsed.chat.continue_final_message) {
    const auto step = scope.into("continue_final_message");
    if (seen(parsed, "generation prompt")) {
      scope.invalid(nullptr, "cannot be combined with add_generation_prompt");
    }
    if (!parsed.chat.messages.empty() && !parsed.chat.messages.back().content) {
      scope.invalid(nullptr, "the last message has no content to continue");
    }
    parsed.chat.add_generation_prompt = false;
  }
}

void finish_chat(FieldScope& scope, ParsedRequest& parsed) {
  finish_chat_prompt(scope, parsed);
  if (!parsed.chat.tools_json.empty() && !seen(parsed, "tools none")) {
    const auto step = scope.into("tools");
    scope.unsupported(nullptr, "calling tools is not supported yet, except with tool_choice none");
  }
  parsed.request.prompt = std::move(parsed.chat);
}

void finish_completion(FieldScope& scope, ParsedRequest& parsed) {
  if (parsed.request.stopping.max_tokens == 0 && !parsed.request.echo) {
    const auto step = scope.into("max_tokens");
    scope.invalid(nullptr, "must be at least 1 unless echo is true");
  }
  if (seen(parsed, "best_of")) {
    const auto step = scope.into("best_of");
    scope.unsupported(nullptr, "choosing the best of several answers is not supported yet");
  }
}

FieldTable make_chat_fields() {
  FieldTable table{"CreateChatCompletionRequest", {}, finish_chat};
  std::vector<FieldRow>& rows = table.rows;
  rows.push_back(messages_row(true));
  FieldRow max_tokens =
      integer_row("max_completion_tokens", 1, INT32_MAX, "null", "The longest answer in tokens.",
                  [](P& p, int64_t v) { p.request.stopping.max_tokens = static_cast<int32_t>(v); });
  max_tokens.aliases = {"max_tokens"};
  rows.push_back(std::move(max_tokens));
  add_answer_rows(rows);
  add_sampling_rows(rows);
  add_template_rows(rows);
  rows.push_back(composite_row("tools", FieldKind::kArray,
                               R"({"type":"array","items":{"type":"object"}})",
                               "What the model may call.", read_tools));
  rows.push_back(
      composite_row("tool_choice", FieldKind::kUnion,
                    R"({"anyOf":[{"enum":["none","auto","required"]},{"type":"object"}]})",
                    "Whether it must.", read_tool_choice));
  rows.push_back(
      boolean_row("parallel_tool_calls", true, "Several calls in one answer.", [](P&, bool) {}));
  rows.push_back(boolean_row("store", false, "Accepted, and nothing is stored.", [](P&, bool) {}));
  rows.push_back(composite_row(
      "metadata", FieldKind::kObject, R"({"type":"object"})", "Accepted, and not used.",
      [](FieldScope& scope, const Element& element, ParsedRequest&) { scope.object(element); }));
  add_later_rows(rows);
  for (const std::string_view name :
       {"logprobs", "top_logprobs", "prompt_logprobs", "functions", "function_call", "audio"}) {
    FieldRow row;
    row.name = name;
    row.later = true;
    rows.push_back(std::move(row));
  }
  return table;
}

FieldTable make_completion_fields() {
  FieldTable table{"CreateCompletionRequest", {}, finish_completion};
  std::vector<FieldRow>& rows = table.rows;
  FieldRow prompt = composite_row(
      "prompt", FieldKind::kUnion,
      R"({"anyOf":[{"type":"string"},{"type":"array","items":{"type":"integer","minimum":0}}]})",
      "A text or its token ids.", read_prompt);
  prompt.required = true;
  prompt.length_min = 1;
  rows.push_back(std::move(prompt));
  rows.push_back(integer_row(
      "max_tokens", 0, INT32_MAX, "null", "The longest answer in tokens; 0 only with echo.",
      [](P& p, int64_t v) { p.request.stopping.max_tokens = static_cast<int32_t>(v); }));
  add_answer_rows(rows);
  add_sampling_rows(rows);
  rows.push_back(boolean_row("echo", false, "The answer begins with the prompt.",
                             [](P& p, bool v) { p.request.echo = v; }));
  add_later_rows(rows);
  // 0 asks for the chosen tokens' own, so that no value but null means none.
  rows.push_back(composite_row("logprobs", FieldKind::kUnion, R"({"type":"null"})",
                               "Not supported yet.",
                               [](FieldScope& scope, const Element& element, ParsedRequest&) {
                                 scope.unsupported(&element, "is not supported yet");
                               }));
  FieldRow suffix = string_row("suffix", "Not supported yet, except empty.", nullptr);
  suffix.kind = FieldKind::kUnion;
  suffix.schema_json = R"({"type":"string","maxLength":0})";
  suffix.read = [](FieldScope& scope, const Element& element, ParsedRequest&) {
    const auto text = scope.string(element);
    if (text && !text->empty()) scope.unsupported(&element, "is not supported yet");
  };
  rows.push_back(std::move(suffix));
  rows.push_back(
      integer_row("best_of", 1, kChoicesMax, "1", "Only as many as n.", [](P& p, int64_t v) {
        if (v != 1) p.required.emplace_back("best_of");
      }));
  return table;
}

void finish_tokenize(FieldScope& scope, ParsedRequest& parsed) {
  const bool has_messages = !parsed.chat.messages.empty();
  if (has_messages == seen(parsed, "prompt")) {
    const auto step = scope.into("prompt");
    if (has_messages) return scope.invalid(nullptr, "give either prompt or messages");
    return scope.missing(nullptr);
  }
  finish_chat_prompt(scope, parsed);
  if (has_messages) parsed.request.prompt = std::move(parsed.chat);
}

FieldTable make_tokenize_fields() {
  FieldTable table{"TokenizeRequest", {}, finish_tokenize};
  table.rows.push_back(model_row());
  table.rows.push_back(string_row("prompt", "The text.", [](P& p, std::string_view v) {
    p.request.prompt = TextPrompt{std::string(v)};
    p.required.emplace_back("prompt");
  }));
  table.rows.push_back(messages_row(false));
  add_template_rows(table.rows);
  return table;
}

FieldTable make_detokenize_fields() {
  FieldTable table{"DetokenizeRequest", {}};
  table.rows.push_back(model_row());
  FieldRow tokens = composite_row(
      "tokens", FieldKind::kArray, R"({"type":"array","items":{"type":"integer","minimum":0}})",
      "The token ids.", [](FieldScope& scope, const Element& element, ParsedRequest& parsed) {
        if (const auto array = scope.array(element)) {
          read_token_ids(scope, *array, SIZE_MAX, parsed.tokens);
        }
      });
  tokens.required = true;
  table.rows.push_back(std::move(tokens));
  return table;
}

FieldTable make_apply_template_fields() {
  FieldTable table{"ApplyTemplateRequest", {}, finish_chat_prompt};
  table.rows.push_back(model_row());
  table.rows.push_back(messages_row(true));
  add_template_rows(table.rows);
  table.rows.push_back(composite_row("tools", FieldKind::kArray,
                                     R"({"type":"array","items":{"type":"object"}})",
                                     "What the model may call.", read_tools));
  return table;
}

}  // namespace

void read_prompt(FieldScope& scope, const Element& element, ParsedRequest& parsed) {
  if (element.is_string()) {
    if (const auto text = scope.string(element)) {
      parsed.request.prompt = TextPrompt{std::string(*text)};
    }
    return;
  }
  simdjson::dom::array array;
  if (element.get_array().get(array) != simdjson::SUCCESS) {
    return scope.problem(
        &element,
        "must be a string or an array of token ids, not " + std::string(type_name(element)),
        "string_type", "Input should be a valid string");
  }
  if (array.size() == 0) return;  // refused by the row's bounds
  const Element first = *array.begin();
  if (first.is_string() || first.is_array()) {
    if (array.size() > 1 || first.is_array()) {
      return scope.unsupported(&element, "several prompts in one request are not supported yet");
    }
    const auto step = scope.into(int64_t{0});
    if (const auto text = scope.string(first)) {
      parsed.request.prompt = TextPrompt{std::string(*text)};
    }
    return;
  }
  TokenPrompt prompt;
  if (read_token_ids(scope, array, SIZE_MAX, prompt.ids)) {
    parsed.request.prompt = std::move(prompt);
  }
}

const FieldTable& openai_chat_fields() {
  static const FieldTable kTable = make_chat_fields();
  return kTable;
}

const FieldTable& openai_completion_fields() {
  static const FieldTable kTable = make_completion_fields();
  return kTable;
}

const FieldTable& tokenize_fields() {
  static const FieldTable kTable = make_tokenize_fields();
  return kTable;
}

const FieldTable& detokenize_fields() {
  static const FieldTable kTable = make_detokenize_fields();
  return kTable;
}

const FieldTable& apply_template_fields() {
  static const FieldTable kTable = make_apply_template_fields();
  return kTable;
}

}  // namespace sluice::contract

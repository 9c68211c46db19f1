// The bodies and queries of /generate and /stream.
#include "contract/field_reader.h"

namespace sluice::contract {
namespace {

using P = ParsedRequest;

void finish_generate(FieldScope&, ParsedRequest& parsed) {
  GenerateRequest& request = parsed.request;
  request.stopping.clamp_to_context = true;
  if (parsed.raw) {
    request.prompt = TextPrompt{std::move(parsed.prompt_text)};
    return;
  }
  ChatPrompt chat;
  if (!parsed.system.empty()) chat.messages.emplace_back("system", std::move(parsed.system));
  chat.messages.emplace_back("user", std::move(parsed.prompt_text));
  request.prompt = std::move(chat);
}

FieldTable make_generate_fields() {
  FieldTable table{"GenerateRequest", {}, finish_generate, 512};
  std::vector<FieldRow>& rows = table.rows;
  FieldRow prompt =
      string_row("prompt", "What to answer.", [](P& p, std::string_view v) { p.prompt_text = v; });
  prompt.required = true;
  prompt.length_min = 1;
  rows.push_back(std::move(prompt));
  FieldRow max_tokens =
      integer_row("max_tokens", 1, INT32_MAX, "512", "The longest answer in tokens.",
                  [](P& p, int64_t v) { p.request.stopping.max_tokens = static_cast<int32_t>(v); });
  max_tokens.aliases = {"max_new_tokens"};
  rows.push_back(std::move(max_tokens));
  rows.push_back(string_row("system", "The system message; the template's own if absent.",
                            [](P& p, std::string_view v) { p.system = v; }));
  rows.push_back(boolean_row("stream", false, "Answers as POST /stream does.",
                             [](P& p, bool v) { p.stream = v; }));
  rows.push_back(boolean_row("raw", false, "The prompt is not put into the chat template.",
                             [](P& p, bool v) { p.raw = v; }));
  FieldRow event = string_row("event", "GET /stream: the name of text events; none if absent.",
                              [](P& p, std::string_view v) { p.event_name = v; });
  event.length_max = 64;
  rows.push_back(std::move(event));
  FieldRow format = string_row("format", "GET /stream: the key of new text in each event.",
                               [](P& p, std::string_view v) { p.format = v; });
  format.values = {"text", "token"};
  rows.push_back(std::move(format));
  add_sampling_rows(rows);
  add_later_rows(rows);
  return table;
}

}  // namespace

const FieldTable& classic_generate_fields() {
  static const FieldTable kTable = make_generate_fields();
  return kTable;
}

}  // namespace sluice::contract

// module: contract
//
// A request's body: the first byte chooses the table and the family, the rest is the body (or a
// query's pairs). Whatever comes, the answer is a request within its bounds or a refusal that is
// itself well-formed.
#include <cstdlib>
#include <string>

#include "base/utf8.h"
#include "contract/fields.h"
#include "contract/forms.h"

namespace {

using namespace sluice;
using namespace sluice::contract;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_request(const ParsedRequest& parsed) {
  const GenerateRequest& request = parsed.request;
  require(request.n >= 1 && request.n <= kChoicesMax);
  require(request.stopping.stop.size() <= kStopStringsMax);
  require(request.stopping.stop_token_ids.size() <= kStopTokenIdsMax);
  require(request.stopping.max_tokens.value_or(1) >= 0);
  require(request.stopping.min_tokens >= 0);
  for (const std::string& stop : request.stopping.stop) require(!stop.empty() && utf8_valid(stop));
  const Sampling& sampling = request.sampling;
  require(sampling.temperature.value_or(0) >= 0 && sampling.temperature.value_or(0) <= 2);
  require(sampling.top_p.value_or(1) > 0 && sampling.top_p.value_or(1) <= 1);
  if (const auto* chat = std::get_if<ChatPrompt>(&request.prompt)) {
    for (const Message& message : chat->messages) {
      require(!message.role.empty() && utf8_valid(message.content.value_or("")));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const FieldTable* const tables[] = {&openai_chat_fields(),      &openai_completion_fields(),
                                      &classic_generate_fields(), &tokenize_fields(),
                                      &detokenize_fields(),       &apply_template_fields()};
  const FieldTable& table = *tables[(data[0] & 15) % std::size(tables)];
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto parsed =
      (data[0] & 16) != 0 ? parse_request_lax(table, body) : parse_request(table, body);
  if (parsed) {
    check_request(*parsed);
    return 0;
  }
  require(!parsed.error().empty());
  const Error error = parsed.error().to_error();
  require(!error.what.empty() && utf8_valid(openai_error_body(error)));
  require(utf8_valid(validation_body(parsed.error(), "body")));
  return 0;
}

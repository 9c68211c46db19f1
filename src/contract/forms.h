// The JSON of what is answered: errors of both families, OpenAI's objects and chunks, the classic
// family's. Pure functions that append to or return strings; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "contract/event.h"
#include "contract/generator.h"

namespace sluice::contract {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

// {"error": {"message", "type", "param", "code"}}. In a stream the code is the status.
std::string openai_error_body(const Error& error);
std::string openai_stream_error(const Error& error);
// {"detail": "..."}, for all but validation errors (contract/problem.h).
std::string classic_error_body(const Error& error);
std::string classic_stream_error(const Error& error);
// x-should-retry and Retry-After, as the error's row and its own hint say.
HeaderFields refusal_headers(const Error& error);

// The object of a models list, and the list.
std::string model_body(const ModelInfo& model);
std::string models_body(std::span<const ModelInfo> models);

// What has been collected of one choice.
struct ChoiceText {
  std::string text;
  FinishReason reason = FinishReason::kStop;
  std::string stop_string;
};

// Usage of a whole request from that of its choices: the prompt counts once.
void add_usage(Usage& total, const Usage& choice);

// Objects and chunks of /v1/chat/completions and /v1/completions.
class OpenAiForm {
 public:
  enum class Kind : uint8_t { kChat, kCompletion };
  // `id` without "chatcmpl-" or "cmpl-".
  OpenAiForm(Kind kind, std::string_view id, int64_t created_s, std::string_view model,
             bool include_usage);

  std::string whole(std::span<const ChoiceText> choices, const Usage& usage) const;

  void append_role_chunk(std::string& out, int32_t choice) const;  // chat only
  void append_text_chunk(std::string& out, int32_t choice, std::string_view text) const;
  void append_finish_chunk(std::string& out, int32_t choice, FinishReason reason) const;
  void append_usage_chunk(std::string& out, const Usage& usage) const;

 private:
  void append_choice(std::string& out, int32_t choice, std::string_view delta_json,
                     const FinishReason* reason) const;

  Kind kind_;
  bool include_usage_;
  std::string whole_head_;  // up to and with "choices":[
  std::string chunk_head_;
};

// The answer of POST /generate, and the data of the done event.
std::string classic_answer(const ChoiceText& choice, const Usage& usage);
std::string classic_done(FinishReason reason, const Usage& usage);
// {"text": "..."}, or with another key.
std::string classic_text(std::string_view key, std::string_view text);

}  // namespace sluice::contract

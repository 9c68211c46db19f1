// POST /v1/chat/completions and /v1/completions.
#include <chrono>

#include "api/generation.h"
#include "api/handlers.h"
#include "http/sse.h"

namespace sluice::api {
namespace {

using contract::OpenAiForm;

int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class OpenAiAnswer final : public AnswerForm {
 public:
  OpenAiAnswer(OpenAiForm::Kind kind, std::string_view id, std::string_view model,
               bool include_usage)
      : kind_(kind),
        include_usage_(include_usage),
        form_(kind, id, unix_seconds(), model, include_usage) {}

  void open(std::string& out, int32_t choices) override {
    if (kind_ != OpenAiForm::Kind::kChat) return;
    for (int32_t choice = 0; choice < choices; ++choice) {
      event(out, [&](std::string& data) { form_.append_role_chunk(data, choice); });
    }
  }
  void text(std::string& out, int32_t choice, std::string_view text) override {
    event(out, [&](std::string& data) { form_.append_text_chunk(data, choice, text); });
  }
  void finished(std::string& out, const contract::Finished& finished) override {
    event(out, [&](std::string& data) {
      form_.append_finish_chunk(data, finished.choice, finished.reason);
    });
  }
  void close(std::string& out, const contract::Usage& usage) override {
    if (include_usage_) {
      event(out, [&](std::string& data) { form_.append_usage_chunk(data, usage); });
    }
    http::SseWriter::append_event(out, "[DONE]");
  }
  void error(std::string& out, const Error& error) override {
    http::SseWriter::append_event(out, contract::openai_stream_error(error));
  }
  std::string whole(std::span<const contract::ChoiceText> choices,
                    const contract::Usage& usage) override {
    return form_.whole(choices, usage);
  }

 private:
  template <typename Append>
  void event(std::string& out, Append append) {
    data_.clear();
    append(data_);
    http::SseWriter::append_event(out, data_);
  }

  OpenAiForm::Kind kind_;
  bool include_usage_;
  OpenAiForm form_;
  std::string data_;
};

Awaitable<void> complete(ApiContext& context, Exchange& exchange, OpenAiForm::Kind kind,
                         const contract::FieldTable& table) {
  const http::Request& request = exchange.request();
  auto parsed = co_await parse_body(context, request, table, Family::kOpenAi);
  if (!parsed) {
    (void)co_await exchange.respond(refusal(Family::kOpenAi, parsed.error(), "body"));
    co_return;
  }
  auto model = complete_request(context, request, Family::kOpenAi, parsed->request);
  if (!model) {
    (void)co_await exchange.respond(refusal(Family::kOpenAi, model.error()));
    co_return;
  }
  OpenAiAnswer form(kind, request.id, *model, parsed->include_usage);
  co_await answer(context, exchange, Family::kOpenAi, std::move(*parsed), std::move(*model), form);
}

}  // namespace

Awaitable<void> chat_completions(ApiContext& context, Exchange& exchange) {
  co_await complete(context, exchange, OpenAiForm::Kind::kChat, contract::openai_chat_fields());
}

Awaitable<void> completions(ApiContext& context, Exchange& exchange) {
  co_await complete(context, exchange, OpenAiForm::Kind::kCompletion,
                    contract::openai_completion_fields());
}

}  // namespace sluice::api

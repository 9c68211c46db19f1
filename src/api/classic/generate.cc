// POST /generate, POST /stream and GET /stream.
#include "api/generation.h"
#include "api/handlers.h"
#include "http/sse.h"

namespace sluice::api {
namespace {

constexpr int kRetryMs = 30'000;

class ClassicAnswer final : public AnswerForm {
 public:
  ClassicAnswer(std::string stream_id, std::string event_name, std::string text_key)
      : stream_id_(std::move(stream_id)),
        event_name_(std::move(event_name)),
        text_key_(std::move(text_key)) {}

  void open(std::string&, int32_t) override {}
  void text(std::string& out, int32_t, std::string_view text) override {
    event(out, contract::classic_text(text_key_, text), event_name_);
  }
  void finished(std::string&, const contract::Finished& finished) override {
    reason_ = finished.reason;
  }
  void close(std::string& out, const contract::Usage& usage) override {
    event(out, contract::classic_done(reason_, usage), "done");
  }
  void error(std::string& out, const Error& error) override {
    event(out, contract::classic_stream_error(error), "error");
  }
  std::string whole(std::span<const contract::ChoiceText> choices,
                    const contract::Usage& usage) override {
    return contract::classic_answer(choices.front(), usage);
  }

 private:
  void event(std::string& out, std::string_view data, std::string_view name) {
    http::SseWriter::append_event(out, data, name, stream_id_ + "-" + std::to_string(count_++),
                                  kRetryMs);
  }

  std::string stream_id_;
  std::string event_name_;
  std::string text_key_;
  contract::FinishReason reason_ = contract::FinishReason::kStop;
  int64_t count_ = 0;
};

Awaitable<void> run(ApiContext& context, Exchange& exchange, contract::ParsedRequest parsed) {
  auto model = complete_request(context, exchange.request(), Family::kClassic, parsed.request);
  if (!model) {
    (void)co_await exchange.respond(refusal(Family::kClassic, model.error()));
    co_return;
  }
  ClassicAnswer form(exchange.request().id, std::move(parsed.event_name),
                     parsed.format.empty() ? "text" : std::move(parsed.format));
  co_await answer(context, exchange, Family::kClassic, std::move(parsed), std::move(*model), form);
}

Awaitable<void> run_body(ApiContext& context, Exchange& exchange, bool always_stream) {
  auto parsed = co_await parse_body(context, exchange.request(),
                                    contract::classic_generate_fields(), Family::kClassic);
  if (!parsed) {
    (void)co_await exchange.respond(refusal(Family::kClassic, parsed.error(), "body"));
    co_return;
  }
  parsed->stream = parsed->stream || always_stream;
  // Only a query can choose these: a body's stream has one form.
  parsed->event_name = "text_chunk";
  parsed->format.clear();
  co_await run(context, exchange, std::move(*parsed));
}

}  // namespace

Awaitable<void> classic_generate(ApiContext& context, Exchange& exchange) {
  co_await run_body(context, exchange, false);
}

Awaitable<void> classic_stream(ApiContext& context, Exchange& exchange) {
  co_await run_body(context, exchange, true);
}

Awaitable<void> classic_stream_query(ApiContext& context, Exchange& exchange) {
  // EventSource reconnects by itself; 204 is what stops it. A second generation never starts.
  if (exchange.request().headers.has("last-event-id")) {
    (void)co_await exchange.respond({204, {}, {}});
    co_return;
  }
  auto parsed = contract::parse_query_request(contract::classic_generate_fields(),
                                              http::parse_query(exchange.request().query));
  if (!parsed) {
    (void)co_await exchange.respond(refusal(Family::kClassic, parsed.error(), "query"));
    co_return;
  }
  // HEAD asks for the head alone, which needs no generation behind it.
  if (exchange.request().method == "HEAD") {
    http::SseWriter sse(exchange);
    if (co_await sse.start()) (void)co_await sse.finish();
    co_return;
  }
  parsed->stream = true;
  co_await run(context, exchange, std::move(*parsed));
}

}  // namespace sluice::api

#include "api/generation.h"

#include "api/feed.h"
#include "http/sse.h"

namespace sluice::api {
namespace {

using contract::Admitted;
using contract::Delta;
using contract::Event;
using contract::Finished;

// Deltas of one wake-up go out in one write, up to this much.
constexpr size_t kBatchBytesMax = size_t{64} << 10;

class Generation {
 public:
  Generation(ApiContext& context, http::Exchange& exchange, Family family, std::string model,
             AnswerForm& form)
      : context_(context), exchange_(exchange), family_(family), form_(form) {
    note_.model = std::move(model);
  }

  http::Awaitable<void> run(contract::ParsedRequest parsed) {
    const int32_t choices = parsed.request.n;
    const bool stream = parsed.stream;
    auto submitted = co_await context_.generator->submit(std::move(parsed.request));
    if (!submitted) {
      co_await refuse(submitted.error());
    } else {
      Feed feed(exchange_, std::move(*submitted), context_.options.ping_interval_ms);
      co_await admit(feed, choices, stream);
    }
    if (context_.telemetry != nullptr) {
      context_.telemetry->note(exchange_.request(), std::move(note_));
    }
  }

 private:
  http::Awaitable<void> refuse(const Error& error) {
    note_.error = error.message();
    (void)co_await exchange_.respond(refusal(family_, error));
  }

  http::Awaitable<void> admit(Feed& feed, int32_t choices, bool stream) {
    const Feed::Answer first = co_await feed.next_event();
    if (!first) co_return co_await refuse(first.error());
    if (!*first || !std::holds_alternative<Admitted>(**first)) {
      co_return co_await refuse(
          {Code::kInternal, {}, "the engine ended the request without admitting it", {}});
    }
    const auto& admitted = std::get<Admitted>(**first);
    note_.prompt_tokens = admitted.prompt_tokens;
    note_.cached_tokens = admitted.cached_tokens;
    usage_.prompt_tokens = admitted.prompt_tokens;
    usage_.cached_tokens = admitted.cached_tokens;
    if (stream) {
      co_await send_stream(feed, choices);
    } else {
      co_await send_whole(feed, choices);
    }
    note_.completion_tokens = usage_.completion_tokens;
  }

  void count(const Event& event) {
    if (std::holds_alternative<Delta>(event) && note_.first_token_ns < 0) {
      note_.first_token_ns = clock_.now_ns() - exchange_.request().received_ns;
    }
    if (const auto* finished = std::get_if<Finished>(&event)) {
      contract::add_usage(usage_, finished->usage);
      note_.finish_reason = contract::finish_reason_name(finished->reason);
      note_.queue_ns = finished->timings.queue_ns;
      timings_ = finished->timings;
    }
  }

  // W3C Server-Timing, in milliseconds; of several choices, those of the last to finish.
  std::string server_timing() const {
    const auto part = [](const char* name, int64_t ns) {
      return std::string(name) + ";dur=" + std::to_string(ns / kNsPerMs) + "." +
             std::to_string(ns / 100'000 % 10);
    };
    return part("queue", timings_.queue_ns) + ", " + part("prefill", timings_.prefill_ns) + ", " +
           part("decode", timings_.decode_ns);
  }

  http::Awaitable<void> send_whole(Feed& feed, int32_t choices) {
    std::vector<contract::ChoiceText> texts(static_cast<size_t>(choices));
    while (true) {
      Feed::Answer answer = co_await feed.next_event();
      if (!answer) co_return co_await refuse(answer.error());
      if (!*answer) break;
      count(**answer);
      if (const auto* delta = std::get_if<Delta>(&**answer)) {
        texts.at(static_cast<size_t>(delta->choice)).text += delta->text;
      } else if (const auto* finished = std::get_if<Finished>(&**answer)) {
        texts.at(static_cast<size_t>(finished->choice)).reason = finished->reason;
      }
    }
    http::Response response = json_response(form_.whole(texts, usage_));
    response.headers.set("server-timing", server_timing());
    (void)co_await exchange_.respond(std::move(response));
  }

  http::Awaitable<void> send_stream(Feed& feed, int32_t choices) {
    http::SseWriter sse(exchange_);
    if (!co_await sse.start()) co_return;
    std::string out;
    form_.open(out, choices);
    if (!out.empty() && !co_await sse.write(std::move(out))) co_return;
    while (true) {
      std::optional<Feed::Answer> answer = co_await feed.next();
      if (!answer) {
        if (!co_await sse.comment("ping")) co_return;
        continue;
      }
      out.clear();
      bool more = append(out, *answer);
      while (more && out.size() < kBatchBytesMax && feed.ready()) {
        answer = co_await feed.next();
        if (!answer) break;
        more = append(out, *answer);
      }
      if (!out.empty() && !co_await sse.write(std::move(out))) co_return;
      if (!more) break;
    }
    // After an error the missing end shows, besides the event, that the answer is not whole;
    // the connection's framing is intact all the same.
    (void)co_await sse.finish();
  }

  // False once nothing follows.
  bool append(std::string& out, const Feed::Answer& answer) {
    if (!answer) {
      note_.error = answer.error().message();
      note_.finish_reason.clear();
      if (answer.error().code != Code::kCancelled) form_.error(out, answer.error());
      return false;
    }
    if (!*answer) {
      form_.close(out, usage_);
      return false;
    }
    count(**answer);
    if (const auto* delta = std::get_if<Delta>(&**answer)) {
      if (!delta->text.empty()) form_.text(out, delta->choice, delta->text);
    } else if (const auto* finished = std::get_if<Finished>(&**answer)) {
      form_.finished(out, *finished);
    }
    return true;
  }

  ApiContext& context_;
  http::Exchange& exchange_;
  Family family_;
  AnswerForm& form_;
  SteadyClock clock_;
  contract::Usage usage_;
  contract::Timings timings_;
  telemetry::RequestNote note_;
};

}  // namespace

http::Awaitable<void> answer(ApiContext& context, http::Exchange& exchange, Family family,
                             contract::ParsedRequest parsed, std::string model, AnswerForm& form) {
  Generation generation(context, exchange, family, std::move(model), form);
  co_await generation.run(std::move(parsed));
}

}  // namespace sluice::api

#include "api/feed.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace sluice::api {

// Outlives the Feed when a read is still pending: that read holds it.
struct Feed::State {
  State(const boost::asio::any_io_executor& executor, std::unique_ptr<contract::Stream> s)
      : stream(std::move(s)), timer(executor) {}

  std::unique_ptr<contract::Stream> stream;
  boost::asio::steady_timer timer;
  bool pending = false;
  std::optional<Answer> answer;
};

Feed::Feed(http::Exchange& exchange, std::unique_ptr<contract::Stream> stream, int silence_ms)
    : exchange_(exchange),
      state_(std::make_shared<State>(exchange.executor(), std::move(stream))),
      silence_ms_(silence_ms) {
  exchange_.on_disconnect([state = state_] { state->stream->cancel(); });
}

Feed::~Feed() {
  exchange_.on_disconnect({});
  state_->stream->cancel();
}

bool Feed::ready() const {
  return state_->answer.has_value() || (!state_->pending && state_->stream->ready());
}

http::Awaitable<std::optional<Feed::Answer>> Feed::next() {
  const std::shared_ptr<State> state = state_;
  if (!state->pending && !state->answer) {
    if (state->stream->ready()) co_return co_await state->stream->next();
    // The read goes on by itself when the timer wins: a stream is never interrupted by a ping.
    state->pending = true;
    boost::asio::co_spawn(
        exchange_.executor(),
        [state]() -> http::Awaitable<void> {
          state->answer.emplace(co_await state->stream->next());
          state->pending = false;
          state->timer.cancel();
        },
        boost::asio::detached);
  }
  if (!state->answer) {
    state->timer.expires_after(std::chrono::milliseconds(silence_ms_));
    // The answer may have come while the read was being started.
    if (!state->answer) {
      co_await state->timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
  }
  if (!state->answer) co_return std::nullopt;
  std::optional<Answer> answer = std::move(state->answer);
  state->answer.reset();
  co_return answer;
}

http::Awaitable<Feed::Answer> Feed::next_event() {
  while (true) {
    std::optional<Answer> answer = co_await next();
    if (answer) co_return std::move(*answer);
  }
}

}  // namespace sluice::api

// A Stream read with a clock at hand: next() answers the event, or that there has been none for a
// while. Belongs to one handler, on its io loop.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "contract/generator.h"
#include "http/exchange.h"

namespace sluice::api {

class Feed {
 public:
  using Answer = Result<std::optional<contract::Event>>;

  // The client's disconnect cancels the stream from here on.
  Feed(http::Exchange& exchange, std::unique_ptr<contract::Stream> stream, int silence_ms);
  ~Feed();  // cancels what still runs
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // Nothing: `silence_ms` passed without an event; the next call goes on waiting.
  http::Awaitable<std::optional<Answer>> next();
  // Waits as long as it takes.
  http::Awaitable<Answer> next_event();
  bool ready() const;

 private:
  struct State;

  http::Exchange& exchange_;
  std::shared_ptr<State> state_;
  int silence_ms_;
};

}  // namespace sluice::api

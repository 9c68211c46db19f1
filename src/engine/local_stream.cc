#include "engine/local_stream.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sluice::engine {

namespace asio = boost::asio;
using contract::Event;

void LoopOutlet::emit(uint64_t request_id, Result<Event> event) {
  batch_.emplace_back(request_id, std::move(event));
}

void LoopOutlet::flush() {
  asio::post(executor_, [self = shared_from_this(), batch = std::exchange(batch_, {})]() mutable {
    self->deliver(std::move(batch));
  });
}

void LoopOutlet::deliver(Batch batch) {
  for (auto& [id, event] : batch) {
    // Not there: the stream went away while this was on its way.
    if (const auto found = streams_.find(id); found != streams_.end()) {
      found->second->push(std::move(event));
    }
  }
}

LocalStream::LocalStream(std::shared_ptr<Engine> engine, std::shared_ptr<LoopOutlet> outlet,
                         uint64_t request_id, int32_t choices, std::string echo)
    : engine_(std::move(engine)),
      outlet_(std::move(outlet)),
      request_id_(request_id),
      open_(choices),
      echo_(std::move(echo)),
      wake_(outlet_->executor(), asio::steady_timer::time_point::max()) {
  outlet_->add(request_id_, this);
}

LocalStream::~LocalStream() {
  outlet_->remove(request_id_);
  if (!over_) engine_->cancel(request_id_);
}

void LocalStream::cancel() {
  if (!over_) engine_->cancel(request_id_);
  events_.clear();
  end(Error{Code::kCancelled, "", "the request was cancelled", ""});
}

void LocalStream::push(Result<Event> event) {
  if (over_) return;
  if (!event) {
    end(std::move(event).error());
    return;
  }
  const bool admitted = std::holds_alternative<contract::Admitted>(*event);
  const bool finished = std::holds_alternative<contract::Finished>(*event);
  add(std::move(*event));
  if (admitted && !echo_.empty()) {
    for (int32_t choice = 0; choice < open_; ++choice) {
      add(contract::Delta{.choice = choice, .text = echo_, .ids = {}});
    }
    echo_ = {};
  }
  if (finished && --open_ == 0) {
    end(std::nullopt);
  } else if (waiting_) {
    wake_.cancel();
  }
}

void LocalStream::add(Event event) {
  if (const auto* delta = std::get_if<contract::Delta>(&event)) {
    for (auto earlier = events_.rbegin(); earlier != events_.rend(); ++earlier) {
      auto* pending = std::get_if<contract::Delta>(&*earlier);
      if (pending == nullptr || pending->choice != delta->choice) continue;
      pending->text += delta->text;
      pending->ids.insert(pending->ids.end(), delta->ids.begin(), delta->ids.end());
      return;
    }
  }
  events_.push_back(std::move(event));
}

void LocalStream::end(std::optional<Error> error) {
  over_ = true;
  error_ = std::move(error);
  if (waiting_) wake_.cancel();
}

contract::Awaitable<Result<std::optional<Event>>> LocalStream::next() {
  while (events_.empty()) {
    if (over_) {
      if (error_) co_return std::unexpected(*error_);
      co_return std::nullopt;
    }
    waiting_ = true;
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
    waiting_ = false;
    // A cancelled coroutine may not wait again.
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none && events_.empty()) {
      cancel();
    }
  }
  Event event = std::move(events_.front());
  events_.pop_front();
  co_return std::optional<Event>(std::move(event));
}

}  // namespace sluice::engine

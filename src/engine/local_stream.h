// How events get from the engine's thread to the coroutine that waits for them.
//
// A LoopOutlet is the engine's way into one io loop: a step's events for all its streams travel in
// one post. A LocalStream is what a handler holds; it belongs to its loop. A slow reader finds the
// deltas of a choice merged into one, so that what waits is bounded by the answer's length.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "contract/generator.h"
#include "engine/engine.h"

namespace sluice::engine {

class LocalStream;

class LoopOutlet final : public EventSink, public std::enable_shared_from_this<LoopOutlet> {
 public:
  explicit LoopOutlet(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  // Engine thread.
  void emit(uint64_t request_id, Result<contract::Event> event) override;
  void flush() override;

  // Loop thread.
  void add(uint64_t request_id, LocalStream* stream) { streams_[request_id] = stream; }
  void remove(uint64_t request_id) { streams_.erase(request_id); }
  const boost::asio::any_io_executor& executor() const { return executor_; }

 private:
  using Batch = std::vector<std::pair<uint64_t, Result<contract::Event>>>;
  void deliver(Batch batch);

  const boost::asio::any_io_executor executor_;
  Batch batch_;                                         // the engine's
  std::unordered_map<uint64_t, LocalStream*> streams_;  // the loop's
};

class LocalStream final : public contract::Stream {
 public:
  // `echo`: text that comes before each choice's answer.
  LocalStream(std::shared_ptr<Engine> engine, std::shared_ptr<LoopOutlet> outlet,
              uint64_t request_id, int32_t choices, std::string echo);
  ~LocalStream() override;

  contract::Awaitable<Result<std::optional<contract::Event>>> next() override;
  bool ready() const override { return !events_.empty() || over_; }
  void cancel() override;

  // From the outlet.
  void push(Result<contract::Event> event);

 private:
  void add(contract::Event event);
  void end(std::optional<Error> error);

  const std::shared_ptr<Engine> engine_;
  const std::shared_ptr<LoopOutlet> outlet_;
  const uint64_t request_id_;
  int32_t open_;  // choices without their Finished
  std::string echo_;
  std::deque<contract::Event> events_;
  std::optional<Error> error_;
  bool over_ = false;               // nothing more will come from the engine
  bool waiting_ = false;            // a next() sleeps on the timer
  boost::asio::steady_timer wake_;  // never expires; cancelling it wakes the reader
};

}  // namespace sluice::engine

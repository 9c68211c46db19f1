// Engine: the thread around an EngineCore, and its inbox. While there is work it steps; without
// any it waits. It publishes what it has counted once a step.
//
// submit() and cancel() may be called from any thread, and never wait for a step. A cancel is
// never lost: it takes no place that a submit could have filled, and a request is cancelled at most
// once, so that there are no more of them than live requests.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "contract/engine_stats.h"
#include "engine/engine_core.h"

namespace sluice::engine {

class Engine {
 public:
  // At most `inbox_max` submits wait for the next step. `clock` must outlive the engine.
  Engine(std::unique_ptr<EngineCore> core, const Clock& clock, size_t inbox_max);
  ~Engine();  // stop()
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void start();
  // Ends all requests with kUnavailable, and the thread. Later submits are refused. The loops that
  // sinks post to must live until it returns.
  void stop() EXCLUDES(mutex_);

  // Refused when the inbox is full or the engine stopped; else the sink hears of it.
  Status submit(EngineRequest request) EXCLUDES(mutex_);
  void cancel(uint64_t request_id) EXCLUDES(mutex_);

  uint64_t next_request_id() { return next_request_id_.fetch_add(1, std::memory_order_relaxed); }
  // As of the last step; what has been submitted since counts as waiting.
  contract::EngineStats stats() const EXCLUDES(mutex_, stats_mutex_);
  int32_t context_length() const { return context_length_; }
  bool running() const EXCLUDES(mutex_);

  // For how long the present step has been running; 0 when the engine waits for work.
  TimeNs busy_ns() const;

 private:
  void run();
  bool take(bool wait) EXCLUDES(mutex_);
  void publish() EXCLUDES(mutex_, stats_mutex_);

  const std::unique_ptr<EngineCore> core_;  // the thread's, once it runs
  const Clock& clock_;
  const size_t inbox_max_;
  const int32_t context_length_;
  std::atomic<uint64_t> next_request_id_{1};
  std::atomic<TimeNs> step_start_ns_{0};  // 0: waiting for work

  mutable Mutex mutex_;
  CondVar not_empty_;
  std::vector<EngineRequest> submits_ GUARDED_BY(mutex_);
  std::vector<uint64_t> cancels_ GUARDED_BY(mutex_);
  size_t uncounted_ GUARDED_BY(mutex_) = 0;  // submits that stats_ does not have yet
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool started_ GUARDED_BY(mutex_) = false;

  // The thread's: what it took from the inbox.
  std::vector<EngineRequest> taken_submits_;
  std::vector<uint64_t> taken_cancels_;

  mutable Mutex stats_mutex_;
  contract::EngineStats stats_ GUARDED_BY(stats_mutex_);
  std::thread thread_;
};

}  // namespace sluice::engine

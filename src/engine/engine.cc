#include "engine/engine.h"

#include <pthread.h>
#include <sched.h>

#include <utility>

#include "base/check.h"

namespace sluice::engine {
namespace {

constexpr int32_t kRetryAfterS = 5;

Error stopped_error() {
  return {Code::kUnavailable, "", "the engine is shutting down", "try again in a few seconds",
          kRetryAfterS};
}

}  // namespace

Engine::Engine(std::unique_ptr<EngineCore> core, const Clock& clock, size_t inbox_max)
    : core_(std::move(core)),
      clock_(clock),
      inbox_max_(inbox_max),
      context_length_(core_->context_length()) {}

Engine::~Engine() { stop(); }

void Engine::start() {
  MutexLock lock(mutex_);
  CHECK(!started_ && !stopping_);
  started_ = true;
  thread_ = std::thread([this] { run(); });
}

void Engine::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  not_empty_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status Engine::submit(EngineRequest request) {
  {
    MutexLock lock(mutex_);
    if (stopping_) return std::unexpected(stopped_error());
    if (!started_) return fail(Code::kUnavailable, "", "the engine has not started yet");
    if (submits_.size() >= inbox_max_) {
      return std::unexpected(
          Error{Code::kOverloaded, "",
                std::to_string(submits_.size()) + " requests have come within one step",
                "try again in a few seconds", kRetryAfterS});
    }
    submits_.push_back(std::move(request));
    ++uncounted_;
  }
  not_empty_.notify_one();
  return {};
}

void Engine::cancel(uint64_t request_id) {
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    cancels_.push_back(request_id);
  }
  not_empty_.notify_one();
}

contract::EngineStats Engine::stats() const {
  // In this order: a submit may be counted twice for a moment, but is never missed, so that nobody
  // takes the engine for idle while a request is on its way into its first step.
  size_t uncounted = 0;
  {
    MutexLock lock(mutex_);
    uncounted = uncounted_;
  }
  MutexLock lock(stats_mutex_);
  contract::EngineStats stats = stats_;
  stats.waiting += static_cast<int64_t>(uncounted);
  return stats;
}

bool Engine::running() const {
  MutexLock lock(mutex_);
  return started_ && !stopping_;
}

TimeNs Engine::busy_ns() const {
  const TimeNs start_ns = step_start_ns_.load(std::memory_order_relaxed);
  return start_ns == 0 ? 0 : clock_.now_ns() - start_ns;
}

// Takes what is in the inbox, waiting for something if there is nothing else to do. False when the
// engine is to stop.
bool Engine::take(bool wait) {
  taken_cancels_.clear();
  MutexLock lock(mutex_);
  while (wait && submits_.empty() && cancels_.empty() && !stopping_) not_empty_.wait(mutex_);
  submits_.swap(taken_submits_);
  cancels_.swap(taken_cancels_);
  return !stopping_;
}

void Engine::publish() {
  {
    MutexLock lock(stats_mutex_);
    stats_ = core_->stats();
  }
  if (taken_submits_.empty()) return;
  MutexLock lock(mutex_);
  uncounted_ -= taken_submits_.size();
  taken_submits_.clear();
}

void Engine::run() {
  // Worker 0 of the runner's team. SCHED_BATCH: a waking io thread gets in at once.
  pthread_setname_np(pthread_self(), "compute_0");
  sched_param parameters{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
  while (true) {
    const bool wait = core_->idle();
    if (wait) step_start_ns_.store(0, std::memory_order_relaxed);
    const bool go_on = take(wait);
    step_start_ns_.store(clock_.now_ns(), std::memory_order_relaxed);
    for (EngineRequest& request : taken_submits_) core_->submit(std::move(request));
    for (const uint64_t id : taken_cancels_) core_->cancel(id);
    if (!go_on) break;
    if (!taken_submits_.empty()) publish();
    core_->step();
    publish();
  }
  core_->fail_all(stopped_error());
  core_->check_integrity();
  publish();
  step_start_ns_.store(0, std::memory_order_relaxed);
}

}  // namespace sluice::engine

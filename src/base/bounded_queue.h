// A bounded queue from many threads to one. Pushing never blocks: full is an answer.
// Any thread may push; one thread takes.
#pragma once

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace sluice {

template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  // False, and `value` untouched, when the queue is full or closed.
  [[nodiscard]] bool try_push(T&& value) EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (closed_ || items_.size() >= capacity_) return false;
      items_.push_back(std::move(value));
    }
    not_empty_.notify_one();
    return true;
  }

  // Moves all items to `out` (cleared first) without waiting.
  void take_all(std::vector<T>& out) EXCLUDES(mutex_) {
    out.clear();
    MutexLock lock(mutex_);
    items_.swap(out);
  }

  // Waits until there is something to take, the queue is closed or the time is over.
  template <typename Duration>
  void wait_for(Duration duration) EXCLUDES(mutex_) {
    const auto deadline = std::chrono::steady_clock::now() + duration;
    MutexLock lock(mutex_);
    while (items_.empty() && !closed_) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= left.zero() || !not_empty_.wait_for(mutex_, left)) return;
    }
  }

  // Waits without a limit until there is something to take or the queue is closed.
  void wait() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (items_.empty() && !closed_) not_empty_.wait(mutex_);
  }

  // Later pushes fail; what is inside can still be taken.
  void close() EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      closed_ = true;
    }
    not_empty_.notify_all();
  }

  bool closed() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return closed_;
  }

  size_t size() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return items_.size();
  }

 private:
  const size_t capacity_;
  mutable Mutex mutex_;
  CondVar not_empty_;
  std::vector<T> items_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace sluice

// Time as the scheduler and the engine see it: a clock that is passed in, so that tests and the
// simulator decide what time it is. Nanoseconds on a steady clock of unspecified origin.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

using TimeNs = int64_t;
constexpr TimeNs kNsPerMs = 1'000'000;
constexpr TimeNs kNsPerSecond = 1'000'000'000;

class Clock {
 public:
  virtual ~Clock() = default;
  // Thread-safe.
  virtual TimeNs now_ns() const = 0;
};

class SteadyClock final : public Clock {
 public:
  TimeNs now_ns() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

// A clock that stands still until told otherwise. One thread.
class FakeClock final : public Clock {
 public:
  TimeNs now_ns() const override { return now_ns_; }
  void advance_ns(TimeNs ns) { now_ns_ += ns; }

 private:
  TimeNs now_ns_ = kNsPerSecond;
};

}  // namespace sluice

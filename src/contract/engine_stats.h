// What a generator has counted since it started: plain values that the engine publishes once a
// step as one snapshot, and that /metrics renders. Names follow vLLM's metrics.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::contract {

// Upper bounds of the buckets in seconds or tokens; one more bucket holds the rest.
inline constexpr std::array kTimeToFirstTokenBounds = {
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,  0.25,  0.5,   0.75,
    1.0,   2.5,   5.0,  7.5,  10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0};
inline constexpr std::array kInterTokenBounds = {0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.025,
                                                 0.05,  0.075,  0.1,   0.15, 0.2,   0.3,  0.4,
                                                 0.5,   0.75,   1.0,   2.5,  5.0,   7.5,  10.0};
inline constexpr std::array kRequestTimeBounds = {
    0.01, 0.03, 0.1,  0.3,  0.5,  0.8,  1.0,   1.5,   2.0,   2.5,   5.0,    10.0,
    15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0};
inline constexpr std::array kTokenBounds = {1.0,   2.0,   5.0,   10.0,   20.0,   50.0,
                                            100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0,
                                            1e4,   2e4,   5e4,   1e5,    2e5};
inline constexpr std::array kIterationTokenBounds = {
    1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0};
inline constexpr std::array kStepHostBounds = {1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4,
                                               1e-3, 2e-3, 5e-3, 1e-2, 1e-1};

// A histogram over constant bounds; a copy is a plain copy.
template <const auto& kBounds>
struct Histogram {
  std::array<uint64_t, std::size(kBounds) + 1> counts{};  // of each bucket alone
  double sum = 0;

  static constexpr std::span<const double> bounds() { return kBounds; }

  void observe(double value, uint64_t times = 1) {
    const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), value) - kBounds.begin();
    counts[static_cast<size_t>(bucket)] += times;
    sum += value * static_cast<double>(times);
  }
};

// Why a request was refused before it was admitted.
enum class Rejection : uint8_t {
  kInvalid,        // the model's own checks: unknown model, bad ids
  kContextLength,  // prompt plus answer cannot fit
  kQueueFull,
  kQueueTimeout,  // waited too long, or was predicted to
  kDeadline,      // the client's own deadline cannot be met
  kUnavailable,   // loading, draining, dead
};
inline constexpr std::array<const char*, 6> kRejectionNames = {
    "invalid", "context_length", "queue_full", "queue_timeout", "deadline", "unavailable"};

// Where a request was when it was cancelled.
enum class CancelStage : uint8_t { kQueued, kPrefill, kDecode, kPreempted };
inline constexpr std::array<const char*, 4> kCancelStageNames = {"queued", "prefill", "decode",
                                                                 "preempted"};

// Indexed by FinishReason (contract/event.h).
inline constexpr size_t kFinishReasons = 3;

struct EngineStats {
  // Gauges.
  int64_t running = 0;
  int64_t waiting = 0;
  double kv_usage = 0;  // 0 to 1

  // Counters.
  uint64_t prompt_tokens = 0;
  uint64_t generation_tokens = 0;
  uint64_t prefix_cache_queries = 0;  // tokens looked up
  uint64_t prefix_cache_hits = 0;     // tokens found
  uint64_t preemptions = 0;
  uint64_t steps = 0;
  std::array<uint64_t, kFinishReasons> finished{};
  std::array<uint64_t, kRejectionNames.size()> rejections{};
  std::array<uint64_t, kCancelStageNames.size()> cancelled{};

  // Histograms; seconds or tokens.
  Histogram<kTimeToFirstTokenBounds> time_to_first_token;
  Histogram<kInterTokenBounds> inter_token;
  Histogram<kRequestTimeBounds> end_to_end;
  Histogram<kRequestTimeBounds> queue_time;
  Histogram<kRequestTimeBounds> prefill_time;
  Histogram<kRequestTimeBounds> decode_time;
  Histogram<kTokenBounds> request_prompt_tokens;
  Histogram<kTokenBounds> request_generation_tokens;
  Histogram<kIterationTokenBounds> iteration_tokens;
  Histogram<kStepHostBounds> step_host_time;  // work between two steps of the runner

  uint64_t& rejected(Rejection reason) { return rejections[static_cast<size_t>(reason)]; }
  uint64_t& cancelled_at(CancelStage stage) { return cancelled[static_cast<size_t>(stage)]; }
};

}  // namespace sluice::contract

// What the HTTP server counts of its responses, for dashboards that know the names
// requests_total{status} and request_latency_seconds (to the response's head). Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "base/mutex.h"
#include "http/server.h"
#include "telemetry/metrics_page.h"

namespace sluice::telemetry {

class HttpMetrics {
 public:
  static constexpr std::array kLatencyBounds = {0.1, 0.5, 1.0, 2.0, 5.0, 10.0};

  // Every response but those of /metrics itself.
  void observe(std::string_view route, int status, double latency_s) EXCLUDES(mutex_);
  void write(MetricsPage& page) const EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::map<int, uint64_t> by_status_ GUARDED_BY(mutex_);
  std::array<uint64_t, kLatencyBounds.size() + 1> latency_ GUARDED_BY(mutex_) = {};
  double latency_sum_s_ GUARDED_BY(mutex_) = 0;
};

// Resident memory, CPU seconds, open files, start time (Linux /proc), and which build this is.
void write_process_metrics(MetricsPage& page);
void write_build_info(MetricsPage& page, std::string_view version);

}  // namespace sluice::telemetry

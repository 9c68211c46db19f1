// Everything that watches requests, as the http server's observer: counts, latencies and the log.
// Owned by whoever wires the program, outlives the server. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"
#include "http/server.h"
#include "telemetry/access_log.h"
#include "telemetry/http_metrics.h"
#include "telemetry/metrics_page.h"

namespace sluice::telemetry {

struct TelemetryOptions {
  std::string metrics_prefix = "sluice_";
  std::string version;
  bool access_log = true;
  int access_log_fd = 1;
};

class Telemetry final : public http::Observer {
 public:
  explicit Telemetry(TelemetryOptions options);

  // What the handler learned of a request that it still answers; it is forgotten with the
  // response. `request` is the exchange's own.
  void note(const http::Request& request, RequestNote note) EXCLUDES(mutex_);

  void on_response(const http::Request& request, int status, TimeNs header_ns, TimeNs end_ns,
                   size_t bytes, bool aborted) override EXCLUDES(mutex_);

  // A page with the prefix, to which the caller adds before finish() adds the rest and renders.
  MetricsPage new_page() const { return MetricsPage(options_.metrics_prefix); }
  std::string finish(MetricsPage page) const;

 private:
  const TelemetryOptions options_;
  HttpMetrics http_;
  std::unique_ptr<AccessLog> log_;
  Mutex mutex_;
  std::unordered_map<const http::Request*, RequestNote> notes_ GUARDED_BY(mutex_);
};

}  // namespace sluice::telemetry

#include "telemetry/telemetry.h"

#include <unistd.h>

namespace sluice::telemetry {

Telemetry::Telemetry(TelemetryOptions options) : options_(std::move(options)) {
  if (options_.access_log) {
    log_ = std::make_unique<AccessLog>(options_.access_log_fd, isatty(options_.access_log_fd) == 1);
  }
}

void Telemetry::note(const http::Request& request, RequestNote note) {
  if (!log_) return;
  MutexLock lock(mutex_);
  notes_[&request] = std::move(note);
}

void Telemetry::on_response(const http::Request& request, int status, TimeNs header_ns,
                            TimeNs end_ns, size_t bytes, bool aborted) {
  const TimeNs head_ns = header_ns > 0 ? header_ns : end_ns;
  const TimeNs begin_ns = request.received_ns > 0 ? request.received_ns : head_ns;
  http_.observe(request.route, status, static_cast<double>(head_ns - begin_ns) / 1e9);
  if (!log_) return;
  AccessRecord record{request.id, request.method,    request.route, request.client_address,
                      status,     end_ns - begin_ns, bytes,         aborted,
                      {}};
  {
    MutexLock lock(mutex_);
    if (const auto found = notes_.extract(&request)) record.note = std::move(found.mapped());
  }
  log_->write(record);
}

std::string Telemetry::finish(MetricsPage page) const {
  write_build_info(page, options_.version);
  if (log_) {
    page.counter("access_log_dropped_total", "Lines lost because nobody read them in time.",
                 static_cast<double>(log_->dropped()));
  }
  page.without_prefix();
  write_process_metrics(page);
  http_.write(page);
  return page.render();
}

}  // namespace sluice::telemetry

// One page of /metrics while it is put together: whoever has something to show adds it, then the
// page is rendered as Prometheus text. A value of one thread.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::telemetry {

using Labels = std::vector<std::pair<std::string, std::string>>;

class MetricsPage {
 public:
  // "sluice_" or another dashboard's "vllm:".
  explicit MetricsPage(std::string prefix) : prefix_(std::move(prefix)) {}

  // Several values of one name, with different labels, make one family.
  void counter(std::string_view name, std::string_view help, double value, Labels labels = {});
  void gauge(std::string_view name, std::string_view help, double value, Labels labels = {});
  // `counts` has one more entry than `bounds`, each of its bucket alone.
  void histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                 std::span<const uint64_t> counts, double sum);

  // From here on names are taken as they stand.
  void without_prefix() { prefix_.clear(); }

  std::string render() const;

 private:
  prometheus::ClientMetric& add(std::string_view name, std::string_view help,
                                prometheus::MetricType type, Labels labels);

  std::string prefix_;
  std::vector<prometheus::MetricFamily> families_;
};

constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace sluice::telemetry

#include "telemetry/metrics_page.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace sluice::telemetry {

prometheus::ClientMetric& MetricsPage::add(std::string_view name, std::string_view help,
                                           prometheus::MetricType type, Labels labels) {
  std::string full = prefix_ + std::string(name);
  auto family = std::ranges::find(families_, full, &prometheus::MetricFamily::name);
  if (family == families_.end()) {
    families_.push_back({std::move(full), std::string(help), type, {}});
    family = families_.end() - 1;
  }
  prometheus::ClientMetric& metric = family->metric.emplace_back();
  for (auto& [label, value] : labels) {
    metric.label.push_back({std::move(label), std::move(value)});
  }
  return metric;
}

void MetricsPage::counter(std::string_view name, std::string_view help, double value,
                          Labels labels) {
  add(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = value;
}

void MetricsPage::gauge(std::string_view name, std::string_view help, double value, Labels labels) {
  add(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
}

void MetricsPage::histogram(std::string_view name, std::string_view help,
                            std::span<const double> bounds, std::span<const uint64_t> counts,
                            double sum) {
  CHECK(counts.size() == bounds.size() + 1);
  auto& histogram = add(name, help, prometheus::MetricType::Histogram, {}).histogram;
  uint64_t total = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({total, bound});
  }
  histogram.sample_count = total;
  histogram.sample_sum = sum;
}

std::string MetricsPage::render() const {
  return prometheus::TextSerializer().Serialize(families_);
}

}  // namespace sluice::telemetry

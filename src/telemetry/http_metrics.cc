#include "telemetry/http_metrics.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace sluice::telemetry {
namespace {

// Field n (from 3 on, as in proc(5)) of /proc/self/stat; the name before may hold spaces.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::vector<std::string> fields;
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(line.substr(name_end + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double number(const std::vector<std::string>& fields, size_t proc_index) {
  const size_t index = proc_index - 3;
  return index < fields.size() ? std::strtod(fields[index].c_str(), nullptr) : 0;
}

double boot_time_s() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return 0;
}

double open_files() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  int count = 0;
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return std::max(0, count - 3);  // ".", "..", and the directory itself
}

}  // namespace

void HttpMetrics::observe(std::string_view route, int status, double latency_s) {
  if (route == "/metrics") return;
  const auto bucket = std::ranges::lower_bound(kLatencyBounds, latency_s) - kLatencyBounds.begin();
  MutexLock lock(mutex_);
  ++by_status_[status];
  ++latency_[static_cast<size_t>(bucket)];
  latency_sum_s_ += latency_s;
}

void HttpMetrics::write(MetricsPage& page) const {
  MutexLock lock(mutex_);
  for (const auto& [status, count] : by_status_) {
    page.counter("requests_total", "Responses by status.", static_cast<double>(count),
                 {{"status", std::to_string(status)}});
  }
  page.histogram("request_latency_seconds", "From a request to the head of its response.",
                 kLatencyBounds, latency_, latency_sum_s_);
}

void write_process_metrics(MetricsPage& page) {
  const std::vector<std::string> fields = stat_fields();
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  page.counter("process_cpu_seconds_total", "User and system CPU time.",
               (number(fields, 14) + number(fields, 15)) / ticks);
  page.gauge("process_resident_memory_bytes", "Resident memory.", number(fields, 24) * page_bytes);
  page.gauge("process_virtual_memory_bytes", "Virtual memory.", number(fields, 23));
  page.gauge("process_open_fds", "Open file descriptors.", open_files());
  page.gauge("process_start_time_seconds", "Start of the process, Unix time.",
             boot_time_s() + number(fields, 22) / ticks);
}

void write_build_info(MetricsPage& page, std::string_view version) {
  page.gauge("build_info", "Which build this is; always 1.", 1,
             {{"version", std::string(version)}});
}

}  // namespace sluice::telemetry

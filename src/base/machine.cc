#include "base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The directories of this process's cgroup, innermost first, for version 2 or for one controller
// of version 1.
std::vector<std::string> cgroup_directories(const std::string& root, std::string_view controller) {
  std::vector<std::string> out;
  std::ifstream file(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool version2 = controllers.empty();
    if (!version2 && controllers.find(controller) == std::string::npos) continue;
    const std::string base =
        root + "/sys/fs/cgroup" + (version2 ? "" : "/" + std::string(controller));
    for (std::string path = line.substr(second + 1);; path.resize(path.rfind('/'))) {
      out.push_back(base + (path == "/" ? "" : path));
      if (path.empty() || path == "/" || path.rfind('/') == std::string::npos) break;
    }
    out.push_back(base);
  }
  return out;
}

uint64_t smallest_number(const std::vector<std::string>& directories,
                         std::initializer_list<const char*> names) {
  uint64_t smallest = UINT64_MAX;
  for (const std::string& directory : directories) {
    for (const char* name : names) {
      std::istringstream text(first_line(directory + "/" + name));
      uint64_t value = 0;
      if (text >> value) smallest = std::min(smallest, value);
    }
  }
  return smallest;
}

uint64_t meminfo_bytes(std::string_view key) {
  std::ifstream file("/proc/meminfo");
  std::string name;
  uint64_t kilobytes = 0;
  std::string unit;
  while (file >> name >> kilobytes >> unit) {
    if (name == key) return kilobytes << 10;
  }
  return 0;
}

// Hardware threads of one core count once.
int physical_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  std::set<std::pair<std::string, std::string>> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    const std::string core = first_line(topology + "core_id");
    cores.emplace(first_line(topology + "physical_package_id"),
                  core.empty() ? std::to_string(cpu) : core);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

}  // namespace

int cgroup_cpu_quota(const std::string& root) {
  int quota = 0;
  for (const std::string& directory : cgroup_directories(root, "cpu")) {
    double limit = 0;
    double period = 0;
    std::istringstream version2(first_line(directory + "/cpu.max"));
    if (!(version2 >> limit >> period)) {
      std::istringstream(first_line(directory + "/cpu.cfs_quota_us")) >> limit;
      std::istringstream(first_line(directory + "/cpu.cfs_period_us")) >> period;
    }
    if (limit <= 0 || period <= 0) continue;
    const int cores = std::max(1, static_cast<int>(std::ceil(limit / period)));
    quota = quota == 0 ? cores : std::min(quota, cores);
  }
  return quota;
}

uint64_t cgroup_memory_limit(const std::string& root) {
  return smallest_number(cgroup_directories(root, "memory"),
                         {"memory.max", "memory.limit_in_bytes"});
}

uint64_t cgroup_memory_used(const std::string& root) {
  const uint64_t used = smallest_number(cgroup_directories(root, "memory"),
                                        {"memory.current", "memory.usage_in_bytes"});
  return used == UINT64_MAX ? 0 : used;
}

int usable_cores() {
  const int quota = cgroup_cpu_quota("");
  const int cores = physical_cores();
  return quota == 0 ? cores : std::min(cores, quota);
}

uint64_t memory_limit_bytes() {
  return std::min(meminfo_bytes("MemTotal:"), cgroup_memory_limit(""));
}

uint64_t memory_available_bytes() {
  const uint64_t available = meminfo_bytes("MemAvailable:");
  const uint64_t limit = cgroup_memory_limit("");
  if (limit == UINT64_MAX) return available;
  const uint64_t used = cgroup_memory_used("");
  return std::min(available, limit > used ? limit - used : 0);
}

uint64_t resident_bytes() {
  std::istringstream text(first_line("/proc/self/statm"));
  uint64_t total = 0;
  uint64_t resident = 0;
  text >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace sluice

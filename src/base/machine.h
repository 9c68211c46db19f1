// What this process may use of the machine: the cgroup's limits count, not only the hardware's.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

// Cores for compute threads: physical cores this process may run on, and no more than its cgroup's
// CPU quota. At least 1.
int usable_cores();

// Bytes this process may use in all: the machine's memory or the cgroup's limit, the smaller.
uint64_t memory_limit_bytes();

// Bytes that could be allocated now without swapping.
uint64_t memory_available_bytes();

// Bytes of this process in memory (VmRSS).
uint64_t resident_bytes();

// --- for tests: the same read from files under `root` instead of "/" ---
int cgroup_cpu_quota(const std::string& root);          // cores, rounded up; 0: no quota
uint64_t cgroup_memory_limit(const std::string& root);  // UINT64_MAX: no limit
uint64_t cgroup_memory_used(const std::string& root);

}  // namespace sluice

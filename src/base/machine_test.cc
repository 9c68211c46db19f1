#include "base/machine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

namespace fs = std::filesystem;

// A file tree that stands for the system's root.
class FakeRoot {
 public:
  FakeRoot() : path_(fs::path(testing::TempDir()) / ("root" + std::to_string(getpid()))) {
    fs::remove_all(path_);
  }
  ~FakeRoot() { fs::remove_all(path_); }
  void write(const std::string& name, const std::string& text) {
    const fs::path file = path_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

TEST(Machine, TakesTheTightestLimitOfTheCgroupAndItsParents) {
  FakeRoot root;
  root.write("proc/self/cgroup", "0::/box/inner\n");
  root.write("sys/fs/cgroup/box/cpu.max", "150000 100000\n");
  root.write("sys/fs/cgroup/box/inner/cpu.max", "max 100000\n");
  root.write("sys/fs/cgroup/box/memory.max", "1000000\n");
  root.write("sys/fs/cgroup/box/inner/memory.max", "max\n");
  EXPECT_EQ(cgroup_cpu_quota(root.path()), 2);
  EXPECT_EQ(cgroup_memory_limit(root.path()), 1000000u);
}

TEST(Machine, ReadsVersion1Controllers) {
  FakeRoot root;
  root.write("proc/self/cgroup", "5:cpu,cpuacct:/box\n6:memory:/box\n");
  root.write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "50000\n");
  root.write("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  root.write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "2000000\n");
  EXPECT_EQ(cgroup_cpu_quota(root.path()), 1);
  EXPECT_EQ(cgroup_memory_limit(root.path()), 2000000u);
}

TEST(Machine, HasNoLimitWithoutCgroups) {
  FakeRoot root;
  EXPECT_EQ(cgroup_cpu_quota(root.path()), 0);
  EXPECT_EQ(cgroup_memory_limit(root.path()), UINT64_MAX);
}

TEST(Machine, KnowsItself) {
  EXPECT_GE(usable_cores(), 1);
  EXPECT_GT(memory_limit_bytes(), 1u << 20);
  EXPECT_GT(memory_available_bytes(), 0u);
  EXPECT_GT(resident_bytes(), 0u);
}

}  // namespace
}  // namespace sluice

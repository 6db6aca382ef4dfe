#include "base/process_memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace leat {
namespace {

/// A machine of 4,096 KiB.
class AvailableMemory : public testing::Test {
 protected:
  AvailableMemory() { put("proc/meminfo", "MemTotal:       4096 kB\nMemFree:  12 kB\n"); }
  ~AvailableMemory() override { std::filesystem::remove_all(root_); }

  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::uint64_t bytes() const { return available_memory_bytes(root_); }

  const std::string root_ = std::filesystem::temp_directory_path() /
                            (testing::UnitTest::GetInstance()->current_test_info()->name() +
                             std::to_string(::getpid()) + "/");
};

TEST_F(AvailableMemory, IsTheMachinesWhereNothingLimitsIt) {
  EXPECT_EQ(bytes(), 4096u << 10);
  put("proc/self/cgroup", "0::/\n");
  put("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(bytes(), 4096u << 10);
}

TEST_F(AvailableMemory, IsTheLeastOfTheGroupsAround) {
  put("proc/self/cgroup", "0::/system.slice/leat.service\n");
  put("sys/fs/cgroup/system.slice/leat.service/memory.max", "max\n");
  put("sys/fs/cgroup/system.slice/memory.max", "3000000\n");
  EXPECT_EQ(bytes(), 3'000'000u);
  put("sys/fs/cgroup/system.slice/leat.service/memory.max", "2000000\n");
  EXPECT_EQ(bytes(), 2'000'000u);
}

TEST_F(AvailableMemory, OfAGroupThatTheContainerDoesNotSee) {
  put("proc/self/cgroup", "5:cpu:/a\n4:memory:/docker/0123\n");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n");
  EXPECT_EQ(bytes(), 1'000'000u);
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(bytes(), 4096u << 10) << "that is no limit";
}

TEST(ProcessMemory, IsWhatIsTouched) {
  const std::uint64_t before = resident_bytes();
  const std::vector<char> touched(64 << 20, 'x');
  EXPECT_GE(resident_bytes(), before + (60 << 20)) << touched.size();
  EXPECT_GE(available_memory_bytes(), resident_bytes());
}

}  // namespace
}  // namespace leat

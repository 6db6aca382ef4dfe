#include "io/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>

#include "io/posix_file_system.h"
#include "io/simulated_file_system.h"

namespace leat::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// What both file systems must do alike.
class EveryFileSystem : public testing::TestWithParam<bool> {
 protected:
  EveryFileSystem() {
    if (GetParam()) {
      char name[] = "/tmp/leat-io-XXXXXX";
      root_ = ::mkdtemp(name);
      files_ = &posix_file_system();
    } else {
      root_ = "/disk";
      files_ = &simulated_;
      EXPECT_TRUE(files_->create_directories(root_));
    }
  }
  ~EveryFileSystem() override {
    if (GetParam()) std::filesystem::remove_all(root_);
  }

  std::string path(const std::string& name) const { return root_ + "/" + name; }

  std::string read_all(const std::string& name) {
    auto file = files_->open(path(name), OpenMode::read);
    if (!file) return file.error().code;
    std::string bytes((*file)->size().value() + 10, '?');
    bytes.resize((*file)->read_at(bytes, 0).value());
    return bytes;
  }

  SimulatedFileSystem simulated_;
  FileSystem* files_ = nullptr;
  std::string root_;
};
INSTANTIATE_TEST_SUITE_P(All, EveryFileSystem, testing::Bool(),
                         [](const auto& param) { return param.param ? "Posix" : "Simulated"; });

TEST_P(EveryFileSystem, AppendsAndReads) {
  auto file = files_->open(path("a"), OpenMode::create).value();
  ASSERT_TRUE(file->append("hello "));
  ASSERT_TRUE(file->append("world"));
  char part[5];
  EXPECT_EQ(file->read_at(part, 6).value(), 5u);
  EXPECT_EQ(std::string_view(part, 5), "world");
  EXPECT_EQ(file->read_at(part, 9).value(), 2u);
  EXPECT_EQ(file->read_at(part, 99).value(), 0u);
  EXPECT_EQ(file->size().value(), 11u);
  ASSERT_TRUE(file->truncate(5));
  ASSERT_TRUE(file->append("!"));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(read_all("a"), "hello!");
}

TEST_P(EveryFileSystem, OpensByMode) {
  EXPECT_EQ(files_->open(path("a"), OpenMode::read).error().code, "file-not-found");
  ASSERT_TRUE(files_->open(path("a"), OpenMode::append).value()->append("1"));
  ASSERT_TRUE(files_->open(path("a"), OpenMode::append).value()->append("2"));
  EXPECT_EQ(read_all("a"), "12");
  EXPECT_EQ(files_->open(path("a"), OpenMode::create).error().code, "file-exists");
  EXPECT_FALSE(files_->open(path("a"), OpenMode::read).value()->append("3"));
}

TEST_P(EveryFileSystem, ChangesDirectories) {
  ASSERT_TRUE(files_->create_directories(path("x/y/z")));
  ASSERT_TRUE(files_->create_directories(path("x/y/z")));
  ASSERT_TRUE(files_->open(path("x/b"), OpenMode::create));
  ASSERT_TRUE(files_->open(path("x/a"), OpenMode::create).value()->append("new"));
  EXPECT_THAT(files_->list(path("x")).value(), ElementsAre("a", "b", "y"));
  ASSERT_TRUE(files_->rename(path("x/a"), path("x/b")));
  EXPECT_EQ(read_all("x/b"), "new");
  EXPECT_FALSE(files_->remove(path("x"))) << "it is not empty";
  ASSERT_TRUE(files_->remove(path("x/b")));
  EXPECT_THAT(files_->list(path("x")).value(), ElementsAre("y"));
  EXPECT_FALSE(files_->exists(path("x/b")).value());
  EXPECT_TRUE(files_->exists(path("x/y")).value());
  EXPECT_TRUE(files_->sync_directory(path("x")));
  EXPECT_FALSE(files_->list(path("nowhere")));
  ASSERT_TRUE(files_->open(path("file"), OpenMode::create));
  EXPECT_FALSE(files_->create_directories(path("file/below")));
}

TEST_P(EveryFileSystem, LocksForOneAtATime) {
  auto held = files_->lock(path("lock"), "pid 7 on mill");
  ASSERT_TRUE(held);
  const auto second = files_->lock(path("lock"), "pid 8 on mill");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "locked");
  EXPECT_THAT(second.error().message, HasSubstr("pid 7 on mill"));
  held->reset();
  EXPECT_TRUE(files_->lock(path("lock"), "pid 8 on mill"));
}

TEST(PosixFileSystem, TellsFreeBytesAndWhoWeAre) {
  EXPECT_GT(posix_file_system().free_bytes("/tmp").value(), 0u);
  EXPECT_THAT(this_process(), testing::MatchesRegex("pid [0-9]+ on .+ since 20.*Z"));
}

TEST(PosixFileSystem, SaysThatTheDiskIsFull) {
  auto full = posix_file_system().open("/dev/full", OpenMode::append);
  if (!full) GTEST_SKIP() << full.error().message;
  const Status written = (*full)->append("x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, "disk-full");
  EXPECT_TRUE(written.error().retryable);
}

class PowerLoss : public testing::Test {
 protected:
  PowerLoss() {
    EXPECT_TRUE(files_.create_directories("/d"));
    EXPECT_TRUE(files_.sync_directory("/"));
  }
  std::unique_ptr<File> make(const std::string& path, std::string_view bytes, bool sync) {
    auto file = files_.open(path, OpenMode::append).value();
    EXPECT_TRUE(file->append(bytes));
    if (sync) {
      EXPECT_TRUE(file->sync());
    }
    return file;
  }
  SimulatedFileSystem files_;
};

TEST_F(PowerLoss, KeepsDirectoriesThatWereCreated) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::string path = "/new" + std::to_string(seed) + "/below";
    ASSERT_TRUE(files_.create_directories(path));
    files_.lose_power(seed);
    EXPECT_TRUE(files_.exists(path).value()) << seed;
  }
}

TEST_F(PowerLoss, KeepsWhatWasSynced) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const std::string path = "/d/" + std::to_string(seed);
    auto file = make(path, "synced", true);
    ASSERT_TRUE(files_.sync_directory("/d"));
    ASSERT_TRUE(file->append("tail"));
    files_.lose_power(seed);
    const std::string left = files_.contents(path);
    EXPECT_TRUE(left.starts_with("synced")) << left;
    EXPECT_LE(left.size(), 10u);
    EXPECT_FALSE(file->append("x")) << "opened before the power loss";
  }
}

TEST_F(PowerLoss, LosesWhatWasNot) {
  std::set<std::string> tails;
  bool lost_file = false;
  bool lost_rename = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::string base = "/d/" + std::to_string(seed);
    auto file = make(base, "", true);
    ASSERT_TRUE(files_.sync_directory("/d"));
    ASSERT_TRUE(file->append("tail"));
    make(base + "-unnamed", "bytes", true);
    ASSERT_TRUE(files_.rename(base, base + "-renamed"));
    files_.lose_power(seed);
    tails.insert(files_.contents(base) + files_.contents(base + "-renamed"));
    lost_file |= !files_.exists(base + "-unnamed").value();
    lost_rename |= files_.exists(base).value();
  }
  EXPECT_TRUE(tails.contains("") && tails.contains("ta") && tails.contains("tail"));
  EXPECT_TRUE(tails.contains(std::string(4, '\0'))) << "a sector that never arrived";
  EXPECT_TRUE(lost_file);
  EXPECT_TRUE(lost_rename);
}

TEST_F(PowerLoss, AStopBeforeASyncMayKeepAllThatWasWritten) {
  std::set<std::string> left;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    auto file = make(fmt::format("/d/{}", seed), "synced", true);
    ASSERT_TRUE(files_.sync_directory("/d"));
    ASSERT_TRUE(file->append("tail"));
    files_.halt_at(0);
    EXPECT_FALSE(file->sync());
    files_.lose_power(seed);
    left.insert(files_.contents(fmt::format("/d/{}", seed)));
  }
  EXPECT_TRUE(left.contains("syncedtail") && left.contains("synced"));
}

TEST_F(PowerLoss, AFailedSyncIsNotMendedByASecondOne) {
  auto file = make("/d/a", "one", true);
  ASSERT_TRUE(files_.sync_directory("/d"));
  ASSERT_TRUE(file->append("two"));
  files_.fail(SimulatedFileSystem::Operation::sync, 0, SimulatedFileSystem::Fault::io_error);
  EXPECT_FALSE(file->sync());
  EXPECT_TRUE(file->sync()) << "as Linux, it claims success";
  files_.lose_power(1);
  EXPECT_EQ(files_.contents("/d/a"), std::string("one\0\0\0", 6));
}

TEST_F(PowerLoss, FaultsComeAtTheAskedTime) {
  using Operation = SimulatedFileSystem::Operation;
  using Fault = SimulatedFileSystem::Fault;
  auto file = make("/d/a", "", false);
  files_.fail(Operation::append, 1, Fault::short_write);
  EXPECT_TRUE(file->append("1234"));
  EXPECT_FALSE(files_.failed());
  EXPECT_EQ(file->append("5678").error().code, "disk-full");
  EXPECT_TRUE(files_.failed());
  EXPECT_TRUE(file->append("9"));
  EXPECT_EQ(files_.contents("/d/a"), "1234569");
  files_.fail_change(0, Fault::io_error);
  EXPECT_EQ(files_.rename("/d/a", "/d/b").error().code, "io-error");
  EXPECT_TRUE(files_.rename("/d/a", "/d/b"));
}

TEST_F(PowerLoss, TheQuotaFillsTheDisk) {
  files_.set_quota(6);
  auto file = make("/d/a", "1234", false);
  EXPECT_EQ(file->append("5678").error().code, "disk-full");
  EXPECT_EQ(files_.contents("/d/a"), "123456");
  EXPECT_EQ(files_.free_bytes("/d").value(), 0u);
  files_.set_quota(100);
  EXPECT_TRUE(file->append("7"));
}

}  // namespace
}  // namespace leat::io

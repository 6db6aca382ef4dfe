// The store on a disk that loses power, and whose operations fail.

#include <random>

#include <gtest/gtest.h>

#include "io/simulated_file_system.h"
#include "state/store.h"

namespace leat::state {
namespace {

using io::SimulatedFileSystem;

/// So much that nothing is flushed in the background, whose operations would fail in place of ours.
constexpr std::size_t buffer_bytes = 8u << 20;

/// Commits a value to two families at once, over and over, and knows which of them must be there.
class FaultyDisk {
 public:
  explicit FaultyDisk(std::uint64_t seed) : random_(seed) {
    EXPECT_TRUE(files_.create_directories("/data"));
  }

  Status open() {
    store_.reset();
    store_ = LEAT_TRY(Store::open(
        "/data/store",
        {.files = &files_, .block_cache_bytes = buffer_bytes, .write_buffer_bytes = buffer_bytes}));
    // Whoever opens a store syncs the folder that it lies in.
    LEAT_TRY(files_.sync_directory("/data"));
    LEAT_TRY(store_->make_families(std::vector<std::string>{"a", "b"}));
    a_ = LEAT_TRY(store_->family("a"));
    b_ = LEAT_TRY(store_->family("b"));
    return {};
  }

  /// The next number, with much or little beside it. A full disk is tried again, as it may be.
  Status commit() {
    const std::string value = std::to_string(tried_ + 1);
    const auto batch = store_->new_batch();
    batch->put(*a_, "number", value);
    batch->put(*a_, "rest", std::string(random_() % 3 == 0 ? random_() % 100'000 : 10, 'x'));
    batch->put(*b_, "number", value);
    ++tried_;
    Status status = store_->commit(*batch);
    if (!status && status.error().code == "disk-full") status = store_->commit(*batch);
    if (status) acknowledged_ = tried_;
    return status;
  }

  void lose_power() {
    files_.lose_power(random_());
    store_.reset();
    files_.heal();
  }

  /// What was acknowledged is there, or what was tried after it, and never a part.
  void check() {
    const auto a = store_->get(*a_, "number").value().value_or("0");
    const auto b = store_->get(*b_, "number").value().value_or("0");
    EXPECT_EQ(a, b);
    EXPECT_GE(std::stoi(a), acknowledged_);
    EXPECT_LE(std::stoi(a), tried_);
    acknowledged_ = tried_ = std::stoi(a);
  }

  SimulatedFileSystem& files() { return files_; }
  bool chance(unsigned of) { return random_() % of == 0; }

 private:
  std::mt19937_64 random_;
  SimulatedFileSystem files_;
  std::unique_ptr<Store> store_;
  Family *a_ = nullptr, *b_ = nullptr;
  int tried_ = 0, acknowledged_ = 0;
};

TEST(StoreFaults, PowerLossTakesNothingThatWasCommitted) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    FaultyDisk disk(seed);
    for (int round = 0; round < 5; ++round) {
      const Status opened = disk.open();
      ASSERT_TRUE(opened) << opened.error().message;
      disk.check();
      while (!disk.chance(4)) ASSERT_TRUE(disk.commit());
      if (disk.chance(2)) {
        disk.files().fail(SimulatedFileSystem::Operation::sync, 0,
                          SimulatedFileSystem::Fault::io_error);
        // Fails, unless it was RocksDB's own work in the background that the fault hit.
        std::ignore = disk.commit();
      }
      disk.lose_power();
    }
  }
}

/// A few commits while the n-th operation that changes something fails, for every n; then the power
/// is lost, and all is there again.
void fail_each(SimulatedFileSystem::Fault fault) {
  bool failed = true;
  for (std::uint64_t nth = 0; failed; ++nth) {
    SCOPED_TRACE(nth);
    FaultyDisk disk(nth);
    disk.files().fail_change(nth, fault);
    if (disk.open()) {
      for (int i = 0; i < 4 && disk.commit(); ++i) {
      }
    }
    failed = disk.files().failed();
    disk.lose_power();
    const Status opened = disk.open();
    ASSERT_TRUE(opened) << opened.error().message;
    disk.check();
    EXPECT_TRUE(disk.commit());
  }
}

TEST(StoreFaults, AnyIoErrorLeavesNoDamage) { fail_each(SimulatedFileSystem::Fault::io_error); }
TEST(StoreFaults, AnyFullDiskLeavesNoDamage) { fail_each(SimulatedFileSystem::Fault::disk_full); }
TEST(StoreFaults, AnyShortWriteLeavesNoDamage) {
  fail_each(SimulatedFileSystem::Fault::short_write);
}

}  // namespace
}  // namespace leat::state

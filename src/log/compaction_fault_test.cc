#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <new>
#include <random>

#include "log/topics_fixture.h"

namespace leat::log {
namespace {

using Fault = io::SimulatedFileSystem::Fault;
using Newest = std::map<std::string, std::string>;  // value by key; deleted keys are not there

/// Puts, deletes, compacts and retains, and fails or loses power at every point of it.
class CompactionFaultTest : public TopicsFixture {
 protected:
  struct Written {
    std::string key;
    std::optional<std::string> value;  ///< nothing: a tombstone
  };
  static constexpr std::chrono::milliseconds tombstone_delay{5000};

  CompactionFaultTest() {
    config_.compacted = true;
    options_.tombstone_delay = tombstone_delay;
  }

  void begin_anew() {
    topics_.reset();
    files_.~SimulatedFileSystem();
    new (&files_) io::SimulatedFileSystem;
    written_.clear();
    acknowledged_ = 0;
  }

  /// One more put, tried again where that is promised to help; false at an error that lasts.
  bool put_next(PartitionLog& log, std::mt19937_64& random) {
    Written next{fmt::format("key{}", random() % 9), std::nullopt};
    if (random() % 5 != 0) {
      next.value = fmt::format("{}-{}", written_.size(), std::string(random() % 120, 'v'));
    }
    auto put_at = put(log, next.key, next.value);
    if (!put_at && put_at.error().retryable) put_at = put(log, next.key, next.value);
    // After an error it may be there all the same.
    written_.push_back(std::move(next));
    if (!put_at) return false;
    if (!log.sync(put_at->last)) return false;
    acknowledged_ = static_cast<std::int64_t>(written_.size());
    return true;
  }

  /// Everything that changes the disk, until an error that lasts.
  void work(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    if (!start()) return;
    auto topic = topics_->open("t", config_);
    if (!topic) return;
    PartitionLog& log = (*topic)->partition(Partition(0));
    for (int n = 1; n <= 60; ++n) {
      if (!put_next(log, random)) return;
      clock_.now += 200;
      if (n % 20 == 0) (void)topics_->housekeep();
    }
  }

  /// What the newest records of these offsets leave, as a reader of all of them would have it.
  Newest newest_written(Offset first, Offset next) const {
    Newest newest;
    for (auto at = first.value(); at < next.value(); ++at) {
      const Written& record = written_[static_cast<std::size_t>(at)];
      newest.erase(record.key);
      if (record.value) newest[record.key] = *record.value;
    }
    return newest;
  }

  /// The same by the log, whose every record must be one that was written there.
  void read_newest(const PartitionLog& log, Newest& newest) {
    Slice slice;
    Offset before(-1);
    for (Offset next = log.first_offset();; next = slice.next) {
      const Status read = log.read(next, 1, slice);
      ASSERT_TRUE(read) << read.error().message;
      if (slice.records.empty()) return;
      for (const Record& record : slice.records) {
        ASSERT_GT(record.offset, before);
        before = record.offset;
        ASSERT_LT(record.offset.value(), static_cast<std::int64_t>(written_.size()));
        const Written& wanted = written_[static_cast<std::size_t>(record.offset.value())];
        ASSERT_EQ(record.key, wanted.key);
        ASSERT_EQ(record.value.data() != nullptr, wanted.value.has_value());
        newest.erase(wanted.key);
        if (!wanted.value) continue;
        ASSERT_EQ(record.value, *wanted.value);
        newest[wanted.key] = *wanted.value;
      }
    }
  }

  void check() {
    topics_.reset();
    files_.heal();
    const Status started = start();
    ASSERT_TRUE(started) << started.error().message;
    auto topic = topics_->open("t", config_);
    ASSERT_TRUE(topic) << topic.error().message;
    PartitionLog& log = (*topic)->partition(Partition(0));
    ASSERT_GE(log.next_offset().value(), acknowledged_) << "acknowledged records are lost";
    ASSERT_LE(log.next_offset().value(), static_cast<std::int64_t>(written_.size()));
    written_.resize(static_cast<std::size_t>(log.next_offset().value()));
    for (const char* when : {"after the start", "after more housekeeping"}) {
      SCOPED_TRACE(when);
      Newest newest;
      ASSERT_NO_FATAL_FAILURE(read_newest(log, newest));
      ASSERT_EQ(newest, newest_written(log.first_offset(), log.next_offset()));
      std::mt19937_64 random(7);
      for (int n = 0; n < 12; ++n) ASSERT_TRUE(put_next(log, random));
      clock_.now += tombstone_delay.count();
      const Status kept = topics_->housekeep();
      ASSERT_TRUE(kept) << kept.error().message;
    }
  }

  void fail_each(Fault fault, bool lose_power, std::uint64_t seeds = 1) {
    std::uint64_t nth = 0;
    for (bool failed = true; failed; ++nth) {
      for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE(fmt::format("fault at change {}, seed {}", nth, seed));
        begin_anew();
        files_.fail_change(nth, fault);
        work(seed);
        failed = files_.failed();
        if (lose_power) files_.lose_power(nth * seeds + seed);
        ASSERT_NO_FATAL_FAILURE(check());
      }
    }
    EXPECT_GT(nth, 200u);
  }

  std::vector<Written> written_;
  std::int64_t acknowledged_ = 0;
};

TEST_F(CompactionFaultTest, ReallyCompactsAndRetains) {
  begin_anew();
  work(0);
  const PartitionLog& log = topics_->find("t")->partition(Partition(0));
  EXPECT_EQ(log.next_offset(), Offset(60));
  EXPECT_LT(read_all(log).size(), 45u);
  ASSERT_NO_FATAL_FAILURE(check());
  config_.retention_bytes = 2500;
  begin_anew();
  work(0);
  EXPECT_GT(topics_->find("t")->partition(Partition(0)).first_offset(), Offset(0));
}

TEST_F(CompactionFaultTest, AnyIoError) { fail_each(Fault::io_error, false); }
TEST_F(CompactionFaultTest, AnyIoErrorAndThenAPowerLoss) { fail_each(Fault::io_error, true, 3); }
TEST_F(CompactionFaultTest, AnyFullDisk) { fail_each(Fault::disk_full, false); }
TEST_F(CompactionFaultTest, AnyFullDiskAndThenAPowerLoss) { fail_each(Fault::disk_full, true); }
TEST_F(CompactionFaultTest, AnyShortWriteAndThenAPowerLoss) { fail_each(Fault::short_write, true); }

TEST_F(CompactionFaultTest, AnyIoErrorWithRetention) {
  config_.retention_bytes = 2500;
  fail_each(Fault::io_error, false);
}
TEST_F(CompactionFaultTest, AnyIoErrorWithRetentionAndThenAPowerLoss) {
  config_.retention_bytes = 2500;
  fail_each(Fault::io_error, true, 2);
}
TEST_F(CompactionFaultTest, AnyFullDiskWithRetention) {
  config_.retention_bytes = 2500;
  fail_each(Fault::disk_full, false);
}

/// Each file operation of a kind in turn, so that reads, which change nothing, fail too.
TEST_F(CompactionFaultTest, AnyReadThatFails) {
  using Operation = io::SimulatedFileSystem::Operation;
  for (const Operation operation : {Operation::read, Operation::open}) {
    std::uint64_t nth = 0;
    for (bool failed = true; failed; ++nth) {
      SCOPED_TRACE(
          fmt::format("fault at {} {}", operation == Operation::read ? "read" : "open", nth));
      begin_anew();
      files_.fail(operation, nth, Fault::io_error);
      work(1);
      failed = files_.failed();
      ASSERT_NO_FATAL_FAILURE(check());
    }
    EXPECT_GT(nth, 20u);
  }
}

}  // namespace
}  // namespace leat::log

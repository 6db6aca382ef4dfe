#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <random>

#include "log/record_batch.h"
#include "log/topics_fixture.h"

namespace leat::log {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* segment = "/data/topics/t/0/00000000000000000000.log";
constexpr const char* segment_index = "/data/topics/t/0/00000000000000000000.index";

/// Damages a closed partition's only segment, which holds four batches.
class DamageTest : public TopicsFixture {
 protected:
  DamageTest() {
    config_.segment_bytes = 1 << 20;
    EXPECT_TRUE(start());
    for (const char* value : {"first", "second", "third", "fourth"}) {
      starts_.push_back(files_.contents(segment).size());
      EXPECT_TRUE(append_synced(log(), {value, std::string(30, *value), value}));
    }
    whole_ = read_all(log());
    topics_.reset();
    bytes_ = files_.contents(segment);
    index_ = files_.contents(segment_index);
  }

  /// Starts with these bytes as the segment, with or without an index that vouches for the old.
  Status start_with(std::string bytes, bool index) {
    topics_.reset();
    files_.overwrite(segment, std::move(bytes));
    if (index) {
      files_.overwrite(segment_index, index_);
    } else if (files_.exists(segment_index).value()) {
      EXPECT_TRUE(files_.remove(segment_index));
    }
    warnings_.clear();
    return start();
  }

  std::vector<std::string> first_records(std::size_t count) const {
    return {whole_.begin(), whole_.begin() + static_cast<std::ptrdiff_t>(count)};
  }

  std::vector<std::size_t> starts_;
  std::vector<std::string> whole_;
  std::string bytes_;
  std::string index_;
};

TEST_F(DamageTest, NoFlippedByteIsServed) {
  for (std::size_t at = 0; at < bytes_.size(); ++at) {
    for (const bool index : {true, false}) {
      SCOPED_TRACE(fmt::format("byte {}, index {}", at, index));
      std::string flipped = bytes_;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
      const Status opened = start_with(flipped, index);
      if (!opened) {
        EXPECT_EQ(opened.error().code, "log-damaged");
        EXPECT_FALSE(index);
        // The last batch is cut, unless nothing is wrong with it but its offset.
        EXPECT_LT(at, starts_[3] + 8);
        EXPECT_THAT(opened.error().message,
                    AllOf(HasSubstr(segment), HasSubstr("at byte"), HasSubstr("restore")));
        continue;
      }
      std::vector<std::string> read = read_all(log());
      const bool refused = !read.empty() && read.back() == "log-damaged";
      if (refused) read.pop_back();
      EXPECT_EQ(read, first_records(read.size()));
      if (read.size() == whole_.size()) continue;  // the leader's epoch, which means nothing
      EXPECT_TRUE(refused || (at >= starts_[3] && !warnings_.empty()));
      EXPECT_GE(read.size(), 3 * static_cast<std::size_t>(std::ranges::upper_bound(starts_, at) -
                                                          starts_.begin() - 1));
    }
  }
}

TEST_F(DamageTest, ATornTailIsCutAtEveryLength) {
  for (std::size_t size = 0; size < bytes_.size(); ++size) {
    SCOPED_TRACE(size);
    ASSERT_TRUE(start_with(bytes_.substr(0, size), false));
    const std::size_t batches =
        static_cast<std::size_t>(std::ranges::upper_bound(starts_, size) - starts_.begin() - 1);
    EXPECT_EQ(read_all(log()), first_records(3 * batches));
    EXPECT_EQ(warnings_.empty(), size == starts_[batches]);
    ASSERT_TRUE(append_synced(log(), {"after"}));
    EXPECT_EQ(read_all(log()).back(), fmt::format("{}=after", 3 * batches));
  }
}

TEST_F(DamageTest, LessThanTheIndexVouchesForIsDamage) {
  for (const std::size_t size : {bytes_.size() - 1, starts_[2], std::size_t{0}}) {
    const Status opened = start_with(bytes_.substr(0, size), true);
    ASSERT_FALSE(opened) << size;
    EXPECT_EQ(opened.error().code, "log-damaged");
    EXPECT_THAT(opened.error().message, HasSubstr("shorter"));
  }
}

TEST_F(DamageTest, GarbageAndZerosAfterTheEndAreCut) {
  for (const std::string& tail : {std::string(5000, '\0'), std::string(5000, 'x'),
                                  bytes_.substr(0, starts_[1]), std::string("\x02")}) {
    ASSERT_TRUE(start_with(bytes_ + tail, true));
    EXPECT_EQ(read_all(log()), whole_);
    EXPECT_THAT(warnings_, Contains(AllOf(HasSubstr("cut"), HasSubstr(segment))));
    EXPECT_EQ(files_.contents(segment), bytes_);
  }
}

TEST_F(DamageTest, ALostBatchInTheMiddleIsDamage) {
  const std::string without = bytes_.substr(0, starts_[1]) + bytes_.substr(starts_[2]);
  EXPECT_EQ(start_with(without, false).error().code, "log-damaged");
}

/// Appends, syncs, cuts back, keeps house and loses power, at random.
class PowerLossTest : public TopicsFixture {
 protected:
  /// What the partition holds, by the client's ledger.
  struct Ledger {
    std::vector<std::string> written;  ///< value of each offset
    std::int64_t acknowledged = 0;     ///< so many first offsets are on disk
  };

  static std::string make_value(std::mt19937_64& random) {
    return fmt::format("{:x}-{}", random(), std::string(random() % 200, 'v'));
  }

  void act(std::mt19937_64& random, Ledger& ledger) {
    PartitionLog& log = topics_->find("t")->partition(Partition(0));
    const std::uint64_t choice = random() % 100;
    if (choice < 70) {
      std::vector<std::string> values(1 + random() % 4);
      for (std::string& value : values) value = make_value(random);
      if (append(log, values)) {
        ledger.written.insert(ledger.written.end(), values.begin(), values.end());
      }
    } else if (choice < 90) {
      if (!ledger.written.empty() && log.sync(log.next_offset() + -1)) {
        ledger.acknowledged = static_cast<std::int64_t>(ledger.written.size());
      }
    } else if (choice < 94) {
      const auto size = static_cast<std::int64_t>(ledger.written.size());
      const std::int64_t first = log.first_offset().value();
      const std::int64_t cut =
          first + (size > first ? static_cast<std::int64_t>(random() % (size - first + 1)) : 0);
      // While it happens, what is behind the cut is neither there nor gone.
      ledger.acknowledged = std::min(ledger.acknowledged, cut);
      if (log.truncate_to(Offset(cut))) {
        ledger.written.resize(static_cast<std::size_t>(cut));
        ledger.acknowledged = cut;
      }
    } else {
      (void)topics_->housekeep();
    }
  }

  void compare(const Ledger& ledger) {
    const PartitionLog& log = topics_->find("t")->partition(Partition(0));
    ASSERT_GE(log.next_offset().value(), ledger.acknowledged)
        << "acknowledged records are lost; " << testing::PrintToString(warnings_);
    ASSERT_LE(log.next_offset().value(), static_cast<std::int64_t>(ledger.written.size()));
    ASSERT_LE(log.first_offset(), log.next_offset());
    const std::vector<std::string> all = read_all(log);
    ASSERT_EQ(static_cast<std::int64_t>(all.size()), log.next_offset() - log.first_offset());
    std::int64_t offset = log.first_offset().value();
    for (const std::string& entry : all) {
      ASSERT_EQ(entry, fmt::format("{}={}", offset, ledger.written[offset]));
      ++offset;
    }
  }

  void run(std::uint64_t seed, bool retention) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random(seed);
    if (retention) config_.retention_bytes = 3000;
    config_.compression = random() % 2 == 0 ? Compression::none : Compression::lz4;
    ASSERT_TRUE(start());
    log();
    Ledger ledger;
    for (int life = 0; life < 4; ++life) {
      for (std::uint64_t left = 1 + random() % 40; left > 0; --left) act(random, ledger);
      if (random() % 4 != 0) files_.lose_power(random());
      const Status started = start();
      ASSERT_TRUE(started) << started.error().message;
      ASSERT_NO_FATAL_FAILURE(compare(ledger));
      ledger.written.resize(static_cast<std::size_t>(
          topics_->find("t")->partition(Partition(0)).next_offset().value()));
      ledger.acknowledged = static_cast<std::int64_t>(ledger.written.size());
    }
  }
};

TEST_F(PowerLossTest, NothingSyncedIsEverLost) {
  const char* const seeds = std::getenv("LEAT_POWER_LOSS_SEEDS");
  const std::uint64_t count = seeds == nullptr ? 300 : std::strtoull(seeds, nullptr, 10);
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    topics_.reset();
    files_.~SimulatedFileSystem();
    new (&files_) io::SimulatedFileSystem;
    ASSERT_NO_FATAL_FAILURE(run(seed, seed % 2 == 1));
  }
}

/// Does the same work again and again, each time with another operation failing.
class FaultTest : public TopicsFixture {
 protected:
  using Fault = io::SimulatedFileSystem::Fault;

  /// Everything that changes the disk; stops at the first error that lasts. Returns what was
  /// acknowledged.
  std::vector<std::string> work() {
    std::vector<std::string> acknowledged;
    written_.clear();
    if (!start()) return acknowledged;
    auto topic = topics_->open("t", config_);
    if (!topic) return acknowledged;
    PartitionLog& log = (*topic)->partition(Partition(0));
    for (int n = 0; n < 40; ++n) {
      const std::string value = fmt::format("{}-{}", n, std::string(50, 'v'));
      auto appended = append(log, {value});
      if (!appended && appended.error().retryable) appended = append(log, {value});
      if (!appended) return acknowledged;
      written_.push_back(value);
      if (!log.sync(appended->last)) return acknowledged;
      acknowledged.push_back(value);
      if (n == 25) (void)topics_->housekeep();
      if (n == 30) {
        acknowledged.resize(28);
        const Status cut = log.truncate_to(Offset(28));
        if (!cut) return acknowledged;
        written_.resize(28);
        n = 30;
      }
    }
    return acknowledged;
  }

  void check(const std::vector<std::string>& acknowledged) {
    topics_.reset();
    files_.heal();
    ASSERT_TRUE(start());
    auto topic = topics_->open("t", config_);
    ASSERT_TRUE(topic) << topic.error().message;
    PartitionLog& log = (*topic)->partition(Partition(0));
    ASSERT_GE(log.next_offset().value(), static_cast<std::int64_t>(acknowledged.size()));
    std::int64_t offset = log.first_offset().value();
    for (const std::string& entry : read_all(log)) {
      ASSERT_LT(offset, static_cast<std::int64_t>(written_.size()) + 1);
      if (offset < static_cast<std::int64_t>(acknowledged.size())) {
        ASSERT_EQ(entry, fmt::format("{}={}", offset, acknowledged[offset]));
      }
      ++offset;
    }
    ASSERT_EQ(offset, log.next_offset().value());
    ASSERT_TRUE(append_synced(log, {"works again"}));
  }

  void fail_each(Fault fault, bool lose_power) {
    config_.retention_bytes = 2500;
    std::uint64_t nth = 0;
    for (bool failed = true; failed; ++nth) {
      SCOPED_TRACE(fmt::format("fault at change {}", nth));
      topics_.reset();
      files_.~SimulatedFileSystem();
      new (&files_) io::SimulatedFileSystem;
      files_.fail_change(nth, fault);
      const std::vector<std::string> acknowledged = work();
      failed = files_.failed();
      if (lose_power) files_.lose_power(nth);
      ASSERT_NO_FATAL_FAILURE(check(acknowledged));
    }
    EXPECT_GT(nth, 100u);
  }

  std::vector<std::string> written_;
};

TEST_F(FaultTest, AnyIoErrorLeavesNoDamage) { fail_each(Fault::io_error, false); }
TEST_F(FaultTest, AnyIoErrorAndThenAPowerLoss) { fail_each(Fault::io_error, true); }
TEST_F(FaultTest, AnyFullDiskLeavesNoDamage) { fail_each(Fault::disk_full, false); }
TEST_F(FaultTest, AnyShortWriteAndThenAPowerLoss) { fail_each(Fault::short_write, true); }

}  // namespace
}  // namespace leat::log

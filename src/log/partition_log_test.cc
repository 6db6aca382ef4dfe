#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "log/topics_fixture.h"

namespace leat::log {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PartitionLogTest : public TopicsFixture {
 protected:
  PartitionLogTest() { EXPECT_TRUE(start()); }

  /// Restarts as after a crash that leaves the kernel's memory alone.
  PartitionLog& restart() {
    EXPECT_TRUE(start());
    return log();
  }
  std::string value_of(int number) { return fmt::format("value-{:030}", number); }
  /// One batch each, so that there are many segments of 1 KiB.
  void fill(PartitionLog& log, int count) {
    for (int number = 0; number < count; ++number) {
      ASSERT_TRUE(append_synced(log, {value_of(number)}));
    }
  }
  std::size_t segments() {
    std::size_t count = 0;
    const auto names = files_.list("/data/topics/t/0").value();
    for (const std::string& name : names) count += name.ends_with(".log") ? 1 : 0;
    return count;
  }
};

TEST_F(PartitionLogTest, GivesOffsetsAndReadsOnlyWhatIsDurable) {
  PartitionLog& log = this->log();
  const AppendResult first = append(log, {"a", "b"}).value();
  EXPECT_EQ(first.first, Offset(0));
  EXPECT_EQ(first.last, Offset(1));
  EXPECT_THAT(read_all(log), IsEmpty()) << "not synced";
  EXPECT_EQ(log.durable_offset(), Offset(0));
  ASSERT_TRUE(log.sync(first.last));
  EXPECT_EQ(log.durable_offset(), Offset(2));
  EXPECT_THAT(read_all(log), ElementsAre("0=a", "1=b"));
  ASSERT_TRUE(append_synced(log, {"c"}));
  EXPECT_THAT(read_all(log, Offset(1)), ElementsAre("1=b", "2=c"));
  EXPECT_EQ(log.next_offset(), Offset(3));
  EXPECT_EQ(log.records(), 3u);
  EXPECT_EQ(log.bytes(), files_.contents("/data/topics/t/0/00000000000000000000.log").size());
}

TEST_F(PartitionLogTest, RefusesOffsetsOutsideAndBadAppends) {
  PartitionLog& log = this->log();
  Slice slice;
  EXPECT_TRUE(log.read(Offset(0), 100, slice));
  EXPECT_TRUE(slice.records.empty());
  EXPECT_EQ(log.read(Offset(1), 100, slice).error().code, "offset-out-of-range");
  EXPECT_EQ(log.sync(Offset(0)).error().code, "offset-out-of-range");
  EXPECT_EQ(log.append({}, std::nullopt).error().code, "empty-batch");
  config_.record_bytes_max = 10;
  EXPECT_EQ(append(this->log(), {"12345678901"}).error().code, "record-too-large");
  EXPECT_TRUE(append(log, {"1234567890"}));
}

TEST_F(PartitionLogTest, GoesOnInNewSegmentsAndAfterRestarts) {
  fill(log(), 60);
  EXPECT_GT(segments(), 4u);
  std::vector<std::string> expected;
  for (int n = 0; n < 60; ++n) expected.push_back(fmt::format("{}={}", n, value_of(n)));
  EXPECT_EQ(read_all(log()), expected);
  PartitionLog& again = restart();
  EXPECT_EQ(read_all(again, std::nullopt, 10'000), expected);
  EXPECT_EQ(again.records(), 60u);
  EXPECT_EQ(again.next_offset(), Offset(60));
  EXPECT_THAT(read_all(again, Offset(58)), ElementsAre(expected[58], expected[59]));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(PartitionLogTest, MakesIndexesAgainWhenMissingOrDamaged) {
  fill(log(), 40);
  const auto before = read_all(log());
  topics_.reset();
  const std::string directory = "/data/topics/t/0/";
  int index = 0;
  for (const std::string& name : names_in(directory.substr(0, directory.size() - 1))) {
    if (!name.ends_with(".index")) continue;
    if (++index % 2 == 0) {
      ASSERT_TRUE(files_.remove(directory + name));
    } else {
      std::string bytes = files_.contents(directory + name);
      bytes[bytes.size() / 2] ^= 1;
      files_.overwrite(directory + name, bytes);
    }
  }
  ASSERT_GT(index, 2);
  EXPECT_EQ(read_all(restart()), before);
  EXPECT_THAT(warnings_, Contains(HasSubstr("index")));
  warnings_.clear();
  EXPECT_EQ(read_all(restart()), before);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(PartitionLogTest, RemembersProducersOverRestarts) {
  for (const bool with_indexes : {true, false}) {
    const std::int64_t id = with_indexes ? 1 : 2;
    const AppendResult sent = append(log(), {"once"}, Producer{id, 0, 0}).value();
    fill(log(), 50);  // the batch is no longer in the last segment
    topics_.reset();
    for (const std::string& name : names_in("/data/topics/t/0")) {
      if (!with_indexes && name.ends_with(".index")) {
        ASSERT_TRUE(files_.remove("/data/topics/t/0/" + name));
      }
    }
    const auto again = append(restart(), {"once"}, Producer{id, 0, 0});
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->first, sent.first);
  }
}

TEST_F(PartitionLogTest, FindsTimes) {
  PartitionLog& log = this->log();
  for (int n = 0; n < 40; ++n) {
    const std::string value = value_of(n);
    const NewRecord records[] = {{.value = value, .timestamp = 1'000 + 10 * n},
                                 {.value = value, .timestamp = 1'005 + 10 * n}};
    ASSERT_TRUE(log.append(records, std::nullopt));
  }
  ASSERT_TRUE(log.sync(Offset(79)));
  EXPECT_EQ(log.offset_at(0).value(), Offset(0));
  EXPECT_EQ(log.offset_at(1'000).value(), Offset(0));
  EXPECT_EQ(log.offset_at(1'001).value(), Offset(1));
  EXPECT_EQ(log.offset_at(1'205).value(), Offset(41));
  EXPECT_EQ(log.offset_at(1'206).value(), Offset(42));
  EXPECT_EQ(log.offset_at(9'999).value(), Offset(80));
}

TEST_F(PartitionLogTest, RetentionBySizeMovesTheBeginning) {
  fill(log(), 60);
  const std::size_t before = segments();
  config_.retention_bytes = 2048;
  PartitionLog& log = this->log();
  ASSERT_TRUE(topics_->housekeep());
  EXPECT_LT(segments(), before);
  EXPECT_GE(log.bytes(), 2048u);
  EXPECT_LT(log.bytes(), 2048u + 1024u);
  EXPECT_GT(log.first_offset(), Offset(0));
  Slice slice;
  const Status read = log.read(Offset(0), 100, slice);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, "offset-out-of-range");
  EXPECT_THAT(read.error().message, HasSubstr(fmt::format("go on at {}", log.first_offset())));
  const auto left = read_all(log);
  EXPECT_EQ(left.back(), "59=" + value_of(59));
  const Offset first = log.first_offset();
  EXPECT_EQ(restart().first_offset(), first);
  EXPECT_EQ(read_all(this->log()), left);
}

TEST_F(PartitionLogTest, RetentionByTimeEmptiesEvenTheLastSegment) {
  fill(log(), 30);
  config_.retention_ms = 60'000;
  PartitionLog& log = this->log();
  ASSERT_TRUE(topics_->housekeep());
  EXPECT_EQ(log.first_offset(), Offset(0)) << "too young";
  clock_.now += 60'001;
  ASSERT_TRUE(topics_->housekeep());
  EXPECT_EQ(log.first_offset(), Offset(30));
  EXPECT_THAT(read_all(log), IsEmpty());
  ASSERT_TRUE(append_synced(log, {"new"}));
  EXPECT_THAT(read_all(restart()), ElementsAre("30=new"));
}

TEST_F(PartitionLogTest, CutsBackAtAnyOffset) {
  for (const std::int64_t cut : {59, 58, 31, 30, 1, 0}) {
    PartitionLog& log = this->log();
    while (log.next_offset() < Offset(60)) {
      ASSERT_TRUE(append_synced(log, {value_of(1), value_of(2), value_of(3)}));
    }
    ASSERT_TRUE(log.truncate_to(Offset(cut)));
    EXPECT_EQ(log.next_offset(), Offset(cut));
    EXPECT_EQ(log.durable_offset(), Offset(cut));
    EXPECT_EQ(read_all(log).size(), static_cast<std::size_t>(cut));
    ASSERT_TRUE(append_synced(log, {"after"}));
    EXPECT_EQ(read_all(log).back(), fmt::format("{}=after", cut));
    EXPECT_EQ(read_all(restart()).size(), static_cast<std::size_t>(cut) + 1);
    EXPECT_THAT(warnings_, IsEmpty());
  }
  EXPECT_EQ(log().truncate_to(Offset(99)).error().code, "offset-out-of-range");
}

TEST_F(PartitionLogTest, CutBackForgetsProducersBatches) {
  PartitionLog& log = this->log();
  ASSERT_TRUE(append(log, {"a"}, Producer{1, 0, 0}));
  fill(log, 40);
  ASSERT_TRUE(append(log, {"b"}, Producer{1, 0, 1}));
  ASSERT_TRUE(log.truncate_to(Offset(41)));
  EXPECT_TRUE(append(log, {"a"}, Producer{1, 0, 0}).value().duplicate);
  EXPECT_FALSE(append(log, {"b"}, Producer{1, 0, 1}).value().duplicate);
}

TEST_F(PartitionLogTest, CutBackBeforeTheBeginningStartsAnew) {
  fill(log(), 60);
  config_.retention_bytes = 1;
  PartitionLog& log = this->log();
  ASSERT_TRUE(topics_->housekeep());
  ASSERT_GT(log.first_offset(), Offset(10));
  ASSERT_TRUE(log.truncate_to(Offset(10)));
  EXPECT_EQ(log.first_offset(), Offset(10));
  ASSERT_TRUE(append_synced(log, {"new"}));
  EXPECT_THAT(read_all(restart()), ElementsAre("10=new"));
}

TEST_F(PartitionLogTest, CompactionKeepsTheNewestOfEachKey) {
  config_.compacted = true;
  PartitionLog& log = this->log();
  for (int n = 0; n < 60; ++n) {
    ASSERT_TRUE(put(log, fmt::format("key-{}", n % 4), value_of(n)));
  }
  ASSERT_TRUE(put(log, "key-1", std::nullopt));
  for (int n = 0; n < 30; ++n) ASSERT_TRUE(put(log, "other", value_of(n)));
  ASSERT_TRUE(append_synced(log, {"keyless"}));
  const auto before = log.records();
  ASSERT_TRUE(topics_->housekeep());
  EXPECT_LT(log.records(), before);
  const auto left = read_all(log);
  EXPECT_THAT(left, AllOf(Contains("56=" + value_of(56)), Contains("60=-"), Contains("91=keyless"),
                          Not(Contains("0=" + value_of(0))), Not(Contains("57=" + value_of(57)))));
  EXPECT_EQ(log.next_offset(), Offset(92));
  EXPECT_EQ(read_all(restart()), left);
  EXPECT_THAT(read_all(this->log(), Offset(20)), testing::Contains("56=" + value_of(56)));

  clock_.now += 2 * options_.tombstone_delay.count();
  for (int n = 0; n < 30; ++n) ASSERT_TRUE(put(this->log(), "other", value_of(n)));
  ASSERT_TRUE(this->log().sync(Offset(121)));
  ASSERT_TRUE(topics_->housekeep());
  EXPECT_THAT(read_all(this->log()), Not(Contains("60=-")));
  EXPECT_THAT(read_all(this->log()), Contains("56=" + value_of(56)));
}

TEST_F(PartitionLogTest, CompactionInSmallMemoryTakesSeveralPasses) {
  config_.compacted = true;
  options_.compaction_bytes = 500;
  PartitionLog& log = restart();
  for (int n = 0; n < 200; ++n) {
    ASSERT_TRUE(put(log, fmt::format("key-{}", n % 20), value_of(n)));
  }
  ASSERT_TRUE(log.sync(Offset(199)));
  for (int pass = 0; pass < 100; ++pass) ASSERT_TRUE(topics_->housekeep());
  EXPECT_LT(log.records(), 50u);
  std::map<std::string, int> newest;
  Slice slice;
  for (Offset next(0);; next = slice.next) {
    ASSERT_TRUE(log.read(next, 100, slice));
    if (slice.records.empty()) break;
    for (const Record& record : slice.records) {
      newest[std::string(record.key)] = static_cast<int>(record.offset.value());
    }
  }
  ASSERT_EQ(newest.size(), 20u);
  for (const auto& [key, offset] : newest) EXPECT_GE(offset, 180) << key;
}

TEST_F(PartitionLogTest, ReadersGoOnDuringCompactionAndRetention) {
  config_.compacted = true;
  PartitionLog& log = this->log();
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::thread reader([&] {
    Slice slice;
    while (!stop) {
      std::map<std::string, std::int64_t> seen;
      for (Offset next(0); log.read(next, 3000, slice) && !slice.records.empty();
           next = slice.next) {
        for (const Record& record : slice.records) {
          const std::string key(record.key);
          if (record.offset < next || record.offset.value() < seen[key]) ++wrong;
          seen[key] = record.offset.value();
        }
      }
    }
  });
  for (int n = 0; n < 400; ++n) {
    EXPECT_TRUE(put(log, fmt::format("key-{}", n % 5), value_of(n)));
    EXPECT_TRUE(log.sync(Offset(n)));
    if (n % 50 == 49) {
      EXPECT_TRUE(topics_->housekeep()) << n;
    }
  }
  stop = true;
  reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LT(log.records(), 100u);
}

TEST_F(PartitionLogTest, ConcurrentAppendsAreAllThereInOrder) {
  constexpr int threads = 4;
  constexpr int batches = 100;
  PartitionLog& log = this->log();
  std::atomic<std::int64_t> told = 0;
  topics_->on_durable([&](Topic& topic, Partition partition) {
    EXPECT_EQ(partition, Partition(0));
    told = std::max(told.load(), topic.partition(partition).durable_offset().value());
  });
  std::vector<std::thread> writers;
  for (int thread = 0; thread < threads; ++thread) {
    writers.emplace_back([&, thread] {
      for (int n = 0; n < batches; ++n) {
        EXPECT_TRUE(append_synced(log, {fmt::format("{}:{}", thread, n)}));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::array<int, threads> next{};
  const auto all = read_all(log);
  EXPECT_EQ(all.size(), threads * batches);
  for (const std::string& entry : all) {
    const std::string value = entry.substr(entry.find('=') + 1);
    const int thread = value[0] - '0';
    EXPECT_EQ(value, fmt::format("{}:{}", thread, next[thread]++));
  }
  EXPECT_EQ(told, threads * batches);
}

TEST_F(PartitionLogTest, AFullDiskRefusesAndHeals) {
  PartitionLog& log = this->log();
  fill(log, 5);
  const auto before = read_all(log);
  for (int cycle = 0; cycle < 50; ++cycle) {
    files_.set_quota(files_.contents("/data/topics/t/0/00000000000000000000.log").size() + 400);
    const auto refused = append(log, {std::string(3000, static_cast<char>('a' + cycle % 26)),
                                      value_of(cycle) + std::to_string(cycle * 7919)});
    if (!refused) {
      EXPECT_EQ(refused.error().code, "disk-full");
      EXPECT_TRUE(refused.error().retryable);
    }
    files_.set_quota(UINT64_MAX);
    ASSERT_TRUE(append_synced(log, {"healed"}));
  }
  EXPECT_EQ(read_all(log).back().substr(read_all(log).back().find('=')), "=healed");
  EXPECT_THAT(disk_errors_, IsEmpty());
  const auto after = read_all(log);
  EXPECT_EQ(read_all(restart()), after);
}

TEST_F(PartitionLogTest, RetentionMakesRoomOnAFullDisk) {
  fill(log(), 60);
  config_.retention_bytes = 1024;
  PartitionLog& log = this->log();
  std::uint64_t used = 0;
  for (const std::string& name : names_in("/data/topics/t/0")) {
    used += files_.contents("/data/topics/t/0/" + name).size();
  }
  used += files_.contents("/data/topics/t/settings").size();
  files_.set_quota(used);
  EXPECT_TRUE(topics_->housekeep());
  EXPECT_GT(log.first_offset(), Offset(20));
  EXPECT_TRUE(append_synced(log, {"room"}));
}

TEST_F(PartitionLogTest, AFailedSyncIsFinal) {
  PartitionLog& log = this->log();
  fill(log, 3);
  const AppendResult lost = append(log, {"lost"}).value();
  files_.fail(io::SimulatedFileSystem::Operation::sync, 0,
              io::SimulatedFileSystem::Fault::io_error);
  EXPECT_EQ(log.sync(lost.last).error().code, "io-error");
  EXPECT_EQ(disk_errors_.size(), 1u);
  EXPECT_FALSE(log.sync(lost.last)) << "a second fsync would lie";
  EXPECT_FALSE(append(log, {"more"}));
  EXPECT_EQ(log.durable_offset(), Offset(3));
  EXPECT_EQ(read_all(log).size(), 3u);
  files_.lose_power(1);
  EXPECT_EQ(read_all(restart()).size(), 3u);
}

}  // namespace
}  // namespace leat::log

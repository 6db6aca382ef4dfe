#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "log/record_batch.h"
#include "log/topics.h"

namespace leat::log {

/// One place where topics are kept, as the tests of the interface `Topics` have it.
class TopicsHost {
 public:
  virtual ~TopicsHost() = default;
  virtual Topics& topics() = 0;
  /// Ends the topics and opens them again.
  virtual Status restart() = 0;
  /// Of a topic that no test before has had.
  virtual std::string new_name() = 0;
};

/// What every implementation of `Topics` keeps to: each instantiates this suite with its host.
/// Offsets may have gaps. A host that can't be had gives null, and says why in `why_not`.
struct HostMaker {
  std::string name;
  std::unique_ptr<TopicsHost> (*make)(std::string& why_not);
};

class TopicsContract : public testing::TestWithParam<HostMaker> {
 protected:
  void SetUp() override {
    std::string why_not;
    host_ = GetParam().make(why_not);
    if (!host_) GTEST_SKIP() << why_not;
    name_ = host_->new_name();
  }

  Topic& topic() {
    auto opened = host_->topics().open(name_, config_);
    EXPECT_TRUE(opened) << opened.error().message;
    return **opened;
  }
  PartitionLog& log() { return topic().partition(Partition(0)); }
  PartitionLog& restart() {
    const Status status = host_->restart();
    EXPECT_TRUE(status) << status.error().message;
    return log();
  }

  static Result<AppendResult> append(PartitionLog& log, const std::vector<std::string>& values,
                                     const std::optional<Producer>& producer = std::nullopt) {
    std::vector<NewRecord> records;
    for (const std::string& value : values) records.push_back({.value = value, .headers = {}});
    auto appended = log.append(records, producer);
    if (appended) LEAT_TRY(log.sync(appended->last));
    return appended;
  }

  struct Seen {
    Offset offset;
    TimestampMs timestamp = 0;
    std::string key, value, headers;  ///< "null" where there is none
    bool operator==(const Seen&) const = default;
  };
  /// All durable records from an offset on; a failure of the test where reading fails or stands
  /// still.
  static std::vector<Seen> read_all(const PartitionLog& log,
                                    std::optional<Offset> from = std::nullopt,
                                    std::size_t bytes_max = 1000) {
    std::vector<Seen> out;
    Slice slice;
    Offset next = from.value_or(log.first_offset());
    while (next < log.durable_offset()) {
      const Status read = log.read(next, bytes_max, slice);
      EXPECT_TRUE(read) << read.error().message;
      EXPECT_GT(slice.next, next);
      if (!read || slice.next <= next) break;
      for (const Record& record : slice.records) {
        EXPECT_GE(record.offset, next);
        out.push_back(seen(record));
        next = record.offset + 1;
      }
      next = slice.next;
    }
    return out;
  }
  static Seen seen(const Record& record) {
    Seen out{.offset = record.offset,
             .timestamp = record.timestamp,
             .key = record.has_key ? std::string(record.key) : "null",
             .value = record.value.data() == nullptr ? "null" : std::string(record.value),
             .headers = {}};
    if (record.headers.empty()) return out;
    const auto headers = parse_headers(record.headers);
    EXPECT_TRUE(headers);
    for (const auto& [name, value] : *headers) {
      out.headers += fmt::format("{}={};", name, value.data() == nullptr ? "null" : value);
    }
    return out;
  }
  static std::vector<std::string> values(const std::vector<Seen>& records) {
    std::vector<std::string> out;
    for (const Seen& record : records) out.push_back(record.value);
    return out;
  }

  std::unique_ptr<TopicsHost> host_;
  std::string name_;
  TopicConfig config_;
};

TEST_P(TopicsContract, GivesRecordsBackAsTheyWere) {
  PartitionLog& log = this->log();
  const std::string zeros("a\0b", 3);
  const NewRecord records[] = {
      {.key = "k", .value = "v", .has_key = true, .timestamp = 1'700'000'000'123, .headers = {}},
      {.value = "no key", .timestamp = 1'700'000'000'124, .headers = {}},
      {.key = "", .value = "", .has_key = true, .timestamp = 1'700'000'000'000, .headers = {}},
      {.key = "gone",
       .has_key = true,
       .tombstone = true,
       .timestamp = 1'700'000'000'125,
       .headers = {}},
      {.key = zeros,
       .value = zeros,
       .has_key = true,
       .timestamp = 1'700'000'000'126,
       .headers = {{"a", "1"}, {"none", {}}, {"empty", ""}, {"a", "2"}}}};
  const auto appended = log.append(records, Producer{7, 0, 0});
  ASSERT_TRUE(appended) << appended.error().message;
  ASSERT_TRUE(log.sync(appended->last));
  EXPECT_EQ(appended->last - appended->first, 4);
  const auto found = read_all(log);
  ASSERT_EQ(found.size(), 5u);
  const Offset first = appended->first;
  EXPECT_EQ(found[0], (Seen{first, 1'700'000'000'123, "k", "v", ""}));
  EXPECT_EQ(found[1], (Seen{first + 1, 1'700'000'000'124, "null", "no key", ""}));
  EXPECT_EQ(found[2], (Seen{first + 2, 1'700'000'000'000, "", "", ""}));
  EXPECT_EQ(found[3], (Seen{first + 3, 1'700'000'000'125, "gone", "null", ""}));
  EXPECT_EQ(found[4],
            (Seen{first + 4, 1'700'000'000'126, zeros, zeros, "a=1;none=null;empty=;a=2;"}));
}

TEST_P(TopicsContract, GivesRecordsWithoutATimeTheTimeOfWriting) {
  const TimestampMs before = system_clock().now_ms();
  PartitionLog& log = this->log();
  ASSERT_TRUE(append(log, {"now"}));
  const auto found = read_all(log);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_GE(found[0].timestamp, before);
  EXPECT_LE(found[0].timestamp, system_clock().now_ms());
}

TEST_P(TopicsContract, GoesOnAfterARestart) {
  ASSERT_TRUE(append(log(), {"a", "b"}));
  const auto before = read_all(log());
  EXPECT_THAT(values(before), testing::ElementsAre("a", "b"));
  PartitionLog& again = restart();
  EXPECT_EQ(read_all(again), before);
  const auto more = append(again, {"c"});
  ASSERT_TRUE(more) << more.error().message;
  EXPECT_GT(more->first, before.back().offset);
  EXPECT_EQ(again.next_offset(), more->last + 1);
  EXPECT_THAT(values(read_all(again)), testing::ElementsAre("a", "b", "c"));
  EXPECT_THAT(values(read_all(again, more->first)), testing::ElementsAre("c"));
}

TEST_P(TopicsContract, RefusesOffsetsOutsideAndBadBatches) {
  config_.record_bytes_max = 1000;
  PartitionLog& log = this->log();
  Slice slice;
  ASSERT_TRUE(log.read(log.next_offset(), 100, slice));
  EXPECT_TRUE(slice.records.empty());
  EXPECT_EQ(slice.next, log.next_offset());
  EXPECT_EQ(log.read(log.next_offset() + 1000, 100, slice).error().code, "offset-out-of-range");
  EXPECT_EQ(log.sync(log.next_offset() + 1000).error().code, "offset-out-of-range");
  EXPECT_EQ(log.append({}, std::nullopt).error().code, "empty-batch");
  EXPECT_EQ(append(log, {std::string(1001, 'x')}).error().code, "record-too-large");
  EXPECT_TRUE(append(log, {std::string(900, 'x')}));
  EXPECT_EQ(read_all(log).size(), 1u);
}

TEST_P(TopicsContract, WritesARepeatedBatchOnce) {
  PartitionLog& log = this->log();
  std::vector<AppendResult> sent;
  for (int n = 0; n < 7; ++n) {
    const auto appended = append(log, {std::to_string(n), "x"}, Producer{9, 0, 2 * n});
    ASSERT_TRUE(appended) << appended.error().message;
    EXPECT_FALSE(appended->duplicate);
    sent.push_back(*appended);
  }
  const auto repeated = append(log, {"4", "x"}, Producer{9, 0, 8});
  ASSERT_TRUE(repeated);
  EXPECT_TRUE(repeated->duplicate);
  EXPECT_EQ(repeated->first, sent[4].first);
  EXPECT_EQ(repeated->last, sent[4].last);
  EXPECT_EQ(append(log, {"x"}, Producer{9, 0, 99}).error().code, "out-of-sequence");
  EXPECT_EQ(append(log, {"x", "y"}, Producer{9, 0, 0}).error().code, "out-of-sequence")
      << "older than the five batches remembered";
  const auto newer = append(log, {"y"}, Producer{9, 1, 0});
  ASSERT_TRUE(newer);
  EXPECT_FALSE(newer->duplicate);
  EXPECT_EQ(append(log, {"x"}, Producer{9, 0, 14}).error().code, "producer-fenced");
  EXPECT_EQ(read_all(log).size(), 15u);
}

TEST_P(TopicsContract, RemembersProducersOverRestarts) {
  const auto sent = append(log(), {"once", "together"}, Producer{5, 0, 0});
  ASSERT_TRUE(sent);
  for (int n = 0; n < 20; ++n) {
    ASSERT_TRUE(append(log(), {"other"}, Producer{100 + n, 0, 0}));
  }
  for (int run = 0; run < 2; ++run) {
    const auto again = append(restart(), {"once", "together"}, Producer{5, 0, 0});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->first, sent->first);
    EXPECT_EQ(again->last, sent->last);
  }
  const auto next = append(log(), {"next"}, Producer{5, 0, 2});
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->duplicate);
  EXPECT_EQ(read_all(log()).size(), 23u);
}

TEST_P(TopicsContract, FindsTimes) {
  PartitionLog& log = this->log();
  const TimestampMs begin = system_clock().now_ms() - 1'000'000;
  std::vector<Offset> offsets;
  for (int n = 0; n < 20; ++n) {
    const NewRecord records[] = {{.value = "a", .timestamp = begin + 10 * n, .headers = {}},
                                 {.value = "b", .timestamp = begin + 5 + 10 * n, .headers = {}}};
    const auto appended = log.append(records, std::nullopt);
    ASSERT_TRUE(appended);
    ASSERT_TRUE(log.sync(appended->last));
    offsets.push_back(appended->first);
    offsets.push_back(appended->last);
  }
  const auto found = [&](TimestampMs time) { return log.offset_at(begin + time).value(); };
  EXPECT_EQ(found(-100), offsets[0]);
  EXPECT_EQ(found(0), offsets[0]);
  EXPECT_EQ(found(1), offsets[1]);
  // The marks of a cluster's transactions have times of their own.
  EXPECT_LE(found(105), offsets[21]);
  EXPECT_LE(found(106), offsets[22]);
  EXPECT_GT(found(100'000), offsets[1]);
}

TEST_P(TopicsContract, ConcurrentBatchesAreWholeAndInOrder) {
  constexpr int threads = 4, batches = 50, records = 3;
  PartitionLog& log = this->log();
  std::atomic<std::int64_t> told = 0;
  host_->topics().on_durable([&](Topic& topic, Partition partition) {
    if (topic.name() != name_) return;
    told = std::max(told.load(), topic.partition(partition).durable_offset().value());
  });
  std::vector<std::thread> writers;
  for (int thread = 0; thread < threads; ++thread) {
    writers.emplace_back([&, thread] {
      for (int n = 0; n < batches; ++n) {
        const std::string value = fmt::format("{}:{}", thread, n);
        const auto appended = append(log, std::vector<std::string>(records, value));
        ASSERT_TRUE(appended) << appended.error().message;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const auto read = read_all(log);
  // It is told of soon, which may be after the writers are.
  const auto ends = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (told <= read.back().offset.value() && std::chrono::steady_clock::now() < ends) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GT(told, read.back().offset.value());
  host_->topics().on_durable({});
  const auto all = values(read);
  ASSERT_EQ(all.size(), threads * batches * records);
  std::array<int, threads> next{};
  for (std::size_t i = 0; i < all.size(); i += records) {
    const int thread = all[i][0] - '0';
    const std::string expected = fmt::format("{}:{}", thread, next[thread]++);
    for (std::size_t k = 0; k < records; ++k) EXPECT_EQ(all[i + k], expected);
  }
}

TEST_P(TopicsContract, LetsManyReadAtOnce) {
  constexpr int count = 3000;
  PartitionLog& log = this->log();
  std::vector<std::string> sent;
  for (int n = 0; n < count; ++n) sent.push_back(fmt::format("{:08}{}", n, std::string(200, 'x')));
  ASSERT_TRUE(append(log, sent));
  std::vector<std::thread> readers;
  std::array<std::vector<std::string>, 7> found;
  for (std::size_t reader = 0; reader < found.size(); ++reader) {
    readers.emplace_back([&, reader] {
      found[reader] = values(read_all(log, std::nullopt, 10'000 * (1 + reader)));
    });
  }
  for (std::thread& reader : readers) reader.join();
  for (const auto& one : found) EXPECT_EQ(one, sent);
}

TEST_P(TopicsContract, ReaderAtTheEndGoesOnWhenMoreComes) {
  PartitionLog& log = this->log();
  Offset next = log.first_offset();
  Slice slice;
  for (int n = 0; n < 20; ++n) {
    ASSERT_TRUE(append(log, {std::to_string(n)}));
    std::vector<std::string> found;
    while (next < log.durable_offset()) {
      ASSERT_TRUE(log.read(next, 100, slice));
      ASSERT_GT(slice.next, next);
      for (const Record& record : slice.records) found.emplace_back(record.value);
      next = slice.next;
    }
    EXPECT_THAT(found, testing::ElementsAre(std::to_string(n)));
  }
}

TEST_P(TopicsContract, KeepsPartitionsAndTopicsApart) {
  config_.partitions = 3;
  Topic& topic = this->topic();
  EXPECT_EQ(topic.name(), name_);
  EXPECT_EQ(topic.partition_count(), 3);
  const std::string other = host_->new_name();
  ASSERT_TRUE(host_->topics().open(other, {}));
  for (int partition = 0; partition < 3; ++partition) {
    ASSERT_TRUE(append(topic.partition(Partition(partition)), {std::to_string(partition)}));
  }
  ASSERT_TRUE(append(host_->topics().find(other)->partition(Partition(0)), {"other"}));
  EXPECT_EQ(host_->topics().find("nobody"), nullptr);
  const auto all = host_->topics().all();
  EXPECT_THAT(all, testing::Contains(&topic));
  for (int partition = 0; partition < 3; ++partition) {
    EXPECT_THAT(values(read_all(topic.partition(Partition(partition)))),
                testing::ElementsAre(std::to_string(partition)));
  }
  EXPECT_EQ(host_->topics().open("a b", {}).error().code, "bad-topic-name");
}

}  // namespace leat::log

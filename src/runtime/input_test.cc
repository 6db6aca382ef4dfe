#include "runtime/input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/simulated_file_system.h"

namespace leat::runtime {
namespace {

class StandingClock final : public Clock {
 public:
  TimestampMs now_ms() const override { return 0; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
};

/// A topic of small segments of which retention keeps little.
class LogInputTest : public testing::Test {
 protected:
  LogInputTest() {
    log::TopicsOptions options;
    options.clock = &clock_;
    options.housekeeping = std::chrono::milliseconds(0);
    topics_ = log::open_embedded_topics(files_, "/topics", options).value();
    log::TopicConfig config;
    config.segment_bytes = 1024;
    config.retention_bytes = 3000;
    log_ = &topics_->open("t", config).value()->partition(Partition(0));
  }

  void append(int count) {
    const std::string value(100, 'v');
    for (int n = 0; n < count; ++n) {
      const log::NewRecord record{.value = value};
      const auto appended = log_->append({&record, 1}, std::nullopt);
      ASSERT_TRUE(appended);
      ASSERT_TRUE(log_->sync(appended->last));
    }
  }
  std::uint64_t read_all(LogInput& input) {
    std::uint64_t records = 0;
    Slice slice;
    while (input.may_have_data()) {
      const auto outcome = input.read(slice, 1 << 20);
      EXPECT_TRUE(outcome) << outcome.error().message;
      if (!outcome) break;
      records += slice.records.size();
    }
    return records;
  }

  io::SimulatedFileSystem files_;
  StandingClock clock_;
  std::unique_ptr<log::Topics> topics_;
  log::PartitionLog* log_ = nullptr;
};

TEST_F(LogInputTest, ReadsEverythingWhileItKeepsUp) {
  LogInput input("t", Partition(0), *log_);
  for (int round = 0; round < 5; ++round) {
    append(30);
    EXPECT_EQ(read_all(input), 30u);
    ASSERT_TRUE(topics_->housekeep());
  }
  EXPECT_GT(log_->first_offset(), Offset(0));
  EXPECT_EQ(input.missed(), 0u);
}

TEST_F(LogInputTest, CountsWhatRetentionTookAwayBeforeItWasRead) {
  LogInput input("t", Partition(0), *log_);
  append(10);
  EXPECT_EQ(read_all(input), 10u);
  append(90);
  ASSERT_TRUE(topics_->housekeep());
  const Offset first = log_->first_offset();
  ASSERT_GT(first, Offset(10));
  const std::uint64_t left = read_all(input);
  EXPECT_EQ(left, static_cast<std::uint64_t>(Offset(100) - first));
  EXPECT_EQ(input.missed(), static_cast<std::uint64_t>(first - Offset(10)));
  EXPECT_EQ(10 + left + input.missed(), 100u);
  EXPECT_EQ(input.position(), Offset(100));
}

TEST_F(LogInputTest, CountsWhatIsGoneBeforeACommittedPosition) {
  append(100);
  ASSERT_TRUE(topics_->housekeep());
  const Offset first = log_->first_offset();
  ASSERT_GT(first, Offset(20));
  LogInput fresh("t", Partition(0), *log_);
  EXPECT_EQ(fresh.missed(), 0u);  // it was never to read those
  LogInput input("t", Partition(0), *log_);
  ASSERT_TRUE(input.seek(Offset(20)));
  EXPECT_EQ(input.position(), first);
  EXPECT_EQ(input.missed(), static_cast<std::uint64_t>(first - Offset(20)));
}

}  // namespace
}  // namespace leat::runtime

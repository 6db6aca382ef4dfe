#include "runtime/input.h"

#include <thread>

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

/// A partition of another system, as the test says.
struct ScriptedPartition {
  std::optional<Error> error;
  int records = 0;  ///< that are there to be read
  bool tells = false;
  std::function<void()> notify;
};

class ScriptedReader final : public connector::PartitionReader {
 public:
  explicit ScriptedReader(ScriptedPartition& script) : script_(script) {}
  std::string name() const override { return "p"; }
  Result<Outcome> read(Slice& slice, std::size_t) override {
    slice.records.clear();
    if (script_.error) return std::unexpected(*script_.error);
    if (script_.records == 0) return Outcome::nothing;
    slice.records.resize(static_cast<std::size_t>(std::exchange(script_.records, 0)));
    return Outcome::records;
  }
  Status seek(Offset) override { return {}; }
  bool tell_when_ready(std::function<void()> notify) override {
    script_.notify = std::move(notify);
    return script_.tells;
  }

 private:
  ScriptedPartition& script_;
};

class ReaderInputTest : public testing::Test {
 protected:
  ReaderInputTest() {
    bell_.on_ring([this] { ++rung_; });
  }
  std::unique_ptr<ReaderInput> input(ScriptedPartition& script,
                                     std::optional<std::chrono::milliseconds> patience = {}) {
    return std::make_unique<ReaderInput>(
        "t", Partition(0), std::make_unique<ScriptedReader>(script),
        ReaderInput::Setup{.source = "src",
                           .status = status_,
                           .bell = bell_,
                           .retry_first = std::chrono::milliseconds(1),
                           .retry_max = std::chrono::milliseconds(4),
                           .patience = patience});
  }
  ReaderInput::Outcome read(ReaderInput& from) { return from.read(slice_, 1 << 20).value(); }
  static void wait_for(ReaderInput& input) {
    while (!input.may_have_data()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  static Error away() { return Error{Domain::external, "away", "the cluster is away", true}; }

  connector::SourceStatus status_;
  InputBell bell_;
  int rung_ = 0;
  Slice slice_;
};

TEST_F(ReaderInputTest, WaitsForAsLongAsAnOutageLasts) {
  ScriptedPartition script{.error = away()};
  const auto reader = input(script);
  for (int attempt = 0; attempt < 50; ++attempt) {
    wait_for(*reader);
    EXPECT_EQ(read(*reader), ReaderInput::Outcome::nothing);
    EXPECT_FALSE(reader->may_have_data()) << "it is left alone for a while";
  }
  EXPECT_FALSE(reader->failure());
  EXPECT_EQ(status_.state(), "retrying");
  EXPECT_EQ(status_.last_error(), "the cluster is away");
  script.error.reset();
  script.records = 3;
  wait_for(*reader);
  EXPECT_EQ(read(*reader), ReaderInput::Outcome::records);
  EXPECT_EQ(status_.state(), "reading");
  EXPECT_EQ(status_.last_error(), "");
}

TEST_F(ReaderInputTest, EndsWhatSomebodyHasToMend) {
  ScriptedPartition script{.error = Error{Domain::user, "position-lost", "it is gone", false}};
  const auto reader = input(script);
  EXPECT_EQ(read(*reader), ReaderInput::Outcome::nothing);
  ASSERT_TRUE(reader->failure());
  EXPECT_EQ(reader->failure()->code, "position-lost");
  EXPECT_EQ(status_.state(), "failed");
  EXPECT_FALSE(reader->may_have_data());
}

TEST_F(ReaderInputTest, LosesPatienceWhereTheRunIsToEnd) {
  ScriptedPartition script{.error = away()};
  const auto reader = input(script, std::chrono::milliseconds(30));
  while (!reader->failure()) {
    wait_for(*reader);
    read(*reader);
  }
  EXPECT_EQ(reader->failure()->code, "away");
}

TEST_F(ReaderInputTest, KeepsAFailureInSightWhileOthersAreRead) {
  ScriptedPartition broken{.error = away()}, sound{.records = 1};
  const auto failing = input(broken);
  const auto reading = input(sound);
  read(*failing);
  read(*reading);
  EXPECT_EQ(status_.state(), "retrying");
  EXPECT_EQ(status_.last_error(), "the cluster is away");
  broken.error.reset();
  wait_for(*failing);
  read(*failing);
  EXPECT_EQ(status_.last_error(), "");
}

TEST_F(ReaderInputTest, ReadsAtOnceWhatItIsToldOf) {
  ScriptedPartition script{.tells = true};
  const auto reader = input(script);
  EXPECT_EQ(read(*reader), ReaderInput::Outcome::nothing);
  EXPECT_FALSE(reader->may_have_data());
  script.records = 1;
  script.notify();
  EXPECT_EQ(rung_, 1);
  EXPECT_TRUE(reader->may_have_data());
  EXPECT_EQ(read(*reader), ReaderInput::Outcome::records);
}

TEST_F(ReaderInputTest, IsNotHurriedWhileItFails) {
  ScriptedPartition script{.error = away(), .tells = true};
  const auto reader =
      std::make_unique<ReaderInput>("t", Partition(0), std::make_unique<ScriptedReader>(script),
                                    ReaderInput::Setup{.source = "src",
                                                       .status = status_,
                                                       .bell = bell_,
                                                       .retry_first = std::chrono::minutes(1),
                                                       .retry_max = std::chrono::minutes(1)});
  read(*reader);
  script.notify();
  EXPECT_FALSE(reader->may_have_data());
}

}  // namespace
}  // namespace leat::runtime

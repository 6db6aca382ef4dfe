#include "runtime/sink_runner.h"

#include <gmock/gmock.h>

#include "base/test_patience.h"
#include "runtime/changelog_test_support.h"
#include "state/scratch_directory.h"

namespace leat::runtime {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr const char* identity = "0123456789abcdef";
constexpr std::chrono::milliseconds long_enough{10'000};

/// Another system in memory: it can be away, broken, slow, and refuse rows. Thread-safe.
class TestSystem final : public connector::Sink {
 public:
  /// Every call fails with this until it is taken back.
  void fail_with(std::optional<Error> error) {
    std::lock_guard lock(mutex_);
    error_ = std::move(error);
    changed_.notify_all();
  }
  void go_away() { fail_with(Error{Domain::external, "system-away", "the system is away", true}); }
  void come_back() { fail_with(std::nullopt); }
  /// Writes hang, as against a frozen server, until this is taken back or they are to stop.
  void freeze(bool frozen) {
    std::lock_guard lock(mutex_);
    frozen_ = frozen;
    changed_.notify_all();
  }
  /// Rows with this text are refused for good.
  void refuse(std::string text) {
    std::lock_guard lock(mutex_);
    refused_ = std::move(text);
  }
  /// The position is kept with the rows, as by a system with transactions.
  void keep_position(std::optional<std::string> position = std::nullopt) {
    std::lock_guard lock(mutex_);
    keeps_position_ = true;
    position_ = std::move(position);
  }

  std::vector<std::string> rows() const {
    std::lock_guard lock(mutex_);
    return rows_;
  }
  std::vector<std::chrono::steady_clock::time_point> opened() const {
    std::lock_guard lock(mutex_);
    return opened_;
  }
  std::size_t batch_rows_max() const {
    std::lock_guard lock(mutex_);
    return batch_rows_max_;
  }
  bool writing() const {
    std::lock_guard lock(mutex_);
    return writing_;
  }

  Result<std::optional<std::string>> open(std::stop_token) override {
    std::lock_guard lock(mutex_);
    opened_.push_back(std::chrono::steady_clock::now());
    if (error_) return std::unexpected(*error_);
    return keeps_position_ ? position_ : std::nullopt;
  }

  Result<std::vector<connector::RefusedRow>> write(const connector::SinkBatch& batch,
                                                   std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    writing_ = true;
    changed_.wait(lock, stop, [&] { return !frozen_ || error_; });
    writing_ = false;
    if (error_) return std::unexpected(*error_);
    if (frozen_) return transient_error("stopping", "told to stop");
    std::vector<connector::RefusedRow> refused;
    for (std::size_t part = 0; part < batch.parts.size(); ++part) {
      const auto texts = texts_of(batch.parts[part].rows, batch.parts[part].weights);
      for (std::size_t row = 0; row < texts.size(); ++row) {
        if (!refused_.empty() && texts[row].find(refused_) != std::string::npos) {
          refused.push_back({part, row, "value too long for type character varying(3)"});
        } else {
          rows_.push_back(texts[row]);
        }
      }
    }
    position_ = batch.position;
    batch_rows_max_ = std::max(batch_rows_max_, batch.rows);
    return refused;
  }

  /// Rows are durable only once there are this many, or the pipeline ends; what is not yet durable
  /// is gone after a failure.
  void gather(std::size_t rows) {
    std::lock_guard lock(mutex_);
    gathered_rows_ = rows;
  }
  Result<std::optional<std::string>> settle(bool all, std::stop_token) override {
    std::lock_guard lock(mutex_);
    if (gathered_rows_ == 0 || position_ == durable_) return std::nullopt;
    if (!all && rows_.size() < gathered_rows_) return durable_.value_or("");
    durable_ = position_;
    return std::nullopt;
  }

  Result<std::string> probe(std::stop_token) override { return "it is there"; }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Error> error_;
  bool frozen_ = false, writing_ = false, keeps_position_ = false;
  std::string refused_;
  std::size_t gathered_rows_ = 0;
  std::optional<std::string> position_, durable_;
  std::vector<std::string> rows_;
  std::vector<std::chrono::steady_clock::time_point> opened_;
  std::size_t batch_rows_max_ = 0;
};

class SinkRunnerTest : public ChangelogFixture {
 protected:
  SinkRunnerTest() {
    store_ = state::Store::open(directory_.path()).value();
    cursors_ = store_->family("cursors").value();
    waits_ = {.retry_first = 5ms, .retry_max = 40ms, .mended_by_hand = 60ms, .patience = 200ms};
    EXPECT_TRUE(open());
    letters_ = &log("letters");
    run();
  }
  ~SinkRunnerTest() override { runner_.reset(); }

  /// As a start of the engine does, without starting it.
  void run() {
    runner_.reset();
    status_ = std::make_unique<SinkStatus>();
    runner_ = std::make_unique<SinkRunner>(SinkRunner::Setup{.sink = system_,
                                                             .input = input_,
                                                             .topic = *topics_->find("changes.out"),
                                                             .changelog = changelog_.get(),
                                                             .letters = *letters_,
                                                             .store = *store_,
                                                             .cursors = *cursors_,
                                                             .identity = identity,
                                                             .status = *status_,
                                                             .waits = waits_});
    changelog_->on_committed([this] {
      if (runner_) runner_->wake();
    });
  }
  void put(const std::vector<TestChange>& rows) {
    ASSERT_TRUE(write({rows}));
    ASSERT_TRUE(commit());
  }
  static bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + patience(long_enough);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
  bool all_written() {
    return eventually([&] { return status_->lag == 0 && status_->state() == "waiting"; });
  }
  std::string cursor() { return store_->get(*cursors_, "out").value().value_or("none"); }

  state::ScratchDirectory directory_;
  std::unique_ptr<state::Store> store_;
  state::Family* cursors_ = nullptr;
  log::PartitionLog* letters_ = nullptr;
  SinkRunner::Waits waits_;
  TestSystem system_;
  std::unique_ptr<SinkStatus> status_;
  std::unique_ptr<SinkRunner> runner_;
};

TEST_F(SinkRunnerTest, WritesWhatIsCommittedAndNotesWhereItStands) {
  put({{1, "a"}, {2, "b"}});
  runner_->start();
  ASSERT_TRUE(all_written());
  put({{3, "c"}});
  ASSERT_TRUE(eventually([&] { return system_.rows().size() == 3; }));
  EXPECT_THAT(system_.rows(), ElementsAre("+1=a", "+2=b", "+3=c"));
  ASSERT_TRUE(eventually([&] { return cursor() == std::string(identity) + " 3"; }));
  EXPECT_EQ(status_->rows, 3u);
  EXPECT_EQ(status_->failures, 0u);
}

TEST_F(SinkRunnerTest, GoesOnWhereItStoodAfterARestart) {
  put({{1, "a"}});
  runner_->start();
  ASSERT_TRUE(all_written());
  runner_->stop();
  put({{2, "b"}});
  run();
  runner_->start();
  EXPECT_GT(status_->lag + status_->rows, 0u) << "what waits is known at once";
  ASSERT_TRUE(all_written());
  EXPECT_THAT(system_.rows(), ElementsAre("+1=a", "+2=b"));
}

TEST_F(SinkRunnerTest, BelievesTheSystemRatherThanItsOwnNote) {
  put({{1, "a"}, {2, "b"}, {3, "c"}});
  system_.keep_position(std::string(identity) + " 2");  // noted by nobody: we died in between
  runner_->start();
  ASSERT_TRUE(all_written());
  EXPECT_THAT(system_.rows(), ElementsAre("+3=c"));
}

TEST_F(SinkRunnerTest, NotesOnlyWhatIsDurable) {
  system_.gather(3);
  put({{1, "a"}, {2, "b"}});
  runner_->start();
  ASSERT_TRUE(eventually([&] { return status_->state() == "waiting"; }));
  EXPECT_EQ(status_->lag, 2u) << "taken, and not yet durable";
  EXPECT_NE(cursor(), std::string(identity) + " 2");
  put({{3, "c"}});
  ASSERT_TRUE(all_written());
  ASSERT_TRUE(eventually([&] { return cursor() == std::string(identity) + " 3"; }));
}

TEST_F(SinkRunnerTest, MakesEverythingDurableWhenThePipelineEnds) {
  system_.gather(100);
  put({{1, "a"}, {2, "b"}});
  runner_->start();
  ASSERT_TRUE(runner_->drain({}));
  EXPECT_EQ(status_->lag, 0u);
  EXPECT_EQ(cursor(), std::string(identity) + " 2");
}

TEST_F(SinkRunnerTest, DoesNotTakeOverThePositionOfAnotherDirectory) {
  put({{1, "a"}, {2, "b"}});
  system_.keep_position("fedcba9876543210 2");
  runner_->start();
  ASSERT_TRUE(all_written());
  EXPECT_THAT(system_.rows(), ElementsAre("+1=a", "+2=b"));
}

TEST_F(SinkRunnerTest, PutsWhatIsRefusedAmongTheDeadLettersInTheSystemsWords) {
  system_.refuse("long");
  put({{1, "a"}, {2, "longer"}, {3, "c"}});
  runner_->start();
  ASSERT_TRUE(all_written());
  EXPECT_THAT(system_.rows(), ElementsAre("+1=a", "+3=c"));
  EXPECT_THAT(
      read_all(*letters_),
      ElementsAre(
          R"(0={"stage":"sink","sink":"out","from":"rows","reason":"value too long for )"
          R"~(type character varying(3)","topic":"changes.out","partition":"0","offset":1,)~"
          R"("weight":1,"row":{"k":2,"v":"longer"}})"));
  EXPECT_EQ(status_->refused, 1u);
  EXPECT_EQ(status_->failures, 0u);
}

TEST_F(SinkRunnerTest, CutsARefusedRowThatNoLetterHasRoomFor) {
  system_.refuse("\"");
  put({{1, std::string(9 << 20, '"')}, {2, "b"}});
  runner_->start();
  ASSERT_TRUE(all_written());
  EXPECT_THAT(system_.rows(), ElementsAre("+2=b"));
  const auto letters = read_all(*letters_);
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_LT(letters[0].size(), 16u << 20);
  EXPECT_NE(letters[0].find(R"("row":null,"row_text":"{\"k\":1,)"), std::string::npos);
  EXPECT_NE(letters[0].find(R"("row_bytes":18874)"), std::string::npos);
}

TEST_F(SinkRunnerTest, SendsNoGoodRowToTheDeadLettersInAnOutage) {
  put({{1, "a"}});
  system_.go_away();
  runner_->start();
  ASSERT_TRUE(eventually([&] { return status_->failures >= 3; }));
  EXPECT_EQ(status_->state(), "retrying");
  EXPECT_EQ(status_->last_error(), "the system is away");
  EXPECT_EQ(status_->lag, 1u);
  put({{2, "b"}});
  EXPECT_EQ(status_->lag, 2u) << "what waits is counted while the system is away";
  system_.come_back();
  ASSERT_TRUE(all_written());
  EXPECT_THAT(system_.rows(), ElementsAre("+1=a", "+2=b"));
  EXPECT_THAT(read_all(*letters_), IsEmpty());
  EXPECT_EQ(status_->last_error(), "");
}

TEST_F(SinkRunnerTest, WaitsLongerAndLongerButNotForever) {
  EXPECT_LE(SinkRunner::Waits().retry_max, 10s) << "rows come so late after an outage";
  put({{1, "a"}});
  waits_.retry_first = 8ms;
  waits_.retry_max = 64ms;
  run();
  system_.go_away();
  runner_->start();
  ASSERT_TRUE(eventually([&] { return system_.opened().size() >= 8; }));
  const auto opened = system_.opened();
  const auto wait = [&](std::size_t i) { return opened[i + 1] - opened[i]; };
  // Each is at least half of what it would be without chance.
  EXPECT_GE(wait(0), 4ms);
  EXPECT_GE(wait(1), 8ms);
  EXPECT_GE(wait(2), 16ms);
  for (std::size_t i = 3; i < 7; ++i) EXPECT_GE(wait(i), 32ms);
}

TEST_F(SinkRunnerTest, WaitsForAHandWhereOnlyThatHelps) {
  put({{1, "a"}});
  system_.fail_with(Error{Domain::user, "no-table", "there is no table t; make it", false});
  runner_->start();
  ASSERT_TRUE(eventually([&] { return status_->failures >= 3; }));
  EXPECT_EQ(status_->state(), "failed");
  const auto opened = system_.opened();
  EXPECT_GE(opened[1] - opened[0], waits_.mended_by_hand);
  EXPECT_THAT(read_all(*letters_), IsEmpty());
  system_.come_back();
  ASSERT_TRUE(all_written());
  EXPECT_THAT(system_.rows(), ElementsAre("+1=a"));
}

TEST_F(SinkRunnerTest, EndsWhenAnotherInstanceHasTakenOver) {
  put({{1, "a"}});
  system_.fail_with(Error{Domain::user, "sink-fenced", "another instance writes", false});
  runner_->start();
  ASSERT_TRUE(eventually([&] { return status_->state() == "failed"; }));
  std::this_thread::sleep_for(2 * waits_.mended_by_hand);
  EXPECT_EQ(system_.opened().size(), 1u) << "it does not fight";
  EXPECT_EQ(status_->last_error(), "another instance writes");
}

TEST_F(SinkRunnerTest, HoldsABatchAndNoMoreWhileTheSystemIsFrozen) {
  system_.freeze(true);
  runner_->start();
  std::vector<TestChange> rows;
  for (std::int64_t i = 0; i < 1000; ++i) rows.push_back({i, std::string(200, 'x')});
  for (int i = 0; i < 40; ++i) put(rows);
  ASSERT_TRUE(eventually([&] { return status_->lag == 40'000; })) << status_->lag;
  system_.freeze(false);
  ASSERT_TRUE(all_written());
  EXPECT_EQ(system_.rows().size(), 40'000u);
  EXPECT_LT(system_.batch_rows_max(), 10'000u);
}

TEST_F(SinkRunnerTest, StopsInTheMiddleOfAWriteAndLosesNothing) {
  put({{1, "a"}});
  system_.freeze(true);
  runner_->start();
  ASSERT_TRUE(eventually([&] { return system_.writing(); }));
  const auto begin = std::chrono::steady_clock::now();
  runner_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, patience(1s));
  EXPECT_THAT(system_.rows(), IsEmpty());
  EXPECT_THAT(read_all(*letters_), IsEmpty());
  system_.freeze(false);
  run();
  runner_->start();
  ASSERT_TRUE(all_written());
  EXPECT_THAT(system_.rows(), ElementsAre("+1=a"));
}

TEST_F(SinkRunnerTest, StopsWhileItWaitsForTheNextTry) {
  waits_.retry_first = waits_.retry_max = waits_.mended_by_hand = 60'000ms;
  run();
  put({{1, "a"}});
  system_.go_away();
  runner_->start();
  ASSERT_TRUE(eventually([&] { return status_->failures == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  runner_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, patience(1s));
  EXPECT_EQ(status_->state(), "ended");
}

TEST_F(SinkRunnerTest, DrainsOrSaysWhyItCannot) {
  runner_->start();
  put({{1, "a"}});
  EXPECT_TRUE(runner_->drain({}));
  EXPECT_THAT(system_.rows(), ElementsAre("+1=a"));
  system_.go_away();
  put({{2, "b"}});
  const Status drained = runner_->drain({});
  ASSERT_FALSE(drained);
  EXPECT_EQ(drained.error().code, "sink-failed");
  EXPECT_THAT(drained.error().message, HasSubstr("the system is away; 1 rows are not written"));
}

TEST_F(SinkRunnerTest, FreesTheChangelogBehindIt) {
  runner_.reset();
  config_.segment_bytes = 64 << 10;
  config_.compression = log::Compression::none;
  ASSERT_TRUE(topics_->open("changes.out", config_));
  run();
  runner_->start();
  std::vector<TestChange> rows;
  for (std::int64_t i = 0; i < 500; ++i) rows.push_back({i, std::string(200, 'x')});
  for (int i = 0; i < 10; ++i) put(rows);
  ASSERT_TRUE(all_written());
  EXPECT_TRUE(eventually([&] { return changelog_->log().first_offset() > Offset(0); }));
}

}  // namespace
}  // namespace leat::runtime

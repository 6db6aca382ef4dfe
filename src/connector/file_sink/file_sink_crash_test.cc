#include <random>

#include <gtest/gtest.h>

#include "connector/default_settings_test.h"
#include "connector/file_sink/file_sink.h"
#include "connector/file_sink/spec.h"
#include "io/simulated_file_system.h"

namespace leat::connector {
namespace {

using io::SimulatedFileSystem;

/// Writes rows and commits them as the engine does, dies at any step, and starts again. After each
/// start the output must be a prefix of the committed rows, and after one more commit exactly them.
class Crasher {
 public:
  enum class Death { kill, power_loss };

  Crasher(bool directory, std::uint64_t seed) : directory_(directory), random_(seed) {
    settings_ = default_settings(file_sink_spec());
    settings_.set("path", std::string(directory ? "/out/parts/" : "/out/rows.jsonl"));
    Settings roll;
    roll.set("bytes", std::int64_t{300});
    roll.set("every", std::int64_t{0});
    roll.set("rows", std::int64_t{0});
    settings_.set("roll", roll);
  }

  /// One life. False: it died on the way.
  bool live(unsigned commits) {
    sink_ = *make_file_sink(settings_, schema_, false, {.files = files_});
    if (!sink_->recover(state_)) return false;
    for (unsigned i = 0; i < commits; ++i) {
      std::string batch = rows();
      for (std::string_view rest = batch; !rest.empty();) {
        const std::size_t half = rest.find('\n', rest.size() / 2) + 1;
        const std::string_view piece = rest.substr(0, half == 0 ? rest.size() : half);
        if (!sink_->write(piece, static_cast<std::uint64_t>(std::ranges::count(piece, '\n')))) {
          return false;
        }
        rest.remove_prefix(piece.size());
      }
      if (steps_left_-- == 0) return false;
      const auto prepared = sink_->prepare();
      if (!prepared) return false;
      if (steps_left_-- == 0) return false;
      // From here on the commit is durable.
      state_ = *prepared;
      committed_ += batch;
      next_row_ += static_cast<std::uint64_t>(std::ranges::count(batch, '\n'));
      if (steps_left_-- == 0) return false;
      if (!sink_->committed()) return false;
    }
    return true;
  }

  void die_after(int steps) { steps_left_ = steps; }

  void die(Death death) {
    files_.heal();
    sink_.reset();
    if (death == Death::power_loss) files_.lose_power(random_());
  }

  void expect_all_committed() {
    steps_left_ = -1;
    sink_ = *make_file_sink(settings_, schema_, false, {.files = files_});
    const Status recovered = sink_->recover(state_);
    ASSERT_TRUE(recovered) << recovered.error().message;
    EXPECT_TRUE(committed_.starts_with(output())) << "rows that were never committed show";
    if (!directory_) {
      EXPECT_EQ(output(), committed_);
    }
    sink_->finish();
    state_ = *sink_->prepare();
    ASSERT_TRUE(sink_->committed());
    ASSERT_EQ(output(), committed_);
    sink_.reset();
  }

  SimulatedFileSystem& files() { return files_; }
  std::uint64_t random() { return random_(); }

 private:
  std::string rows() {
    std::string batch;
    // Now and then more than a commit can hold itself.
    const bool big = !directory_ && random_() % 8 == 0;
    const std::uint64_t count = big ? 2 : random_() % 5;
    for (std::uint64_t i = 0; i < count; ++i) {
      batch += fmt::format("{{\"row\":{},\"pad\":\"{}\"}}\n", next_row_ + i,
                           std::string(big ? 600'000 : random_() % 90, 'x'));
    }
    return batch;
  }

  std::string output() {
    if (!directory_) return files_.contents("/out/rows.jsonl");
    std::string all;
    const auto names = files_.list("/out/parts");
    for (const std::string& name : *names) {
      if (!name.starts_with('.')) all += files_.contents("/out/parts/" + name);
    }
    return all;
  }

  const bool directory_;
  std::mt19937_64 random_;
  SimulatedFileSystem files_;
  Settings settings_;
  const Schema schema_{{{"row", Type::of(DUCKDB_TYPE_BIGINT)}}};
  std::unique_ptr<EpochSink> sink_;
  std::optional<std::string> state_;
  std::string committed_;
  std::uint64_t next_row_ = 0;
  int steps_left_ = -1;
};

class FileSinkCrashTest : public testing::TestWithParam<bool> {};

TEST_P(FileSinkCrashTest, KilledBetweenAnyTwoSteps) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Crasher crasher(GetParam(), seed);
    for (int step = 0; step < 12; ++step) {
      crasher.die_after(step);
      crasher.live(4);
      crasher.die(Crasher::Death::kill);
    }
    ASSERT_NO_FATAL_FAILURE(crasher.expect_all_committed()) << "seed " << seed;
  }
}

TEST_P(FileSinkCrashTest, LosesPowerAtAnyStep) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Crasher crasher(GetParam(), seed);
    for (int life = 0; life < 8; ++life) {
      crasher.die_after(static_cast<int>(crasher.random() % 14));
      crasher.live(4);
      crasher.die(Crasher::Death::power_loss);
    }
    ASSERT_NO_FATAL_FAILURE(crasher.expect_all_committed()) << "seed " << seed;
  }
}

TEST_P(FileSinkCrashTest, EveryChangeToTheDiskFailsOnce) {
  for (const auto fault :
       {SimulatedFileSystem::Fault::io_error, SimulatedFileSystem::Fault::disk_full,
        SimulatedFileSystem::Fault::short_write}) {
    for (std::uint64_t nth = 0; nth < 36; ++nth) {
      Crasher crasher(GetParam(), nth);
      crasher.files().fail_change(nth, fault);
      if (!crasher.live(5)) crasher.live(0);
      crasher.die(Crasher::Death::power_loss);
      crasher.live(2);
      crasher.die(Crasher::Death::kill);
      ASSERT_NO_FATAL_FAILURE(crasher.expect_all_committed()) << "change " << nth;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, FileSinkCrashTest, testing::Bool(),
                         [](const auto& form) { return form.param ? "Parts" : "SingleFile"; });

}  // namespace
}  // namespace leat::connector

// Sessions: what falls into which, what leaves when, what is late, and what is forgotten.

#include <gtest/gtest.h>

#include "model/chunk_copy.h"
#include "operator/law_bench.h"
#include "operator/window_clock.h"

namespace leat::op {
namespace {

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

// RandomInput's times lie in the ten minutes from 2026-01-01T00:00:00Z.
constexpr EventTimeUs midnight = 1767225600LL * 1000000;
constexpr std::int64_t second = 1000000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t gap = 12 * second;

/// A row for each session of `from`, whose rows of one key are told by `key`.
std::string sessions_of(const std::string& from, const std::string& key, const std::string& list) {
  return fmt::format(
      "SELECT {2}, min(ts) AS window_start, max(ts) + INTERVAL 12 SECONDS AS window_end, count(*) "
      "AS c, sum(n) AS s, string_agg(t, ',' ORDER BY id) AS texts{3} FROM (SELECT *, sum(CASE WHEN "
      "ts < before + INTERVAL 12 SECONDS THEN 0 ELSE 1 END) OVER (PARTITION BY {1} ORDER BY ts, "
      "id) AS session FROM (SELECT *, lag(ts) OVER (PARTITION BY {1} ORDER BY ts, id) AS before "
      "FROM {0})) GROUP BY {1}, session",
      from, key, list, key == "__leat_key" ? ", __leat_key" : "");
}

KeyedView view_of(Emit emit, std::optional<std::int64_t> retain_us, bool taken_back,
                  std::int64_t lateness_us = 0) {
  sql::KeyedQuery query;
  query.inputs = {view_input("g, id, g AS name, n, t, ts", "true", taken_back)};
  query.key_count = 1;
  query.sql = sessions_of("__leat_lookup('0')", "__leat_key", "any_value(name) AS g");
  RandomInput input(0, false);
  query.output = input.judge().schema_of(sessions_of("input", "g", "g"));
  query.session = {.time_column = 5, .gap_us = gap};
  const Late late = lateness_us > 0 ? Late::update : Late::dead_letters;
  return {{emit, retain_us, late, lateness_us}, query};
}

ViewBench::Make make(const KeyedView& view) {
  return [view](const std::string& name, const Resources& resources) {
    return make_keyed_view(name, view, {RandomInput::schema()}, resources);
  };
}

/// What DuckDB says of the rows that got in.
class Judge {
 public:
  explicit Judge(RandomInput& input) : input_(input) {
    input_.run("CREATE TABLE arrived (id BIGINT)");
    input_.run("CREATE TABLE accepted AS FROM input");
  }

  /// An epoch's rows have come, when sessions up to `closed` had closed. Gives how many were late.
  std::size_t note(EventTimeUs closed) {
    const std::string time = closed == no_watermark ? "-1" : std::to_string(closed);
    input_.run(
        "CREATE OR REPLACE TABLE newest AS FROM input WHERE id NOT IN (SELECT id FROM arrived); "
        "INSERT INTO arrived SELECT id FROM newest; INSERT INTO accepted FROM newest WHERE "
        "epoch_us(ts) >= " +
        time);
    // What is taken back leaves the sessions that are open.
    input_.run(
        "CREATE OR REPLACE TABLE gone AS SELECT id FROM accepted JOIN (" +
        sessions_of("accepted", "g", "g") +
        ") AS s ON accepted.g IS NOT DISTINCT FROM s.g AND ts >= window_start AND ts < window_end "
        "WHERE id NOT IN (SELECT id FROM input) AND epoch_us(window_end) > " +
        time + "; DELETE FROM accepted WHERE id IN (FROM gone)");
    const auto count = input_.judge().texts(
        "SELECT count(*)::VARCHAR FROM newest WHERE "
        "epoch_us(ts) < " +
        time);
    return std::stoul(count[0]);
  }
  ComparableRows rows(const Schema& schema, const std::string& condition) {
    return comparable(schema,
                      input_.judge().chunks("SELECT * FROM (" + sessions_of("accepted", "g", "g") +
                                            ") WHERE " + condition));
  }

 private:
  RandomInput& input_;
};

std::string ended_by(EventTimeUs time) { return fmt::format("epoch_us(window_end) <= {}", time); }

struct Tried {
  Emit emit;
  bool taken_back = false;
  std::optional<std::int64_t> retain_us = {};
  std::int64_t lateness_us = 0;
};

void hold_the_law(std::uint64_t seed, const Tried& tried, Setting setting) {
  SCOPED_TRACE(fmt::format("seed {} {} taken back {} retain {} late {}", seed,
                           tried.emit == Emit::on_close ? "on close" : "on update",
                           tried.taken_back, tried.retain_us.value_or(-1), tried.lateness_us));
  std::mt19937_64 random(seed);
  RandomInput input(seed, tried.taken_back);
  Judge judge(input);
  ViewBench bench(database(), setting);
  bench.add("v", make(view_of(tried.emit, tried.retain_us, tried.taken_back, tried.lateness_us)));
  bench.start();
  std::vector<EventTimeUs> watermarks;
  std::size_t late = 0, rows = 0;
  for (int epoch = 1; epoch <= 20 && !::testing::Test::HasFailure(); ++epoch) {
    const EventTimeUs time = midnight + epoch * minute / 2 + 1;
    const EventTimeUs closed = epoch == 1 ? no_watermark : watermarks.back();
    watermarks.push_back(epoch == 20 ? end_of_time : time);
    const auto& changes = input.next_epoch();
    const std::size_t too_late = judge.note(add_saturated(closed, -tried.lateness_us));
    EXPECT_EQ(bench.run_epoch(changes, watermarks.back(), random), too_late);
    late += too_late;
    std::string condition = "true";
    if (tried.emit == Emit::on_close && epoch < 20) condition = ended_by(time);
    // The end of the input is no time: what was forgotten then stays so.
    const EventTimeUs now = epoch == 20 ? closed : time;
    if (tried.retain_us) condition += " AND NOT " + ended_by(now - *tried.retain_us);
    const auto check = [&] {
      const ComparableRows expected = judge.rows(bench.view("v").output(), condition);
      expect_same_rows(bench.scan("v"), expected, fmt::format("sessions after epoch {}", epoch));
      EXPECT_EQ(bench.view("v").row_count(), expected.size());
      if (!tried.retain_us) {
        EXPECT_EQ(bench.scan_bytes("v"), bench.sum_of_changes("v"));
      }
      rows = expected.size();
    };
    check();
    if (random() % 3 == 0) bench.commit();
    if (random() % 4 != 0) continue;
    bench.replay(input, random, watermarks);
    check();
  }
  EXPECT_GT(late, 0u) << "the test has late rows at all";
  EXPECT_GT(rows, 0u);
}

TEST(Sessions, AreGivenOutOnceWhenTheyClose) {
  hold_the_law(1, {Emit::on_close}, {1, 1});
  hold_the_law(2, {Emit::on_close}, {2, 4});
  hold_the_law(3, {Emit::on_close}, {3, 4, true});
  hold_the_law(4, {Emit::on_close}, {2, 2, false, 1024});
}

TEST(Sessions, AreUpdatedWhileTheyAreOpen) {
  hold_the_law(11, {Emit::on_update}, {1, 1});
  hold_the_law(12, {Emit::on_update}, {2, 4});
  hold_the_law(13, {Emit::on_update}, {3, 4, true});
  hold_the_law(14, {Emit::on_update}, {2, 2, false, 1024});
}

TEST(Sessions, LoseRowsThatAreTakenBackWhileTheyAreOpen) {
  for (const Emit emit : {Emit::on_close, Emit::on_update}) {
    hold_the_law(21, {emit, true}, {1, 1});
    hold_the_law(22, {emit, true}, {2, 4});
    hold_the_law(23, {emit, true}, {2, 2, false, 1024});
  }
}

/// What was given out is what DuckDB says of the sessions that are over, after each epoch.
TEST(Sessions, ThatWereGivenOutTakeLateRowsForAWhile) {
  hold_the_law(41, {Emit::on_close, false, {}, 40 * second}, {1, 1});
  hold_the_law(42, {Emit::on_close, true, {}, minute}, {2, 4});
  hold_the_law(43, {Emit::on_close, false, {}, minute / 2}, {3, 4, true});
  hold_the_law(44, {Emit::on_close, true, {}, minute}, {2, 2, false, 1024});
  hold_the_law(45, {Emit::on_close, true, 2 * minute, minute}, {2, 2});
  hold_the_law(46, {Emit::early, false, {}, minute}, {2, 2});
  hold_the_law(47, {Emit::early, true, minute, minute / 2}, {1, 4});
}

TEST(Sessions, ThatClosedLongAgoAreForgotten) {
  for (const Emit emit : {Emit::on_close, Emit::on_update}) {
    hold_the_law(31, {emit, false, 2 * minute}, {1, 1});
    hold_the_law(32, {emit, true, 2 * minute}, {2, 2});
  }
}

/// Epochs over rows (id, g, ts) made by hand.
class SessionsAlone : public ::testing::Test {
 protected:
  void start(Emit emit, bool taken_back = false, std::int64_t lateness_us = 0) {
    input_ = std::make_unique<RandomInput>(1, taken_back);
    bench_.add("v", make(view_of(emit, {}, taken_back, lateness_us)));
    bench_.start();
  }
  /// `rows`: (id, g, ts)…; gives the number of late rows.
  std::size_t run(const std::string& rows, EventTimeUs watermark, std::int64_t weight = 1) {
    std::vector<ChangeChunk> changes;
    if (!rows.empty()) {
      input_->run("DELETE FROM input; INSERT INTO input (id, g, ts) VALUES " + rows);
      for (const Chunk& chunk : input_->judge().chunks("FROM input ORDER BY id")) {
        changes.push_back({copy_of(chunk), {}, 0, {}});
        changes.back().weights.assign(chunk.size(), weight);
      }
    }
    return bench_.run_epoch(changes, watermark, random_);
  }
  static std::string at(int seconds) {
    return fmt::format("'2026-01-01'::TIMESTAMP + INTERVAL '{} seconds'", seconds);
  }
  std::size_t session_count() { return bench_.scan("v").size(); }

  std::unique_ptr<RandomInput> input_;
  ViewBench bench_{database(), {1, 2}};
  std::mt19937_64 random_{1};
};

TEST_F(SessionsAlone, LeaveOutRowsThatCouldNeverClose) {
  start(Emit::on_update);
  EXPECT_EQ(run("(1, 'a', NULL), (2, 'a', 'infinity'), (3, 'a', " + at(5) + ")", no_watermark), 2u);
  EXPECT_EQ(session_count(), 1u);
  run("", end_of_time);
  EXPECT_EQ(session_count(), 1u);
}

TEST_F(SessionsAlone, CloseAtTheVeryEndOfTheirGap) {
  start(Emit::on_close);
  run("(1, 'a', " + at(0) + "), (2, NULL, " + at(1) + ")", midnight);
  run("", midnight + gap - 1);
  EXPECT_EQ(session_count(), 0u);
  run("", midnight + gap);
  EXPECT_EQ(session_count(), 1u);
  EXPECT_EQ(run("(3, NULL, " + at(12) + "), (4, NULL, " + at(11) + ")", midnight + gap), 1u)
      << "a row at the watermark is in time, one behind it is not";
  run("", end_of_time);
  EXPECT_EQ(session_count(), 2u) << "of NULL there is one from 1 to 12";
}

TEST_F(SessionsAlone, ASnapshotSeesOnlyWhatHadClosedByThen) {
  start(Emit::on_close);
  run("(1, 'a', " + at(0) + "), (2, 'b', " + at(30) + ")", midnight + 20 * second);
  const auto snapshot = bench_.snapshot();
  run("", end_of_time);
  EXPECT_EQ(session_count(), 2u);
  std::size_t rows = 0;
  ASSERT_TRUE(bench_.view("v").scan(*snapshot, [&](const Chunk& chunk) {
    rows += chunk.size();
    return true;
  }));
  EXPECT_EQ(rows, 1u);
}

TEST_F(SessionsAlone, FallApartWhenTheRowBetweenIsTakenBack) {
  start(Emit::on_update, true);
  run("(1, 'a', " + at(0) + "), (2, 'a', " + at(10) + "), (3, 'a', " + at(20) + ")", midnight);
  EXPECT_EQ(session_count(), 1u);
  run("(2, 'a', " + at(10) + ")", midnight, -1);
  EXPECT_EQ(session_count(), 2u);
  run("(1, 'a', " + at(0) + "), (3, 'a', " + at(20) + ")", midnight, -1);
  EXPECT_EQ(session_count(), 0u);
  bench_.commit();
  bench_.crash();
  EXPECT_EQ(run("(2, 'a', " + at(10) + ")", midnight), 0u);
  EXPECT_EQ(session_count(), 1u);
}

TEST_F(SessionsAlone, AreTakenBackWhereALateRowMakesThemLonger) {
  start(Emit::on_close, false, minute);
  run("(1, 'a', " + at(0) + "), (2, 'a', " + at(20) + ")", midnight + 31 * second);
  EXPECT_EQ(session_count(), 1u) << "the first has ended at 12, the second will at 32";
  run("(3, 'a', " + at(10) + ")", midnight + 31 * second);
  EXPECT_EQ(session_count(), 0u) << "both are one, that ends at 32";
  bench_.commit();
  bench_.crash();
  run("", midnight + 32 * second);
  EXPECT_EQ(session_count(), 1u);
  run("(4, 'a', " + at(-11) + ")", midnight + 91 * second);
  EXPECT_EQ(session_count(), 1u) << "it takes rows until 92";
  bench_.commit();
  bench_.crash();
  EXPECT_EQ(run("(5, 'a', " + at(31) + ")", midnight + 92 * second), 0u);
  EXPECT_EQ(session_count(), 1u) << "and ends at 43 now";
  EXPECT_EQ(run("(6, 'a', " + at(31) + ")", midnight + 104 * second), 1u) << "32 is what is late";
  EXPECT_EQ(bench_.scan_bytes("v"), bench_.sum_of_changes("v"));
}

TEST_F(SessionsAlone, LeaveNoStateOfRowsBehind) {
  start(Emit::on_close);
  for (int minutes = 0; minutes < 30; ++minutes) {
    std::string rows;
    for (int i = 0; i < 200; ++i) {
      rows += fmt::format("{}({}, 'key {}', {})", i == 0 ? "" : ", ", minutes * 200 + i, i,
                          at(minutes * 60 + i / 20));
    }
    run(rows, midnight + minutes * minute);
    bench_.commit();
  }
  EXPECT_EQ(session_count(), 29u * 200u);
  run("", midnight + 31 * minute);
  EXPECT_EQ(session_count(), 30u * 200u);
  bench_.commit();
  bench_.crash();
  run("", midnight + 32 * minute);
  bench_.commit();
  EXPECT_LT(bench_.committed_bytes(), 256u) << "nothing changes any more";
  EXPECT_EQ(session_count(), 30u * 200u);
}

TEST(SessionView, NeedsSessionsToClose) {
  KeyedView view = view_of(Emit::on_close, {}, false);
  view.query.session.reset();
  state::ScratchDirectory directory;
  const auto store = state::Store::open(directory.path()).value();
  state::Timeline timeline(*store);
  const auto made =
      make_keyed_view("v", view, {RandomInput::schema()}, {*store, timeline, database()});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, "not-incremental");
}

}  // namespace
}  // namespace leat::op

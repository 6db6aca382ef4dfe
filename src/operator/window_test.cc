// Windows: what leaves a view when, what is late, and what is forgotten.

#include <gtest/gtest.h>

#include "model/chunk_copy.h"
#include "operator/law_bench.h"

namespace leat::op {
namespace {

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

// RandomInput's times lie in the ten minutes from 2026-01-01T00:00:00Z.
constexpr EventTimeUs midnight = 1767225600LL * 1000000;
constexpr std::int64_t minute = 60LL * 1000000;

constexpr const char* windowed =
    "SELECT window_start, g, count(*) AS n, sum(n) AS s, count(DISTINCT t) AS d, max(t) AS m "
    "FROM tumble(input, ts, INTERVAL '1 minute') GROUP BY window_start, g";
constexpr const char* bucketed =
    "SELECT time_bucket(INTERVAL '1 minute', ts) AS window_start, g, count(*) AS n, sum(n) AS s, "
    "count(DISTINCT t) AS d, max(t) AS m FROM input WHERE {} GROUP BY ALL";

AggregateView view_of(Emit emit, std::optional<std::int64_t> retain_us, bool over_view) {
  static const std::unique_ptr<sql::Analyser> analyser = sql::Analyser::open().value();
  sql::Catalog catalog;
  catalog["input"] = {over_view ? sql::Relation::Kind::view : sql::Relation::Kind::stream,
                      RandomInput::schema()};
  return {analyser->aggregate_query(windowed, catalog).value(), emit, retain_us};
}

ViewBench::Make make(const AggregateView& view) {
  return [view](const std::string& name, const Resources& resources) {
    return make_aggregate_view(name, view, RandomInput::schema(), resources);
  };
}

/// SQL for rows whose window ends at or before a time.
std::string ended_by(EventTimeUs time) {
  return fmt::format("epoch_us(time_bucket(INTERVAL '1 minute', ts)) + {} <= {}", minute, time);
}

/// Takes late rows out of the judge's table, as the view refused them.
void drop_late(ViewBench& bench, RandomInput& input, const std::vector<ChangeChunk>& changes) {
  for (const auto& [chunk, row] : bench.late()) {
    const auto* ids =
        static_cast<const std::int64_t*>(duckdb_vector_get_data(changes[chunk].rows.vector(0)));
    input.run(fmt::format("DELETE FROM input WHERE id = {}", ids[row]));
  }
}

ComparableRows judged(ViewBench& bench, RandomInput& input, const std::string& condition) {
  return comparable(bench.view("v").output(),
                    input.judge().chunks(fmt::format(fmt::runtime(bucketed), condition)));
}

void close_windows(std::uint64_t seed, Setting setting) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  RandomInput input(seed, false);
  ViewBench bench(database(), setting);
  bench.add("v", make(view_of(Emit::on_close, {}, false)));
  bench.start();
  std::vector<EventTimeUs> watermarks;
  std::size_t late = 0;
  for (int epoch = 1; epoch <= 20 && !::testing::Test::HasFailure(); ++epoch) {
    const EventTimeUs time = midnight + epoch * minute / 2 + 1;
    watermarks.push_back(epoch == 20 ? end_of_time : time);
    const auto& changes = input.next_epoch();
    late += bench.run_epoch(changes, watermarks.back(), random);
    drop_late(bench, input, changes);
    EXPECT_EQ(bench.scan_bytes("v"), bench.sum_of_changes("v"));
    const ComparableRows expected = judged(bench, input, epoch == 20 ? "true" : ended_by(time));
    expect_same_rows(bench.scan("v"), expected, "closed windows");
    EXPECT_EQ(bench.view("v").row_count(), expected.size());
    if (random() % 3 == 0) bench.commit();
    if (random() % 4 != 0) continue;
    const std::uint64_t last = bench.epoch();
    for (std::uint64_t again = bench.crash(); again <= last; ++again) {
      // The same rows are late again: what has closed is part of what was committed.
      bench.run_epoch(input.epoch(again), watermarks[again - 1], random);
    }
    EXPECT_EQ(bench.scan_bytes("v"), bench.sum_of_changes("v"));
    expect_same_rows(bench.scan("v"), expected, "closed windows after a replay");
  }
  EXPECT_GT(late, 0u) << "the test has late rows at all";
}

TEST(Windows, AreGivenOutOnceWhenTheyClose) {
  close_windows(1, {1, 1});
  close_windows(2, {2, 4});
  close_windows(3, {3, 4, true});
  close_windows(4, {2, 2, false, 1024});
}

TEST(Windows, UpdateBeforeTheyCloseAndAreForgottenAfterwards) {
  std::mt19937_64 random(7);
  RandomInput input(7, true);
  ViewBench bench(database(), {2, 2});
  bench.add("v", make(view_of(Emit::on_update, 2 * minute, true)));
  bench.start();
  for (int epoch = 1; epoch <= 18 && !::testing::Test::HasFailure(); ++epoch) {
    const EventTimeUs time = midnight + epoch * minute / 2 + 1;
    const auto& changes = input.next_epoch();
    bench.run_epoch(changes, time, random);
    // What is taken back late has been forgotten as well.
    drop_late(bench, input, changes);
    expect_same_rows(bench.scan("v"), judged(bench, input, "NOT " + ended_by(time - 2 * minute)),
                     "windows that are not forgotten");
    if (epoch % 3 == 0) bench.commit();
    if (epoch % 6 == 0) bench.crash();
  }
  bench.run_epoch({}, midnight + 100 * minute, random);
  EXPECT_TRUE(bench.scan("v").empty());
  bench.commit();
  bench.crash();
  EXPECT_TRUE(bench.scan("v").empty()) << "gone from the store as well";
}

TEST(Windows, ClosedRowsAreDroppedAfterTheirTime) {
  std::mt19937_64 random(8);
  RandomInput input(8, false);
  ViewBench bench(database(), {1, 2});
  bench.add("v", make(view_of(Emit::on_close, 3 * minute, false)));
  bench.start();
  bench.run_epoch(input.next_epoch(), midnight + 5 * minute, random);
  expect_same_rows(
      bench.scan("v"),
      judged(bench, input,
             ended_by(midnight + 5 * minute) + " AND NOT " + ended_by(midnight + 2 * minute)),
      "kept for three minutes");
  bench.commit();
  bench.crash();
  bench.run_epoch({}, midnight + 30 * minute, random);
  EXPECT_TRUE(bench.scan("v").empty());
}

TEST(Windows, NeedATumblingQuery) {
  static const std::unique_ptr<sql::Analyser> analyser = sql::Analyser::open().value();
  sql::Catalog catalog;
  catalog["input"] = {sql::Relation::Kind::stream, RandomInput::schema()};
  const AggregateView view{
      analyser->aggregate_query("SELECT g, count(*) AS n FROM input GROUP BY g", catalog).value(),
      Emit::on_close,
      {}};
  state::ScratchDirectory directory;
  const auto store = state::Store::open(directory.path()).value();
  state::Timeline timeline(*store);
  const auto made =
      make_aggregate_view("v", view, RandomInput::schema(), {*store, timeline, database()});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, "not-incremental");
}

TEST(Windows, ASnapshotSeesOnlyWhatHadClosedByThen) {
  std::mt19937_64 random(9);
  RandomInput input(9, false);
  ViewBench bench(database(), {1, 1});
  bench.add("v", make(view_of(Emit::on_close, {}, false)));
  bench.start();
  bench.run_epoch(input.next_epoch(), midnight + 3 * minute, random);
  const auto snapshot = bench.snapshot();
  const std::size_t then = bench.scan("v").size();
  bench.run_epoch(input.next_epoch(), end_of_time, random);
  ASSERT_GT(bench.scan("v").size(), then);
  std::size_t rows = 0;
  ASSERT_TRUE(bench.view("v").scan(*snapshot, [&](const Chunk& chunk) {
    rows += chunk.size();
    return true;
  }));
  EXPECT_EQ(rows, then);
}

}  // namespace
}  // namespace leat::op

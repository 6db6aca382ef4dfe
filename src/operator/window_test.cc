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

/// A window function as a query calls it and what it means: windows that begin at midnight and
/// every so many seconds from there, of these lengths.
struct Shape {
  const char* call;
  const char* keys;
  int begin, each;
  const char* lengths;
};
constexpr Shape tumbling = {"tumble(input, ts, INTERVAL '1 minute')", "window_start", 0, 60, "60"};
constexpr Shape shifted = {"tumble(input, ts, INTERVAL '1 minute', INTERVAL '20 seconds')",
                           "window_start", 20, 60, "60"};
constexpr Shape hopping = {"hop(input, ts, INTERVAL '30 seconds', INTERVAL '2 minutes')",
                           "window_end", 0, 30, "120"};
constexpr Shape cumulating = {"cumulate(input, ts, INTERVAL '30 seconds', INTERVAL '2 minutes')",
                              "window_start, window_end", 0, 120, "30, 60, 90, 120"};

constexpr const char* aggregates =
    "g, count(*) AS n, sum(n) AS s, count(DISTINCT t) AS d, max(t) AS m";

AggregateView view_of(const Shape& shape, Emit emit, std::optional<std::int64_t> retain_us,
                      bool over_view) {
  static const std::unique_ptr<sql::Analyser> analyser = sql::Analyser::open().value();
  sql::Catalog catalog;
  catalog["input"] = {over_view ? sql::Relation::Kind::view : sql::Relation::Kind::stream,
                      RandomInput::schema()};
  const std::string text = fmt::format("SELECT {0}, {1}{2} FROM {3} GROUP BY {0}, g", shape.keys,
                                       aggregates, over_view ? "" : ", last(id) AS l", shape.call);
  return {{emit, retain_us}, analyser->aggregate_query(text, catalog).value(), {}};
}

ViewBench::Make make(const AggregateView& view) {
  return [view](const std::string& name, const Resources& resources) {
    return make_aggregate_view(name, view, RandomInput::schema(), resources);
  };
}

/// SQL for rows of windows that end at or before a time.
std::string ended_by(EventTimeUs time) { return fmt::format("epoch_us(window_end) <= {}", time); }

/// What DuckDB says of the input, row by row and window by window: a row counts in each window that
/// its time lies in and that had not closed when it came.
class Judge {
 public:
  Judge(const Shape& shape, RandomInput& input) : shape_(shape), input_(input) {
    input_.run("CREATE TABLE arrived (id BIGINT, closed BIGINT)");
    // The input's times and their windows lie within twenty minutes.
    input_.run(fmt::format(
        "CREATE TABLE windows AS SELECT window_start, window_start + INTERVAL 1 SECOND * length AS "
        "window_end FROM (SELECT unnest(generate_series(TIMESTAMP '2026-01-01' - INTERVAL 1 HOUR + "
        "INTERVAL {} SECONDS, TIMESTAMP '2026-01-01 00:20:00', INTERVAL {} SECONDS)) AS "
        "window_start), (SELECT unnest([{}]) AS length)",
        shape.begin, shape.each, shape.lengths));
  }

  /// New rows have come, when windows up to `closed` had closed.
  void note_arrivals(EventTimeUs closed) {
    input_.run(
        fmt::format("CREATE OR REPLACE TABLE newest AS SELECT id FROM input WHERE id NOT IN "
                    "(SELECT id FROM arrived); INSERT INTO arrived SELECT id, {} FROM newest",
                    closed == no_watermark ? "-1" : std::to_string(closed)));
  }

  /// The newest rows that came too late for some of their windows, and how many of them were open.
  std::vector<std::string> late() {
    return input_.judge().texts(fmt::format(
        "SELECT id || ' ' || count(*) FILTER (WHERE {0}) || ' ' || count(*) FILTER (WHERE NOT {0}) "
        "FROM {1} WHERE id IN (FROM newest) GROUP BY id HAVING count(*) FILTER (WHERE {0}) > 0 "
        "ORDER BY id",
        late_sql, rows_sql));
  }
  /// The same, as the view said.
  static std::vector<std::string> late(const ViewBench& bench,
                                       const std::vector<ChangeChunk>& changes) {
    std::map<std::int64_t, LateRow> rows;
    for (const auto& [chunk, row] : bench.late()) {
      const auto* ids =
          static_cast<const std::int64_t*>(duckdb_vector_get_data(changes[chunk].rows.vector(0)));
      EXPECT_TRUE(rows.emplace(ids[row.row], row).second) << "a row is late once";
    }
    std::vector<std::string> texts;
    for (const auto& [id, row] : rows) {
      texts.push_back(fmt::format("{} {} {}", id, row.closed, row.open));
    }
    return texts;
  }

  ComparableRows rows(ViewBench& bench, const std::string& condition) {
    const bool has_last = bench.view("v").output().find("l").has_value();
    return comparable(
        bench.view("v").output(),
        input_.judge().chunks(fmt::format(
            "SELECT {}, {}{} FROM {} WHERE NOT {} AND {} GROUP BY ALL", shape_.keys, aggregates,
            has_last ? ", last(id ORDER BY id) AS l" : "", rows_sql, late_sql, condition)));
  }

 private:
  static constexpr const char* rows_sql =
      "input JOIN arrived USING (id) JOIN windows ON ts >= window_start AND ts < window_end";
  static constexpr const char* late_sql = "(epoch_us(window_end) <= closed)";

  const Shape shape_;
  RandomInput& input_;
};

/// With a lateness, windows that have closed take rows for that long. Gives the number of rows that
/// were late for some of their windows only.
std::size_t close_windows(const Shape& shape, std::uint64_t seed, Setting setting,
                          std::int64_t lateness = 0) {
  SCOPED_TRACE(fmt::format("{} seed {}", shape.call, seed));
  std::mt19937_64 random(seed);
  RandomInput input(seed, false);
  Judge judge(shape, input);
  ViewBench bench(database(), setting);
  AggregateView view = view_of(shape, Emit::on_close, {}, false);
  if (lateness > 0) view.late = Late::update;
  view.allowed_lateness_us = lateness;
  bench.add("v", make(view));
  bench.start();
  std::vector<EventTimeUs> watermarks;
  std::size_t late = 0, partly_late = 0;
  for (int epoch = 1; epoch <= 20 && !::testing::Test::HasFailure(); ++epoch) {
    const EventTimeUs time = midnight + epoch * minute / 2 + 1;
    const EventTimeUs closed = epoch == 1 ? no_watermark : watermarks.back() - lateness;
    watermarks.push_back(epoch == 20 ? end_of_time : time);
    const auto& changes = input.next_epoch();
    judge.note_arrivals(closed);
    late += bench.run_epoch(changes, watermarks.back(), random);
    EXPECT_EQ(Judge::late(bench, changes), judge.late());
    for (const auto& [chunk, row] : bench.late()) partly_late += row.open > 0 ? 1 : 0;
    EXPECT_EQ(bench.scan_bytes("v"), bench.sum_of_changes("v"));
    const ComparableRows expected = judge.rows(bench, epoch == 20 ? "true" : ended_by(time));
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
  return partly_late;
}

TEST(Windows, AreGivenOutOnceWhenTheyClose) {
  close_windows(tumbling, 1, {1, 1});
  close_windows(tumbling, 2, {2, 4});
  close_windows(shifted, 3, {3, 4, true});
  close_windows(tumbling, 4, {2, 2, false, 1024});
}

TEST(Windows, ThatOverlapCountARowInThoseThatAreOpen) {
  for (const Shape& shape : {hopping, cumulating}) {
    EXPECT_GT(close_windows(shape, 1, {1, 1}), 0u);
    EXPECT_GT(close_windows(shape, 2, {2, 4}), 0u);
    EXPECT_GT(close_windows(shape, 3, {3, 4, true}), 0u);
    EXPECT_GT(close_windows(shape, 4, {2, 2, false, 1024}), 0u);
  }
}

TEST(Windows, ThatHaveClosedAreUpdatedAsLongAsLatenessIsAllowed) {
  for (const Shape& shape : {tumbling, hopping, cumulating}) {
    close_windows(shape, 5, {1, 1}, minute);
    close_windows(shape, 6, {2, 4}, minute / 2);
    close_windows(shape, 7, {3, 4, true}, 2 * minute);
    close_windows(shape, 8, {2, 2, false, 1024}, minute);
  }
}

TEST(Windows, GiveOutTheOldRowAndTheNewOneWhenALateRowComes) {
  std::mt19937_64 random(10);
  RandomInput input(10, false);
  ViewBench bench(database(), {1, 2});
  AggregateView view = view_of(tumbling, Emit::on_close, {}, false);
  view.late = Late::update;
  view.allowed_lateness_us = 20 * minute;
  bench.add("v", make(view));
  bench.start();
  bench.run_epoch(input.next_epoch(), midnight + 11 * minute, random);
  const auto before = bench.scan("v");
  ASSERT_FALSE(before.empty());
  EXPECT_EQ(bench.run_epoch(input.next_epoch(), midnight + 11 * minute, random), 0u);
  EXPECT_NE(bench.scan("v"), before);
  EXPECT_EQ(bench.scan_bytes("v"), bench.sum_of_changes("v"));
  bench.run_epoch({}, midnight + 40 * minute, random);
  EXPECT_GT(bench.run_epoch(input.next_epoch(), midnight + 40 * minute, random), 0u)
      << "it is over";
}

/// Over a view, whose rows are taken back.
void update_windows(const Shape& shape, std::uint64_t seed) {
  SCOPED_TRACE(shape.call);
  std::mt19937_64 random(seed);
  RandomInput input(seed, true);
  Judge judge(shape, input);
  ViewBench bench(database(), {2, 2});
  bench.add("v", make(view_of(shape, Emit::on_update, 2 * minute, true)));
  bench.start();
  EventTimeUs forgotten = no_watermark;
  for (int epoch = 1; epoch <= 18 && !::testing::Test::HasFailure(); ++epoch) {
    const EventTimeUs time = midnight + epoch * minute / 2 + 1;
    const auto& changes = input.next_epoch();
    judge.note_arrivals(forgotten);
    bench.run_epoch(changes, time, random);
    forgotten = time - 2 * minute;
    // What is taken back late has been forgotten as well.
    expect_same_rows(bench.scan("v"), judge.rows(bench, "NOT " + ended_by(forgotten)),
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

TEST(Windows, UpdateBeforeTheyCloseAndAreForgottenAfterwards) {
  for (const Shape& shape : {tumbling, shifted, hopping, cumulating}) update_windows(shape, 7);
}

TEST(Windows, ClosedRowsAreDroppedAfterTheirTime) {
  for (const Shape& shape : {tumbling, hopping, cumulating}) {
    std::mt19937_64 random(8);
    RandomInput input(8, false);
    Judge judge(shape, input);
    ViewBench bench(database(), {1, 2});
    bench.add("v", make(view_of(shape, Emit::on_close, 3 * minute, false)));
    bench.start();
    const auto& changes = input.next_epoch();
    judge.note_arrivals(no_watermark);
    bench.run_epoch(changes, midnight + 5 * minute, random);
    expect_same_rows(bench.scan("v"),
                     judge.rows(bench, ended_by(midnight + 5 * minute) + " AND NOT " +
                                           ended_by(midnight + 2 * minute)),
                     "kept for three minutes");
    bench.commit();
    bench.crash();
    bench.run_epoch({}, midnight + 30 * minute, random);
    EXPECT_TRUE(bench.scan("v").empty());
  }
}

/// A row without a time is in no window: where windows close it is late, elsewhere it has a group.
TEST(Windows, HaveOneGroupForRowsWithoutATime) {
  for (const Shape& shape : {tumbling, hopping, cumulating}) {
    std::mt19937_64 random(1);
    RandomInput input(1, false);
    input.run("INSERT INTO input (id, g) VALUES (-1, 'a'), (-2, 'a')");
    ChangeChunk change;
    change.rows = copy_of(input.judge().chunks("FROM input WHERE id < 0")[0]);
    std::vector<ChangeChunk> changes;
    changes.push_back(std::move(change));
    for (const Emit emit : {Emit::on_update, Emit::on_close}) {
      ViewBench bench(database(), {1, 1});
      bench.add("v", make(view_of(shape, emit, {}, false)));
      bench.start();
      EXPECT_EQ(bench.run_epoch(changes, no_watermark, random), emit == Emit::on_close ? 2u : 0u);
      bench.run_epoch({}, end_of_time, random);
      EXPECT_EQ(bench.scan("v").size(), emit == Emit::on_close ? 0u : 1u) << shape.call;
    }
  }
}

TEST(Windows, NeedAWindowFunction) {
  static const std::unique_ptr<sql::Analyser> analyser = sql::Analyser::open().value();
  sql::Catalog catalog;
  catalog["input"] = {sql::Relation::Kind::stream, RandomInput::schema()};
  const AggregateView view{
      {Emit::on_close},
      analyser->aggregate_query("SELECT g, count(*) AS n FROM input GROUP BY g", catalog).value(),
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
  bench.add("v", make(view_of(tumbling, Emit::on_close, {}, false)));
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

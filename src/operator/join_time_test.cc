// Joins with a time bound: what is late, when outer rows leave, and what is forgotten.

#include "operator/join_time.h"

#include <gtest/gtest.h>

#include "model/chunk_copy.h"
#include "operator/join_bench.h"

namespace leat::op {
namespace {

using Kind = sql::JoinQuery::Kind;
using TimeBound = sql::JoinQuery::TimeBound;

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

// RandomInput's times lie in the ten minutes from 2026-01-01T00:00:00Z.
constexpr EventTimeUs midnight = 1767225600LL * 1000000;
constexpr std::int64_t second = 1000000;
constexpr std::int64_t minute = 60 * second;

std::int64_t reach_of(const TimeBound& bound) {
  return std::max(std::abs(bound.lower_us), std::abs(bound.upper_us));
}

/// Each row is of one side only: late once.
JoinCase join_of(const std::string& key, const TimeBound& bound, const std::string& condition) {
  return {{key, "id, ts, n", "id % 2 = 0"}, {key, "id, ts, n", "id % 2 = 1"}, condition, bound};
}

const std::vector<JoinCase> cases = {
    join_of("k", {2, 2, -minute, minute}, ""),
    join_of("g", {2, 2, 0, 90 * second}, "l2 < r2"),
    join_of("k", {2, 2, -45 * second, -30 * second}, ""),
    join_of("k", {2, 2, 0, 0}, ""),
    join_of("", {1, 1, -10 * second, 20 * second}, ""),
    join_of("k", {2, 2, second, -second}, ""),
};

bool leaves_at_once(Kind kind) { return kind == Kind::inner || kind == Kind::semi; }

/// Whether all rows of `some` are among `all`, as often.
bool are_among(const std::vector<std::string>& some, const std::vector<std::string>& all) {
  return std::ranges::includes(all, some);
}

class TimedRun {
 public:
  TimedRun(const JoinCase& join, Kind kind, std::uint64_t seed, bool taken_back, Setting setting)
      : join_(join),
        kind_(kind),
        taken_back_(taken_back),
        random_(seed),
        input_(seed, taken_back),
        judge_(input_, reach_of(*join.bound)),
        bench_(database(), setting) {
    bench_.add("v", make_join(join_query(join, kind, taken_back)), 2);
    bench_.start();
  }

  std::size_t run(int epochs) {
    std::size_t late = 0;
    for (int epoch = 1; epoch <= epochs && !::testing::Test::HasFailure(); ++epoch) {
      const EventTimeUs before = epoch == 1 ? no_watermark : watermarks_.back();
      watermarks_.push_back(epoch == epochs ? end_of_time : midnight + epoch * minute / 2 + 1);
      const std::vector<std::string> rows = bench_.sum_of_changes("v");
      const std::size_t late_now =
          bench_.run_epoch(input_.next_epoch(), watermarks_.back(), random_);
      EXPECT_EQ(late_now, judge_.note_changes(before));
      late += late_now;
      if (!taken_back_) {
        EXPECT_TRUE(are_among(rows, bench_.sum_of_changes("v"))) << "rows are only gained";
      }
      check(epoch == epochs);
      if (random_() % 3 == 0) bench_.commit();
      if (random_() % 5 == 0) replay(epoch == epochs);
    }
    return late;
  }

 private:
  /// The same rows are late again, and the same rows leave: time is part of what was committed.
  void replay(bool ended) {
    bench_.replay(input_, random_, watermarks_);
    check(ended);
  }

  std::vector<std::string> expected(Kind kind) {
    const Schema& schema = bench_.view("v").output();
    return row_bytes(schema, input_.judge().chunks(join_text(join_, kind, "taken")));
  }

  void check(bool ended) {
    const std::vector<std::string> rows = bench_.sum_of_changes("v");
    if (ended || leaves_at_once(kind_)) {
      EXPECT_EQ(rows, expected(kind_)) << join_text(join_, kind_, "taken");
    } else if (kind_ != Kind::anti) {
      // All that match, and of the others those that may have left.
      EXPECT_TRUE(are_among(expected(Kind::inner), rows));
      EXPECT_TRUE(taken_back_ || rows.size() <= expected(kind_).size());
    }
  }

  const JoinCase& join_;
  const Kind kind_;
  const bool taken_back_;
  std::mt19937_64 random_;
  RandomInput input_;
  TakenRows judge_;
  ViewBench bench_;
  std::vector<EventTimeUs> watermarks_;
};

TEST(TimedJoin, IsWhatDuckDbSaysOfTheRowsThatWereNotLate) {
  std::size_t late = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    for (const Kind kind : join_kinds) {
      if (i > 1 && (i + static_cast<std::size_t>(kind)) % 3 != 0) continue;
      SCOPED_TRACE(fmt::format("case {} kind {}", i, static_cast<int>(kind)));
      const Setting settings[] = {{1, 1}, {2, 4}, {2, 2, false, 2048}};
      late += TimedRun(cases[i], kind, 100 + i, false, settings[(i + 1) % 3]).run(12);
    }
  }
  EXPECT_GT(late, 0u) << "the test has late rows at all";
}

TEST(TimedJoin, TakesRowsBackThatAreNotLate) {
  for (std::size_t i = 0; i < cases.size(); ++i) {
    for (const Kind kind : join_kinds) {
      if ((i + static_cast<std::size_t>(kind)) % 3 != 0) continue;
      SCOPED_TRACE(fmt::format("case {} kind {}", i, static_cast<int>(kind)));
      TimedRun(cases[i], kind, 200 + i, true, {2, 2}).run(12);
    }
  }
}

TEST(TimedJoin, WorksOnThreads) {
  for (const Kind kind : join_kinds) TimedRun(cases[0], kind, 300, false, {3, 4, true}).run(8);
}

/// Rows of (k INTEGER, ts TIMESTAMP), each second a bucket's eighth or so.
class TimedJoinAlone : public ::testing::Test {
 protected:
  void make(Kind kind, std::int64_t lower_us, std::int64_t upper_us) {
    sql::JoinQuery query;
    query.kind = kind;
    for (sql::ViewInput* input : {&query.left, &query.right}) {
      *input = {"input",
                fmt::format("SELECT k, ts, {} FROM {}()", sql::row_column, sql::input_function),
                schema_, false};
    }
    query.key_count = 1;
    query.bound = {1, 1, lower_us, upper_us};
    query.output =
        Schema(kind == Kind::anti || kind == Kind::semi
                   ? std::vector<Column>{{"l", schema_[1].type}}
                   : std::vector<Column>{{"l", schema_[1].type}, {"r", schema_[1].type}});
    view_.reset();
    view_ = make_join_view("v", {{}, query}, {schema_, schema_}, {*store_, timeline_, database()})
                .value();
    ASSERT_TRUE(view_->restore());
  }
  /// Times in seconds of 1970; gives the number of late rows.
  std::size_t give(std::size_t input, const std::string& values) {
    std::vector<LateRow> late;
    for (const Chunk& chunk :
         judge_.chunks("SELECT k, CASE WHEN isinf(s) THEN 'infinity'::TIMESTAMP ELSE "
                       "make_timestamp((s * 1000000)::BIGINT) END AS ts FROM (VALUES " +
                       values + ") AS t(k, s)")) {
      ChangeChunk changes;
      changes.rows = copy_of(chunk);
      EXPECT_TRUE(view_->absorb(0, {Epoch(epoch_), no_watermark, true}, input, changes, late));
    }
    return late.size();
  }
  /// The number of rows that come out of an epoch which ends at this time.
  std::size_t merge(EventTimeUs watermark) {
    std::vector<ChangeChunk> output;
    EXPECT_TRUE(view_->merge(0, {Epoch(epoch_), watermark, true}, output));
    timeline_.publish(Epoch(epoch_++));
    std::size_t rows = 0;
    for (const ChangeChunk& chunk : output) rows += chunk.rows.size();
    return rows;
  }
  void commit() {
    auto batch = store_->new_batch();
    ASSERT_TRUE(view_->persist(0, *batch));
    ASSERT_TRUE(store_->commit(*batch));
    timeline_.committed(Epoch(epoch_ - 1));
  }
  std::size_t stored_rows() {
    std::size_t rows = 0;
    EXPECT_TRUE(store_->for_each(*store_->family(family_of_view("v")).value(), "s", "t",
                                 [&](std::string_view, std::string_view) {
                                   ++rows;
                                   return true;
                                 }));
    return rows;
  }

  const Schema schema_{
      {{"k", Type::of(DUCKDB_TYPE_INTEGER)}, {"ts", Type::of(DUCKDB_TYPE_TIMESTAMP)}}};
  state::ScratchDirectory directory_;
  std::unique_ptr<state::Store> store_ = state::Store::open(directory_.path()).value();
  state::Timeline timeline_{*store_};
  DuckTestDatabase judge_;
  std::unique_ptr<ViewOperator> view_;
  std::uint64_t epoch_ = 1;
};

TEST_F(TimedJoinAlone, LetsAnOuterRowLeaveWhenNothingCanMatchIt) {
  make(Kind::left, 0, 10 * second);
  EXPECT_EQ(give(0, "(1, 100)"), 0u);
  EXPECT_EQ(merge(105 * second), 0u);
  EXPECT_EQ(merge(119 * second), 0u) << "it may still be matched by what is not late";
  // A bucket is ten seconds wide and ends twice the reach later.
  EXPECT_EQ(merge(131 * second), 1u);
  EXPECT_EQ(give(1, "(1, 105)"), 1u);
  EXPECT_EQ(merge(131 * second), 0u);
}

TEST_F(TimedJoinAlone, MatchesUntilARowIsLate) {
  make(Kind::left, 0, 10 * second);
  EXPECT_EQ(give(0, "(1, 100), (2, 100)"), 0u);
  EXPECT_EQ(merge(109 * second), 0u);
  EXPECT_EQ(give(1, "(1, 100), (2, 98)"), 1u) << "98 is late at 108";
  EXPECT_EQ(merge(109 * second), 1u);
  EXPECT_EQ(merge(200 * second), 1u) << "the one without a match";
}

TEST_F(TimedJoinAlone, KeepsNothingOfWhatHasEnded) {
  for (const Kind kind : join_kinds) {
    make(kind, -5 * second, 5 * second);
    for (int i = 0; i < 50; ++i) {
      give(0, fmt::format("({}, {}), ({}, {})", i % 3, 1000 + i, i % 3, 1000 + i));
      give(1, fmt::format("({}, {})", i % 4, 1003 + i));
    }
    (void)merge(no_watermark);
    commit();
    EXPECT_GT(stored_rows(), 10u);
    (void)merge(1200 * second);
    commit();
    EXPECT_EQ(stored_rows(), 0u);
    store_->drop_family(family_of_view("v")).value();
  }
}

TEST_F(TimedJoinAlone, KeepsWhatMatchesForALaterRunWhereNoOuterRowWaits) {
  make(Kind::inner, 0, 10 * second);
  EXPECT_EQ(give(0, "(1, 100)"), 0u);
  EXPECT_EQ(merge(end_of_time), 0u);
  EXPECT_EQ(give(1, "(1, 101)"), 0u);
  EXPECT_EQ(merge(end_of_time), 1u);
}

TEST_F(TimedJoinAlone, MatchesNothingWithoutAKeyOrATime) {
  make(Kind::full, -second, second);
  EXPECT_EQ(give(0, "(1, NULL), (NULL, 5), (2, 'infinity'::DOUBLE), (3, 5)"), 0u);
  EXPECT_EQ(give(1, "(1, NULL), (NULL, 5), (2, 'infinity'::DOUBLE)"), 0u);
  EXPECT_EQ(merge(no_watermark), 6u) << "all but the one that can have a match";
  EXPECT_EQ(merge(end_of_time), 1u);
}

TEST(JoinTime, CutsTimeIntoBucketsThatCoverItsReach) {
  for (const TimeBound& bound :
       {TimeBound{0, 0, -minute, minute}, TimeBound{0, 0, 0, 0},
        TimeBound{0, 0, minute, minute + second}, TimeBound{0, 0, -3, 900}}) {
    const JoinTime time(bound);
    for (const EventTimeUs at : {EventTimeUs{-7}, EventTimeUs{0}, midnight, midnight + 1}) {
      const auto [first, last] = time.matches_of(true, at);
      EXPECT_EQ(first, at + bound.lower_us);
      EXPECT_EQ(last, at + bound.upper_us);
      EXPECT_LE(time.bucket_of(last) - time.bucket_of(first), 2);
      EXPECT_LE(time.bucket_of(at - 1), time.bucket_of(at));
      const EventTimeUs end = time.end_of_bucket(time.bucket_of(at));
      EXPECT_GE(end, at + 2 * reach_of(bound));
      EXPECT_TRUE(time.is_late(at, at + reach_of(bound)));
      EXPECT_FALSE(time.is_late(at, at + reach_of(bound) - 1));
    }
  }
}

TEST(JoinTime, GoesToTheEndsOfTime) {
  const JoinTime time({0, 0, -minute, minute});
  for (const EventTimeUs at : {no_watermark + 2, end_of_time - 1}) {
    const auto [first, last] = time.matches_of(false, at);
    EXPECT_LE(first, at);
    EXPECT_GE(last, at);
    EXPECT_GE(time.end_of_bucket(time.bucket_of(at)), at);
  }
}

}  // namespace
}  // namespace leat::op

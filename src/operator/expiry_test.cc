// Time to live: what leaves a view when nothing has touched it, against what DuckDB says of the
// rows that have come since their group began.

#include <gtest/gtest.h>

#include "operator/law_bench.h"

namespace leat::op {
namespace {

using By = TimeToLive::By;

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

// RandomInput's times lie in the ten minutes from 2026-01-01T00:00:00Z.
constexpr EventTimeUs midnight = 1767225600LL * 1000000;
constexpr std::int64_t second = 1000000;

constexpr const char* aggregates =
    "count(*) AS n, sum(n) AS s, count(DISTINCT t) AS d, max(t) AS m, min(x) AS x";

TimeToLive living(By by, std::int64_t length_us) {
  return {by, length_us, *RandomInput::schema().find("ts")};
}

ViewBench::Make make_groups(const TimeToLive& ttl) {
  static const std::unique_ptr<sql::Analyser> analyser = sql::Analyser::open().value();
  sql::Catalog catalog;
  catalog["input"] = {sql::Relation::Kind::stream, RandomInput::schema()};
  const std::string text =
      fmt::format("SELECT g, k, {}, last(id) AS l FROM input GROUP BY g, k", aggregates);
  AggregateView view{{}, analyser->aggregate_query(text, catalog).value(), {}};
  view.ttl = ttl;
  return [view](const std::string& name, const Resources& resources) {
    return make_aggregate_view(name, view, RandomInput::schema(), resources);
  };
}

ViewBench::Make make_newest(const TimeToLive& ttl, bool versioned) {
  LatestView view{.key = {*RandomInput::schema().find("g"), *RandomInput::schema().find("k")}};
  if (versioned) view.version = RandomInput::schema().find("n");
  view.ttl = ttl;
  return [view](const std::string& name, const Resources& resources) {
    return make_latest_view(name, view, RandomInput::schema(), resources);
  };
}

/// Which rows count: those that have come since their group began, of groups that live. Row by row,
/// as a reader of the documentation would do it by hand.
class Judge {
 public:
  Judge(RandomInput& input, By by, std::int64_t length_us)
      : input_(input), by_(by), length_us_(length_us) {}

  /// An epoch's rows have come, at this time by the clock; it ended at this watermark.
  void take_epoch(EventTimeUs now, EventTimeUs watermark) {
    for (const Chunk& chunk : input_.judge().chunks(fmt::format(
             "SELECT id, concat(g, '|', g IS NULL, '|', k), epoch_us(ts) FROM input WHERE id > {} "
             "ORDER BY id",
             newest_))) {
      const auto* ids = numbers(chunk, 0);
      const auto* times = numbers(chunk, 2);
      const auto* groups =
          static_cast<const duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(1)));
      for (std::size_t row = 0; row < chunk.size(); ++row) {
        duckdb_string_t text = groups[row];
        const std::string group(duckdb_string_t_data(&text), duckdb_string_t_length(text));
        take_row(group, ids[row], by_ == By::event_time ? times[row] : now);
        newest_ = ids[row];
      }
    }
    const EventTimeUs end = by_ == By::event_time ? watermark : now;
    std::erase_if(groups_,
                  [&](const auto& group) { return group.second.touched + length_us_ <= end; });
  }

  ComparableRows groups(const Schema& schema) {
    return rows(schema, fmt::format("SELECT g, k, {}, max(id) AS l FROM {} GROUP BY g, k",
                                    aggregates, counted()));
  }
  ComparableRows newest(const Schema& schema) {
    return rows(schema, fmt::format("SELECT * EXCLUDE (label, first, newest) FROM (SELECT *, "
                                    "max(id) OVER (PARTITION BY label) AS newest FROM {}) WHERE id "
                                    "= newest",
                                    counted()));
  }
  std::size_t ended() const { return ended_; }

 private:
  struct Group {
    std::int64_t first;
    EventTimeUs touched;
  };

  static const std::int64_t* numbers(const Chunk& chunk, std::size_t column) {
    return static_cast<const std::int64_t*>(duckdb_vector_get_data(chunk.vector(column)));
  }
  void take_row(const std::string& name, std::int64_t id, EventTimeUs time) {
    const auto [found, is_new] = groups_.try_emplace(name, Group{id, time});
    Group& group = found->second;
    if (!is_new && group.touched + length_us_ <= time) {
      group = {id, time};
      ++ended_;
    }
    group.touched = std::max(group.touched, time);
  }
  /// SQL for the rows that count.
  std::string counted() const {
    std::string living = "(SELECT '' AS label, 0 AS first WHERE false";
    for (const auto& [name, group] : groups_) {
      living += fmt::format(" UNION ALL SELECT '{}', {}", name, group.first);
    }
    return "(SELECT * FROM (SELECT *, concat(g, '|', g IS NULL, '|', k) AS label FROM input) "
           "JOIN " +
           living + ") USING (label) WHERE id >= first)";
  }
  ComparableRows rows(const Schema& schema, const std::string& sql) {
    return comparable(schema, input_.judge().chunks(sql));
  }

  RandomInput& input_;
  const By by_;
  const std::int64_t length_us_;
  std::map<std::string, Group> groups_;
  std::int64_t newest_ = -1;
  std::size_t ended_ = 0;
};

/// Views of groups and of newest rows through epochs, commits and losses of power.
void live_and_leave(By by, std::uint64_t seed, Setting setting) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  const std::int64_t length = 100 * second;
  std::mt19937_64 random(seed);
  RandomInput input(seed, false);
  Judge judge(input, by, length);
  ViewBench bench(database(), setting);
  bench.add("groups", make_groups(living(by, length)));
  bench.add("newest", make_newest(living(by, length), false));
  bench.start();
  std::vector<std::pair<EventTimeUs, EventTimeUs>> times;  // by epoch: the clock, the watermark
  const auto check = [&] {
    expect_same_rows(bench.scan("groups"), judge.groups(bench.view("groups").output()), "groups");
    expect_same_rows(bench.scan("newest"), judge.newest(bench.view("newest").output()), "newest");
    for (const char* view : {"groups", "newest"}) {
      EXPECT_EQ(bench.scan_bytes(view), bench.sum_of_changes(view)) << view;
      EXPECT_EQ(bench.view(view).row_count(), bench.scan(view).size()) << view;
    }
  };
  for (int epoch = 1; epoch <= 24 && !::testing::Test::HasFailure(); ++epoch) {
    SCOPED_TRACE(fmt::format("epoch {}", epoch));
    const EventTimeUs before = times.empty() ? midnight : times.back().first;
    const auto step = static_cast<std::int64_t>(random() % (random() % 4 == 0 ? 200 : 20));
    const EventTimeUs now = before + step * second;
    times.emplace_back(now, now - 60 * second);
    bench.now = now;
    bench.run_epoch(input.next_epoch(), times.back().second, random);
    judge.take_epoch(now, times.back().second);
    check();
    if (random() % 3 == 0) bench.commit();
    if (random() % 4 != 0) continue;
    const std::uint64_t last = bench.epoch();
    for (std::uint64_t again = bench.crash(); again <= last; ++again) {
      bench.now = times[again - 1].first;
      bench.run_epoch(input.epoch(again), times[again - 1].second, random);
    }
    check();
  }
  bench.now = midnight + 100'000 * second;
  bench.run_epoch({}, bench.now, random);
  EXPECT_TRUE(bench.scan("groups").empty());
  EXPECT_TRUE(bench.scan("newest").empty());
  bench.commit();
  bench.crash();
  EXPECT_TRUE(bench.scan("groups").empty()) << "gone from the store as well";
  EXPECT_EQ(bench.view("groups").row_count(), 0u);
  EXPECT_GT(judge.ended(), 0u) << "the test has groups that leave at all";
}

TEST(Expiry, GroupsLeaveByTheClockAndBeginAnew) {
  live_and_leave(By::processing_time, 1, {1, 1});
  live_and_leave(By::processing_time, 2, {2, 4});
  live_and_leave(By::processing_time, 3, {3, 4, true});
}

TEST(Expiry, GroupsLeaveByEventTimeAndBeginAnew) {
  live_and_leave(By::event_time, 4, {1, 1});
  live_and_leave(By::event_time, 5, {2, 4});
  live_and_leave(By::event_time, 6, {3, 4, true});
}

TEST(Expiry, FindsWhatIsInTheStoreAlone) {
  live_and_leave(By::processing_time, 7, {2, 2, false, 1024});
  live_and_leave(By::event_time, 8, {2, 2, false, 1024});
}

TEST(Expiry, AnOlderVersionComesBackWhenTheNewerHasLeft) {
  std::mt19937_64 random(1);
  RandomInput input(1, false);
  const auto row = [&](int id, int version) {
    input.run(
        fmt::format("DELETE FROM input; INSERT INTO input (id, g, k, n) VALUES ({}, 'a', 1, "
                    "{})",
                    id, version));
    std::vector<ChangeChunk> changes(1);
    changes[0].rows = std::move(input.judge().chunks("SELECT * FROM input")[0]);
    return changes;
  };
  ViewBench bench(database(), {1, 1});
  bench.add("v", make_newest(living(By::processing_time, 10 * second), true));
  bench.start();
  const auto newest_after = [&](EventTimeUs now, const std::vector<ChangeChunk>& changes) {
    bench.now = now;
    bench.run_epoch(changes, no_watermark, random);
    return bench.scan("v");
  };
  const auto first = newest_after(1 * second, row(1, 5));
  EXPECT_EQ(first.size(), 1u);
  EXPECT_EQ(newest_after(2 * second, row(2, 4)), first) << "an older one";
  EXPECT_EQ(bench.view("v").wakes_at(), 11 * second) << "it touched nothing";
  EXPECT_EQ(newest_after(10 * second, {}), first);
  EXPECT_TRUE(newest_after(11 * second, {}).empty());
  EXPECT_EQ(newest_after(12 * second, row(3, 4)).size(), 1u);
  EXPECT_EQ(bench.view("v").wakes_at(), 22 * second);
}

TEST(Expiry, NothingLeavesWhenTheInputEnds) {
  std::mt19937_64 random(2);
  RandomInput input(2, false);
  ViewBench bench(database(), {1, 2});
  bench.add("v", make_groups(living(By::event_time, second)));
  bench.start();
  for (int epoch = 0; epoch < 5; ++epoch) {
    bench.run_epoch(input.next_epoch(), midnight - 1000 * second, random);
  }
  const auto rows = bench.scan("v");
  EXPECT_FALSE(rows.empty());
  bench.run_epoch({}, end_of_time, random);
  EXPECT_EQ(bench.scan("v"), rows);
  EXPECT_EQ(bench.view("v").wakes_at(), end_of_time) << "the clock has no say";
}

}  // namespace
}  // namespace leat::op

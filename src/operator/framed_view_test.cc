#include <gtest/gtest.h>

#include "operator/law_bench.h"
#include "operator/view_alone.h"

namespace leat::op {
namespace {

/// The one operator that the planner makes of a query over rows of `input`.
KeyedView planned(const std::string& sql, const Schema& schema, bool taken_back) {
  static const std::unique_ptr<sql::Analyser> analyser = sql::Analyser::open().value();
  sql::Catalog catalog;
  catalog["input"] = {.kind = taken_back ? sql::Relation::Kind::view : sql::Relation::Kind::stream,
                      .schema = schema};
  const auto query = analyser->view_query(sql, "v", catalog);
  if (!query) throw std::runtime_error(query.error().message);
  if (query->parts.size() != 1) throw std::runtime_error("several operators: " + sql);
  return {{}, std::get<sql::KeyedQuery>(query->parts[0].query)};
}

const std::vector<std::string> queries = {
    "SELECT id, n - lag(n) OVER w AS step, lead(t, 3, 'none') OVER w AS next FROM input WINDOW w "
    "AS (PARTITION BY g ORDER BY id)",
    "SELECT id, lag(id) OVER (ORDER BY ts DESC NULLS FIRST, id) AS before FROM input",
    "SELECT id, count(*) OVER (PARTITION BY k ORDER BY ts NULLS FIRST RANGE BETWEEN INTERVAL '1 "
    "hour' PRECEDING AND INTERVAL '10 minutes' FOLLOWING) AS c, max(id) OVER (PARTITION BY k ORDER "
    "BY ts NULLS FIRST RANGE BETWEEN CURRENT ROW AND CURRENT ROW) AS m FROM input",
    "SELECT id, sum(n) OVER (ORDER BY ts DESC NULLS LAST RANGE BETWEEN INTERVAL '3 hours' "
    "PRECEDING "
    "AND INTERVAL '1 minute' PRECEDING) AS s FROM input",
    "SELECT id, count(*) OVER w AS c, sum(n) OVER w AS s FROM input WINDOW w AS (PARTITION BY k "
    "ORDER BY tiny, g RANGE BETWEEN CURRENT ROW AND CURRENT ROW)",
    "SELECT id, sum(x) OVER w AS x, list(t) OVER w AS l FROM input WINDOW w AS (PARTITION BY g "
    "ORDER BY id ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING)",
    "SELECT id, sum(n) OVER w AS s, count(n) OVER w AS c, avg(n) OVER w AS a, min(t) OVER w AS m, "
    "max(x) OVER w AS x, sum(d) OVER w AS d, rank() OVER w AS r, "
    "dense_rank() OVER w AS e FROM input WINDOW w AS (PARTITION BY g ORDER BY tiny)",
    "SELECT id, row_number() OVER w AS r, sum(n) OVER w AS s, lag(id, 2) OVER w AS b, "
    "first_value(t) "
    "OVER w AS f FROM input WINDOW w AS (PARTITION BY k, g ORDER BY id DESC ROWS UNBOUNDED "
    "PRECEDING)",
    "SELECT id, sum(n) OVER (PARTITION BY g ORDER BY id) AS s FROM input QUALIFY s > 10 OR rank() "
    "OVER (PARTITION BY g ORDER BY id) % 2 = 0",
    "SELECT g, t FROM input QUALIFY t IS DISTINCT FROM lag(t) OVER (PARTITION BY g ORDER BY id)",
};

void hold_the_law(std::uint64_t seed, bool taken_back, Setting setting, int epochs) {
  SCOPED_TRACE(fmt::format("seed {} taken back {} workers {} shards {}", seed, taken_back,
                           setting.workers, setting.shards));
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  std::mt19937_64 random(seed);
  RandomInput input(seed, taken_back);
  ViewBench bench(*database, setting);
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const KeyedView view = planned(queries[i], RandomInput::schema(), taken_back);
    ASSERT_TRUE(view.query.frames) << queries[i];
    bench.add(fmt::format("v{}", i), [view](const std::string& name, const Resources& resources) {
      return make_keyed_view(name, view, {RandomInput::schema()}, resources);
    });
  }
  bench.start();
  bench.live(input, epochs, random, [&] {
    for (std::size_t i = 0; i < queries.size(); ++i) {
      const std::string name = fmt::format("v{}", i);
      EXPECT_EQ(bench.scan_bytes(name), bench.sum_of_changes(name)) << queries[i];
      const ComparableRows expected =
          comparable(bench.view(name).output(), input.judge().chunks(queries[i]));
      expect_same_rows(bench.scan(name), expected, queries[i]);
      EXPECT_EQ(bench.view(name).row_count(), expected.size()) << queries[i];
    }
  });
}

TEST(FramedView, HoldsTheLawOverStreams) {
  hold_the_law(1, false, {1, 1}, 12);
  hold_the_law(2, false, {2, 4}, 12);
  hold_the_law(3, false, {3, 4, true}, 6);
}

TEST(FramedView, HoldsTheLawWhereRowsAreTakenBack) {
  hold_the_law(11, true, {1, 1}, 14);
  hold_the_law(12, true, {2, 4}, 14);
  hold_the_law(13, true, {3, 4, true}, 6);
}

TEST(FramedView, HoldsTheLawWhileRowsAreEvicted) {
  hold_the_law(21, false, {2, 2, false, 2048}, 12);
  hold_the_law(22, true, {2, 2, false, 2048}, 12);
}

class FramedViewAlone : public ViewAlone {
 protected:
  /// Of SELECT …, what comes behind `k, `.
  static KeyedView view_of(const std::string& value) {
    return planned("SELECT k, (" + value + ")::INTEGER AS v FROM input", rows_schema(), true);
  }
};

// What looks at a row below 90,000 fails.
const std::string far_fails =
    "sum(CASE WHEN v < 90000 THEN error('looked at') ELSE v END) OVER (PARTITION BY k ORDER BY v "
    "ROWS 1 PRECEDING)";

TEST_F(FramedViewAlone, LooksAtRowsNearAChangeAlone) {
  start(view_of(far_fails));
  run("SELECT 1, range::INTEGER FROM range(90000, 100000)");
  EXPECT_EQ(rows().size(), 10000u);
  EXPECT_EQ(changed_, 10000u);
  EXPECT_EQ(view_->refused(), 0u);
  run("SELECT 1, range::INTEGER FROM range(89990, 90000)");
  EXPECT_EQ(rows().size(), 9999u) << "90,000 looks at one of them";
  EXPECT_EQ(changed_, 1u);
  EXPECT_EQ(view_->refused(), 11u);
  EXPECT_NE(view_->last_refusal().find("looked at"), std::string::npos);
  run("VALUES (1, 95000), (1, 97000)", -1);
  EXPECT_EQ(changed_, 6u) << "two are gone, and two have another before them";
  EXPECT_EQ(view_->refused(), 11u);
  run("SELECT 1, range::INTEGER FROM range(89990, 90000)", -1);
  EXPECT_EQ(rows().size(), 9998u);
  EXPECT_EQ(view_->row_count(), 9998u);
}

TEST_F(FramedViewAlone, GivesWhatCarriesOnOnlyBehindAChange) {
  start(view_of("sum(v) OVER (PARTITION BY k ORDER BY v)"));
  run("SELECT 1, range::INTEGER FROM range(40000)");
  EXPECT_EQ(rows().size(), 40000u) << "more than are run at once";
  const auto before = timeline_.take_snapshot();
  run("VALUES (1, 39999)", -1);
  EXPECT_EQ(changed_, 1u);
  run("VALUES (1, 50000), (2, 7)");
  EXPECT_EQ(changed_, 2u);
  const Texts now = rows();
  EXPECT_EQ(std::ranges::count(now, fmt::format("1:{}", 39998 * 39999 / 2 + 50000)), 1);
  EXPECT_EQ(std::ranges::count(now, "2:7"), 1);
  run("VALUES (1, 39990)");
  EXPECT_EQ(changed_, 20u) << "ten are others now, one of them twice";
  EXPECT_EQ(rows(*before).size(), 40000u) << "an older snapshot stays";
}

TEST_F(FramedViewAlone, CarriesOnFromAllThatAreOrderedAlike) {
  start(view_of("count(*) OVER (PARTITION BY k ORDER BY v // 1000)"));
  run("SELECT 1, range::INTEGER FROM range(40000)");
  const Texts all = rows();
  ASSERT_EQ(all.size(), 40000u);
  for (int part = 1; part <= 40; ++part) {
    EXPECT_EQ(std::ranges::count(all, fmt::format("1:{}", part * 1000)), 1000);
  }
}

TEST_F(FramedViewAlone, IsWithoutRowsBehindOneThatFailsUntilItIsGone) {
  start(
      view_of("sum(CASE WHEN v = 13 THEN error('unlucky') ELSE v END) OVER (PARTITION BY k ORDER "
              "BY v)"));
  run("SELECT range::INTEGER % 2, range::INTEGER FROM range(100)");
  EXPECT_EQ(rows().size(), 50u + 6u);
  EXPECT_EQ(view_->refused(), 1u);
  run("VALUES (1, 50), (1, 12)");
  EXPECT_EQ(rows().size(), 50u + 7u) << "12 comes before it";
  run("VALUES (1, 13)", -1);
  EXPECT_EQ(rows().size(), 101u);
  EXPECT_EQ(view_->row_count(), 101u);
}

TEST_F(FramedViewAlone, CountsRowsThatAreThereSeveralTimes) {
  start(
      view_of("row_number() OVER (PARTITION BY k ORDER BY v) * 100 + count(*) OVER (PARTITION BY "
              "k ORDER BY v ROWS 1 PRECEDING)"));
  run("VALUES (1, 5), (1, 5), (1, 5), (1, 6)");
  EXPECT_EQ(rows(), (Texts{"1:101", "1:202", "1:302", "1:402"}));
  run("VALUES (1, 5)", -2);
  EXPECT_EQ(rows(), (Texts{"1:101", "1:202"}));
  run("VALUES (1, 5)", -2);
  EXPECT_EQ(rows(), Texts{"1:101"}) << "taken back more often than it came";
  run("VALUES (1, 5)");
  EXPECT_EQ(rows(), Texts{"1:101"});
  run("VALUES (1, 5)");
  EXPECT_EQ(rows(), (Texts{"1:101", "1:202"}));
  EXPECT_EQ(view_->row_count(), 2u);
}

}  // namespace
}  // namespace leat::op

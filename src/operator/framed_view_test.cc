#include <gtest/gtest.h>

#include "operator/join_bench.h"
#include "operator/law_bench.h"
#include "operator/view_alone.h"

namespace leat::op {
namespace {

/// The one operator that the planner makes of a query over rows of `input`. `closes`: it goes by
/// the column ts, which is event time.
KeyedView planned(const std::string& sql, const Schema& schema, bool taken_back,
                  bool closes = false) {
  static const std::unique_ptr<sql::Analyser> analyser = sql::Analyser::open().value();
  sql::Catalog catalog;
  catalog["input"] = {.kind = taken_back ? sql::Relation::Kind::view : sql::Relation::Kind::stream,
                      .schema = schema};
  if (closes) catalog["input"].event_times[*schema.find("ts")] = {};
  const auto query = analyser->view_query(sql, "v", catalog, {.on_close = closes});
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

constexpr std::int64_t second = 1000000LL;
constexpr std::int64_t minute = 60 * second;

/// What is computed of a row, where `{}` stands for PARTITION BY …, and when it is final: when the
/// watermark has passed the time of the row that is so many behind it, and so much time behind it.
struct ClosingCase {
  std::string value;
  int rows_after = 0;
  std::int64_t us_after = 0;
};
const std::vector<ClosingCase> closing_cases = {
    {"lag(id, 2) OVER ({} ORDER BY ts, id)"},
    {"lead(id) OVER ({} ORDER BY ts, id)", 1},
    {"count(*) OVER ({} ORDER BY ts RANGE BETWEEN INTERVAL '40 seconds' PRECEDING AND INTERVAL '50 "
     "seconds' FOLLOWING)",
     0, 50 * second},
    {"count(*) OVER ({} ORDER BY ts RANGE BETWEEN INTERVAL '20 seconds' PRECEDING AND CURRENT "
     "ROW)"},
    {"sum(id) OVER ({} ORDER BY ts, id ROWS UNBOUNDED PRECEDING)"},
    {"count(*) OVER ({} ORDER BY ts)"},
    {"1000 * row_number() OVER ({0} ORDER BY ts, id) + coalesce(lag(id, 3) OVER ({0} ORDER BY ts, "
     "id), 0) + coalesce(lead(id, 2) OVER ({0} ORDER BY ts, id), 0)",
     2},
};

/// A view whose rows leave as event time goes by, through losses of what was not committed.
class ClosingFramesRun {
 public:
  /// `ttl_us`: after so long a key begins anew; 0: never.
  ClosingFramesRun(ClosingCase tried, std::string keys, std::uint64_t seed, Setting setting,
                   std::int64_t ttl_us = 0)
      : tried_(std::move(tried)),
        keys_(std::move(keys)),
        ttl_us_(ttl_us),
        random_(seed),
        input_(seed, seed % 2 == 0),
        taken_(input_, 0),
        bench_(database(), setting) {
    const std::string by = keys_.empty() ? "" : "PARTITION BY " + keys_;
    KeyedView view = planned(fmt::format("SELECT id, ({})::BIGINT AS v FROM input",
                                         fmt::format(fmt::runtime(tried_.value), by)),
                             RandomInput::schema(), seed % 2 == 0, true);
    if (ttl_us > 0) view.ttl = TimeToLive{TimeToLive::By::event_time, ttl_us};
    EXPECT_TRUE(view.query.frames && view.query.frames->closes);
    bench_.add("v", [view](const std::string& name, const Resources& resources) {
      return make_keyed_view(name, view, {RandomInput::schema()}, resources);
    });
    bench_.start();
  }

  /// Gives how many rows were late. In the last epoch the input ends, if it does.
  std::size_t run(int epochs, bool ends = true) {
    return life_.live(epochs, ends, [this](std::size_t found, std::size_t late) {
      EXPECT_EQ(found, late);
      check();
    });
  }
  /// The input ends once more, all of it too late. Gives whether something left.
  bool end_again() {
    const auto given = bench_.sum_of_changes("v");
    bench_.commit();
    bench_.crash();
    (void)bench_.run_epoch({}, end_of_time, random_);
    return bench_.sum_of_changes("v") != given;
  }
  /// What is kept, after a commit.
  std::size_t stored() {
    bench_.commit();
    return bench_.stored("v", "g");
  }
  std::size_t keys() {
    return std::stoul(input_.judge().texts(fmt::format(
        "SELECT count(DISTINCT coalesce({}::VARCHAR, ''))::VARCHAR FROM taken", keys_))[0]);
  }

 private:
  static sql::Database& database() {
    static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
    return *database;
  }

  void check() {
    const std::string keys = keys_.empty() ? "true" : keys_;
    const std::string by = fmt::format("PARTITION BY {}, life", keys);
    const std::string over = fmt::format("OVER (PARTITION BY {} ORDER BY ts, id)", keys);
    const std::string lives =
        ttl_us_ == 0 ? "SELECT *, 0 AS life FROM taken"
                     : fmt::format(
                           "SELECT *, sum(cut) {0} AS life FROM (SELECT *, CASE WHEN "
                           "epoch_us(ts) - epoch_us(lag(ts) {0}) >= {1} THEN 1 ELSE 0 END "
                           "AS cut FROM taken)",
                           over, ttl_us_);
    std::string final = fmt::format("epoch_us(lead(ts, {}) OVER ({} ORDER BY ts, id)) + {}",
                                    tried_.rows_after, by, tried_.us_after);
    if (ttl_us_ > 0) {
      final = fmt::format("coalesce({}, max(epoch_us(ts)) OVER ({}) + {})", final, by, ttl_us_);
    }
    const std::string text = fmt::format(
        "SELECT id, v FROM (SELECT id, ({})::BIGINT AS v, {} AS final FROM ({})) WHERE {}",
        fmt::format(fmt::runtime(tried_.value), by), final, lives,
        life_.watermarks.back() == end_of_time
            ? "true"
            : fmt::format("final < {}", life_.watermarks.back()));
    EXPECT_EQ(bench_.sum_of_changes("v"),
              row_bytes(bench_.view("v").output(), input_.judge().chunks(text)))
        << text;
  }

  const ClosingCase tried_;
  const std::string keys_;
  const std::int64_t ttl_us_;
  std::mt19937_64 random_;
  RandomInput input_;
  TakenRows taken_;
  ViewBench bench_;
  ClosingLife life_{input_, taken_, bench_, random_};
};

constexpr Setting closing_settings[] = {{1, 1}, {2, 4}, {2, 2, false, 2048}, {3, 4, true}};

TEST(ClosingFrames, GiveEachRowOnceWhenNothingNearItCanCome) {
  std::size_t late = 0;
  std::uint64_t seed = 40;
  for (const ClosingCase& tried : closing_cases) {
    for (const char* keys : {"g", "", "k, b"}) {
      SCOPED_TRACE(fmt::format("{} by {} seed {}", tried.value, keys, seed));
      ClosingFramesRun run(tried, keys, seed, closing_settings[seed % 4]);
      late += run.run(12);
      EXPECT_FALSE(run.end_again()) << "what has left at the input's end";
      ++seed;
    }
  }
  EXPECT_GT(late, 0u) << "the test has late rows at all";
}

TEST(ClosingFrames, BeginAnewAfterTheirTimeToLive) {
  std::uint64_t seed = 80;
  for (const ClosingCase& tried : closing_cases) {
    for (const std::int64_t ttl : {51 * second, 2 * minute}) {
      SCOPED_TRACE(fmt::format("{} ttl {} seed {}", tried.value, ttl, seed));
      ClosingFramesRun run(tried, "id // 8", seed, closing_settings[seed % 4], ttl);
      run.run(14);
      EXPECT_FALSE(run.end_again());
      ++seed;
    }
  }
}

TEST(ClosingFrames, KeepNoMoreThanIsLookedAt) {
  ClosingFramesRun before(closing_cases[0], "k", 101, {2, 2});
  before.run(14);
  EXPECT_LE(before.stored(), 2 * before.keys());
  ClosingFramesRun totals(closing_cases[4], "k", 101, {2, 2});
  totals.run(14);
  EXPECT_LE(totals.stored(), totals.keys());
  ClosingFramesRun all(closing_cases[4], "id", 101, {2, 2});
  all.run(21, false);
  ClosingFramesRun living(closing_cases[4], "id", 101, {2, 2}, minute);
  living.run(21, false);
  EXPECT_LT(4 * living.stored(), all.stored());
  ClosingFramesRun timed(closing_cases[3], "id", 101, {2, 2});
  timed.run(21, false);
  EXPECT_EQ(timed.stored(), 0u) << "all lie more than 20 seconds behind the watermark";
}

}  // namespace
}  // namespace leat::op

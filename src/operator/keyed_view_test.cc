#include <gtest/gtest.h>

#include "model/column_types.h"
#include "operator/law_bench.h"
#include "operator/view_alone.h"

namespace leat::op {
namespace {

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

/// One input of a keyed query: what its rows go by, what is kept of them, and which.
struct Side {
  std::string keys;  ///< empty: all rows have one key
  std::string columns;
  std::string condition = "true";
};

struct Case {
  std::string user;   ///< what DuckDB is asked over all input
  std::string keyed;  ///< the same for each key, over __leat_lookup('0') …
  std::vector<Side> sides;
  std::size_t key_count = 1;
  bool survivors = false;
  std::optional<sql::KeyedQuery::Ranking> ranking = {};
  std::vector<std::optional<std::size_t>> shown = {};
};

using Ties = sql::KeyedQuery::Ranking::Ties;

const std::string from0 = "FROM __leat_lookup('0')";
const std::string top3 = "row_number() OVER (PARTITION BY {} ORDER BY n DESC NULLS LAST, id) <= 3";

std::string filled(const std::string& text, const std::string& argument) {
  return fmt::format(fmt::runtime(text), argument);
}

/// `keyed` has {} where its last columns come.
const std::vector<Case> cases = {
    {"SELECT g, id, n FROM input QUALIFY " + filled(top3, "g"),
     "SELECT g, id, n, {} " + from0 + " QUALIFY " + filled(top3, "__leat_key"),
     {{"g", "g, id, n"}}},
    {"SELECT id, n FROM input ORDER BY n DESC NULLS LAST, id LIMIT 5",
     "SELECT id, n, {} " + from0 + " ORDER BY n DESC NULLS LAST, id LIMIT 5",
     {{"", "id, n"}},
     0},
    {"SELECT id, g, k, rank() OVER (PARTITION BY g, k ORDER BY tiny) AS r FROM input QUALIFY r < 3",
     "SELECT id, g, k, rank() OVER (PARTITION BY __leat_key ORDER BY tiny) AS r, {} " + from0 +
         " QUALIFY r < 3",
     {{"g, k", "id, g, k, tiny"}},
     2},
    {"SELECT id, n - lag(n) OVER (PARTITION BY g ORDER BY id) AS step, sum(n) OVER (PARTITION BY g "
     "ORDER BY id) AS so_far, lead(t) OVER (PARTITION BY g ORDER BY ts, id) AS next FROM input",
     "SELECT id, n - lag(n) OVER (PARTITION BY __leat_key ORDER BY id) AS step, sum(n) OVER "
     "(PARTITION BY __leat_key ORDER BY id) AS so_far, lead(t) OVER (PARTITION BY __leat_key ORDER "
     "BY ts, id) AS next, {} " +
         from0,
     {{"g", "id, n, t, ts"}}},
    {"SELECT k, median(n) AS m, quantile_cont(d, 0.9) AS q, string_agg(t, ',' ORDER BY id) AS s, "
     "list(n ORDER BY id) AS l FROM input GROUP BY k",
     "SELECT any_value(k) AS k, median(n) AS m, quantile_cont(d, 0.9) AS q, string_agg(t, ',' "
     "ORDER BY id) AS s, list(n ORDER BY id) AS l, {} " +
         from0 + " GROUP BY __leat_key",
     {{"k", "k, n, d, t, id"}}},
    {"SELECT t, count(*) AS c, mode(k ORDER BY k) AS o FROM input GROUP BY t HAVING count(*) > 3",
     "SELECT any_value(t) AS t, count(*) AS c, mode(k ORDER BY k) AS o, {} " + from0 +
         " GROUP BY __leat_key HAVING count(*) > 3",
     {{"t", "t, k"}}},
    {"SELECT DISTINCT ON (k, g) k, g, id, l FROM input ORDER BY k, g, n, id",
     "SELECT DISTINCT ON (__leat_key) k, g, id, l, {} " + from0 + " ORDER BY __leat_key, n, id",
     {{"k, g", "k, g, id, l, n"}},
     2},
    {"SELECT g, k FROM input WHERE b EXCEPT SELECT g, k FROM input WHERE x > 0",
     "SELECT g, k, {0} FROM __leat_lookup('0') EXCEPT SELECT g, k, {0} FROM __leat_lookup('1')",
     {{"g, k", "g, k", "b"}, {"g, k", "g, k", "x > 0"}},
     2},
    {"SELECT g, k, tiny > 0 AS p FROM input WHERE b EXCEPT ALL SELECT t, k, n > 0 FROM input WHERE "
     "x > 0",
     "SELECT g, k, p, {0} FROM __leat_lookup('0') EXCEPT ALL SELECT g, k, p, {0} FROM "
     "__leat_lookup('1')",
     {{"g, k, tiny > 0", "g, k, tiny > 0 AS p", "b"},
      {"t, k, n > 0", "t AS g, k, n > 0 AS p", "x > 0"}},
     3},
    {"SELECT g, k FROM input WHERE b INTERSECT ALL SELECT g, k FROM input WHERE x > 0",
     "SELECT g, k, {0} FROM __leat_lookup('0') INTERSECT ALL SELECT g, k, {0} FROM "
     "__leat_lookup('1')",
     {{"g, k", "g, k", "b"}, {"g, k", "g, k", "x > 0"}},
     2},
    {"SELECT id, n FROM input AS i WHERE n > (SELECT avg(n) FROM input AS o WHERE o.k IS NOT "
     "DISTINCT FROM i.k)",
     "WITH rows AS (FROM __leat_lookup('0')) SELECT id, n, {} FROM rows JOIN (SELECT __leat_key AS "
     "key, avg(n) AS a FROM rows GROUP BY ALL) AS o ON key = __leat_key WHERE n > a",
     {{"k", "id, n"}}},
    {"SELECT median(n) AS m, count(*) AS c FROM input",
     "SELECT median(n) AS m, count(*) AS c, any_value({}) " + from0,
     {{"", "n"}},
     0},
    {"SELECT x, count(*) AS c, median(n) AS m FROM input GROUP BY x",
     "SELECT any_value(x) AS x, count(*) AS c, median(n) AS m, {} " + from0 +
         " GROUP BY __leat_key",
     {{"x", "x, n"}}},
};

/// The first rows of each key, found in order; `column` counts from the keys on.
const std::vector<Case> ranked_cases = {
    {"SELECT g, id, n FROM input QUALIFY " + filled(top3, "g"),
     "SELECT g, id, n, {} " + from0 + " QUALIFY " + filled(top3, "__leat_key"),
     {{"g", "g, id, n"}},
     1,
     false,
     sql::KeyedQuery::Ranking{{{3, true, false}, {2, false, false}}, Ties::apart, 3}},
    {"SELECT id, n FROM input ORDER BY n DESC NULLS LAST, id LIMIT 5 OFFSET 2",
     "SELECT id, n, {} " + from0 + " ORDER BY n DESC NULLS LAST, id LIMIT 5 OFFSET 2",
     {{"", "id, n"}},
     0,
     false,
     sql::KeyedQuery::Ranking{{{1, true, false}, {0, false, false}}, Ties::apart, 7}},
    {"SELECT id, t, x FROM input ORDER BY t NULLS FIRST, x DESC NULLS FIRST, id DESC LIMIT 9",
     "SELECT id, t, x, {} " + from0 +
         " ORDER BY t NULLS FIRST, x DESC NULLS FIRST, id DESC LIMIT 9",
     {{"", "id, t, x"}},
     0,
     false,
     sql::KeyedQuery::Ranking{
         {{1, false, true}, {2, true, true}, {0, true, false}}, Ties::apart, 9}},
    {"SELECT id, g, k, rank() OVER (PARTITION BY g, k ORDER BY tiny) AS r FROM input QUALIFY r < 3",
     "SELECT id, g, k, rank() OVER (PARTITION BY __leat_key ORDER BY tiny) AS r, {} " + from0 +
         " QUALIFY r < 3",
     {{"g, k", "id, g, k, tiny"}},
     2,
     false,
     sql::KeyedQuery::Ranking{{{5, false, false}}, Ties::together, 2}},
    {"SELECT k, t, dense_rank() OVER (PARTITION BY k ORDER BY t DESC NULLS LAST) AS r FROM input "
     "QUALIFY r <= 2",
     "SELECT k, t, dense_rank() OVER (PARTITION BY __leat_key ORDER BY t DESC NULLS LAST) AS r, "
     "{} " +
         from0 + " QUALIFY r <= 2",
     {{"k", "k, t"}},
     1,
     false,
     sql::KeyedQuery::Ranking{{{2, true, false}}, Ties::as_one, 2}},
};

const std::vector<Case> stream_cases = {
    {"SELECT g, id, n FROM input QUALIFY " + filled(top3, "g"),
     "SELECT g, id, n, {} " + from0 + " QUALIFY " + filled(top3, "__leat_key"),
     {{"g", "g, id, n"}},
     1,
     true},
    {"SELECT id, n FROM input ORDER BY n DESC NULLS LAST, id LIMIT 5",
     "SELECT id, n, {} " + from0 + " ORDER BY n DESC NULLS LAST, id LIMIT 5",
     {{"", "id, n"}},
     0,
     true},
    {"SELECT DISTINCT ON (k, t) k, t, l FROM input ORDER BY k, t, id",
     "SELECT DISTINCT ON (__leat_key) k, t, l, {} " + from0 + " ORDER BY __leat_key, id",
     {{"k, t", "k, t, l, id"}},
     2,
     true},
};

/// Of which the first rows alone are kept, and no SQL is run.
const std::vector<Case> first_cases = {
    {"SELECT t, id, row_number() OVER (PARTITION BY g ORDER BY n DESC NULLS LAST, id) AS r, n FROM "
     "input QUALIFY r <= 3",
     "",
     {{"g", "t, id, n"}},
     1,
     true,
     sql::KeyedQuery::Ranking{{{3, true, false}, {2, false, false}}, Ties::apart, 3},
     {1, 2, {}, 3}},
    {"SELECT l, id FROM input ORDER BY x NULLS FIRST, id DESC LIMIT 5",
     "",
     {{"", "x, id, l"}},
     0,
     true,
     sql::KeyedQuery::Ranking{{{0, false, true}, {1, true, false}}, Ties::apart, 5},
     {2, 1}},
    {"SELECT DISTINCT ON (k, t) k, t, k AS again FROM input ORDER BY k, t, id",
     "",
     {{"k, t", "k, t, id"}},
     2,
     true,
     sql::KeyedQuery::Ranking{{{4, false, false}}, Ties::apart, 1},
     {2, 3, 2}},
    {"SELECT row_number() OVER (PARTITION BY g ORDER BY id) AS r FROM input QUALIFY r < 3",
     "",
     {{"g", "id"}},
     1,
     true,
     sql::KeyedQuery::Ranking{{{1, false, false}}, Ties::apart, 2},
     {std::nullopt}},
};

KeyedView view_of(const Case& one, bool taken_back) {
  sql::KeyedQuery query;
  for (const Side& side : one.sides) {
    const std::string list = side.keys.empty() ? side.columns : side.keys + ", " + side.columns;
    query.inputs.push_back(view_input(list, side.condition, taken_back));
  }
  query.key_count = one.key_count;
  query.sql = filled(one.keyed, one.survivors ? "__leat_key, __leat_row" : "__leat_key");
  RandomInput input(0, false);
  query.output = input.judge().schema_of(one.user);
  query.survivors = one.survivors;
  query.ranking = one.ranking;
  query.shown = one.shown;
  return {{}, query};
}

ViewBench::Make keyed(const KeyedView& view) {
  return [view](const std::string& name, const Resources& resources) {
    const std::vector<Schema> inputs(view.query.inputs.size(), RandomInput::schema());
    return make_keyed_view(name, view, inputs, resources);
  };
}

void check_all(ViewBench& bench, RandomInput& input, const std::vector<Case>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = "v" + std::to_string(i);
    EXPECT_EQ(bench.scan_bytes(name), bench.sum_of_changes(name)) << all[i].user;
    const ComparableRows expected =
        comparable(bench.view(name).output(), input.judge().chunks(all[i].user));
    expect_same_rows(bench.scan(name), expected, all[i].user);
    EXPECT_EQ(bench.view(name).row_count(), expected.size()) << all[i].user;
  }
}

void hold_the_law(std::uint64_t seed, bool taken_back, Setting setting, int epochs) {
  SCOPED_TRACE(fmt::format("seed {} taken back {} workers {} shards {}", seed, taken_back,
                           setting.workers, setting.shards));
  std::vector<Case> all = cases;
  all.insert(all.end(), ranked_cases.begin(), ranked_cases.end());
  for (const auto* of_streams : {&stream_cases, &first_cases}) {
    if (!taken_back) all.insert(all.end(), of_streams->begin(), of_streams->end());
  }
  std::mt19937_64 random(seed);
  RandomInput input(seed, taken_back);
  ViewBench bench(database(), setting);
  for (std::size_t i = 0; i < all.size(); ++i) {
    bench.add("v" + std::to_string(i), keyed(view_of(all[i], taken_back)), all[i].sides.size());
  }
  bench.start();
  bench.live(input, epochs, random, [&] { check_all(bench, input, all); });
}

TEST(KeyedView, HoldsTheLawOverStreams) {
  hold_the_law(1, false, {1, 1}, 12);
  hold_the_law(2, false, {2, 4}, 12);
  hold_the_law(3, false, {3, 4, true}, 6);
}

TEST(KeyedView, HoldsTheLawWhereRowsAreTakenBack) {
  hold_the_law(11, true, {1, 1}, 14);
  hold_the_law(12, true, {2, 4}, 14);
  hold_the_law(13, true, {3, 4, true}, 6);
}

TEST(KeyedView, HoldsTheLawWhileRowsAreEvicted) {
  hold_the_law(21, false, {2, 2, false, 2048}, 12);
  hold_the_law(22, true, {2, 2, false, 2048}, 12);
}

/// Queries by hand.
class KeyedViewAlone : public ViewAlone {
 protected:
  static KeyedView view_of(const std::string& list, const std::string& rest, bool survivors) {
    const Type integer = Type::of(DUCKDB_TYPE_INTEGER);
    sql::KeyedQuery query;
    query.inputs = {{"input",
                     "SELECT k AS key, k, v, __leat_row, __leat_weight FROM __leat_input()",
                     Schema({{"key", integer}, {"k", integer}, {"v", integer}}), true}};
    query.inputs[0].weighted = !survivors;
    if (survivors) query.inputs[0].sql = "SELECT k AS key, k, v, __leat_row FROM __leat_input()";
    query.key_count = 1;
    query.sql = fmt::format("SELECT {}, __leat_key{} FROM __leat_lookup('0') {}", list,
                            survivors ? ", __leat_row" : "", rest);
    query.output = rows_schema();
    query.survivors = survivors;
    return {{}, query};
  }
};

TEST_F(KeyedViewAlone, LeavesOutAKeyWhoseRunFailsUntilItCanBeComputed) {
  start(view_of("k, CASE WHEN v = 13 THEN error('unlucky') ELSE v END AS v", "", false));
  run("SELECT range::INTEGER, range::INTEGER FROM range(40)");
  EXPECT_EQ(rows().size(), 39u);
  EXPECT_EQ(view_->row_count(), 39u);
  EXPECT_EQ(view_->refused(), 1u);
  EXPECT_NE(view_->last_refusal().find("unlucky"), std::string::npos);
  run("VALUES (13, 5)");
  EXPECT_EQ(rows().size(), 39u) << "one of its rows still fails";
  run("VALUES (13, 13)", -1);
  EXPECT_EQ(rows().size(), 40u);
  run("VALUES (7, 13)");
  EXPECT_EQ(rows().size(), 39u) << "a row that was there is taken back";
  EXPECT_EQ(changed_, 1u);
}

TEST_F(KeyedViewAlone, ChangesOnlyTheRowsThatDiffer) {
  start(view_of("k, v", "QUALIFY row_number() OVER (PARTITION BY __leat_key ORDER BY v) <= 2",
                false));
  run("VALUES (1, 10), (1, 20), (1, 30), (2, 5)");
  EXPECT_EQ(rows(), (Texts{"1:10", "1:20", "2:5"}));
  const auto before = timeline_.take_snapshot();
  run("VALUES (1, 40)");
  EXPECT_EQ(changed_, 0u);
  run("VALUES (1, 10)", -1);
  EXPECT_EQ(rows(), (Texts{"1:20", "1:30", "2:5"}));
  EXPECT_EQ(changed_, 2u);
  EXPECT_EQ(rows(*before), (Texts{"1:10", "1:20", "2:5"})) << "an older snapshot stays";
  run("VALUES (2, 5)", -1);
  EXPECT_EQ(rows(), (Texts{"1:20", "1:30"}));
}

TEST_F(KeyedViewAlone, ForgetsRowsThatDoNotSurvive) {
  start(view_of("k, v", "QUALIFY row_number() OVER (PARTITION BY __leat_key ORDER BY v DESC) <= 2",
                true));
  run("SELECT 1, range::INTEGER FROM range(100000)");
  EXPECT_EQ(rows(), (Texts{"1:99998", "1:99999"}));
  auto batch = store_->new_batch();
  ASSERT_TRUE(view_->persist(0, *batch));
  EXPECT_LT(batch->bytes(), 4096u) << "nothing is kept of the others";
  run("VALUES (1, 100000), (1, 3)");
  EXPECT_EQ(rows(), (Texts{"1:100000", "1:99999"}));
}

TEST_F(KeyedViewAlone, KeepsTheFirstRowsInTheOrderOfArrivalWhereTheyAreEqual) {
  KeyedView view = view_of("", "", true);
  view.query.sql.clear();
  view.query.ranking = sql::KeyedQuery::Ranking{{}, Ties::apart, 2};
  view.query.shown = {1, 2};
  start(view);
  run("VALUES (1, 9), (1, 7), (1, 8), (2, 5)");
  EXPECT_EQ(rows(), (Texts{"1:7", "1:9", "2:5"}));
  const auto before = timeline_.take_snapshot();
  run("VALUES (1, 1), (2, 4)");
  EXPECT_EQ(changed_, 1u) << "what comes behind the first changes nothing";
  EXPECT_EQ(rows(), (Texts{"1:7", "1:9", "2:4", "2:5"}));
  EXPECT_EQ(rows(*before), (Texts{"1:7", "1:9", "2:5"})) << "an older snapshot stays";
  EXPECT_EQ(view_->row_count(), 4u);
}

TEST_F(KeyedViewAlone, LooksAtTheFirstRowsOfARankingAlone) {
  KeyedView view = view_of("", "", false);
  view.query.sql =
      "SELECT k, CASE WHEN v < 90000 THEN error('looked at') ELSE v END AS v, "
      "__leat_key FROM __leat_lookup('0') ORDER BY v DESC LIMIT 2";
  view.query.ranking = sql::KeyedQuery::Ranking{{{2, true, false}}, Ties::apart, 2};
  start(view);
  run("SELECT 1, range::INTEGER FROM range(100000)");
  EXPECT_EQ(rows(), (Texts{"1:99998", "1:99999"}));
  run("VALUES (1, 5), (1, 99998)", -1);
  EXPECT_EQ(rows(), (Texts{"1:99997", "1:99999"}));
  run("VALUES (1, 100000), (1, 3)");
  EXPECT_EQ(rows(), (Texts{"1:100000", "1:99999"}));
  run("VALUES (1, 6)", -1);
  EXPECT_EQ(changed_, 0u) << "it comes behind the first";
  EXPECT_EQ(view_->refused(), 0u);
}

TEST_F(KeyedViewAlone, FeedsARowAsOftenAsItIsThere) {
  start(view_of("any_value(k) AS k, sum(v)::INTEGER AS v", "GROUP BY __leat_key", false));
  run("VALUES (1, 2), (1, 2), (1, 2)");
  EXPECT_EQ(rows(), Texts{"1:6"});
  run("VALUES (1, 2)", -2);
  EXPECT_EQ(rows(), Texts{"1:2"});
  run("VALUES (1, 2)", -1);
  EXPECT_TRUE(rows().empty());
  EXPECT_EQ(view_->row_count(), 0u);
}

TEST_F(KeyedViewAlone, AnswersOverNoRowsWhereThereAreNoKeys) {
  KeyedView view = view_of("", "", false);
  view.query.key_count = 0;
  view.query.sql =
      "SELECT coalesce(max(v), -1) AS k, count(*)::INTEGER AS v, any_value(__leat_key) FROM "
      "__leat_lookup('0')";
  start(view);
  run("SELECT 0, 0 LIMIT 0");
  EXPECT_EQ(rows(), Texts{"-1:0"});
  EXPECT_EQ(changed_, 1u);
  run("VALUES (1, 5), (2, 7)");
  EXPECT_EQ(rows(), Texts{"7:2"});
  run("VALUES (1, 5), (2, 7)", -1);
  EXPECT_EQ(rows(), Texts{"-1:0"});
}

TEST_F(KeyedViewAlone, TakesManyKeysInBatches) {
  start(view_of("any_value(k) AS k, max(v) AS v", "GROUP BY __leat_key", false));
  run("SELECT (range % 50000)::INTEGER, range::INTEGER FROM range(150000)");
  EXPECT_EQ(view_->row_count(), 50000u);
  const Texts all = rows();
  ASSERT_EQ(all.size(), 50000u);
  EXPECT_EQ(std::ranges::count(all, "49999:149999"), 1);
  EXPECT_EQ(std::ranges::count(all, "0:100000"), 1);
}

}  // namespace
}  // namespace leat::op

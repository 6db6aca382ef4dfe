// The law of views: after every epoch, whatever the number of workers and shards, whatever was lost
// and replayed, the sum of the changes that a view gave out is what a scan shows, and that is what
// DuckDB answers for the user's SQL over the sum of the input.

#include <gtest/gtest.h>

#include "operator/law_bench.h"

namespace leat::op {
namespace {

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

sql::AggregateQuery analyse(const std::string& text, bool over_view) {
  static const std::unique_ptr<sql::Analyser> analyser = sql::Analyser::open().value();
  sql::Catalog catalog;
  catalog["input"] = {over_view ? sql::Relation::Kind::view : sql::Relation::Kind::stream,
                      RandomInput::schema()};
  auto query = analyser->aggregate_query(text, catalog);
  EXPECT_TRUE(query) << text << ": " << query.error().message;
  return query ? *query : sql::AggregateQuery();
}

ViewBench::Make aggregate(const AggregateView& view) {
  return [view](const std::string& name, const Resources& resources) {
    return make_aggregate_view(name, view, RandomInput::schema(), resources);
  };
}

const std::vector<std::string> queries = {
    "SELECT g, count(*) AS n FROM input GROUP BY g",
    "SELECT g, k, count(x) AS n, count(*) FILTER (WHERE b) AS yes FROM input GROUP BY g, k",
    "SELECT g, sum(n) AS s, avg(n) AS a, sum(tiny) AS st, avg(u) AS au FROM input GROUP BY g",
    "SELECT k, sum(d) AS s, avg(d) AS a, sum(w) AS sw, avg(w) AS aw FROM input GROUP BY k",
    "SELECT g, sum(x) AS s, avg(x) AS a, sum(f) AS sf, avg(f) AS af FROM input GROUP BY g",
    "SELECT g, sum(h) AS s, avg(h) AS a, sum(u) AS su FROM input GROUP BY g",
    "SELECT g, min(x) AS a, max(x) AS b, min(n) AS c, max(n) AS d2 FROM input GROUP BY g",
    "SELECT g, min(t) AS a, max(t) AS b, min(d) AS c, max(w) AS e, min(h) AS i FROM input GROUP BY "
    "g",
    "SELECT k, min(ts) AS a, max(day) AS c, min(b) AS e, max(b) AS h2 FROM input "
    "GROUP BY k",
    "SELECT g, min(tiny) AS a, max(u) AS b, max(f) AS c FROM input GROUP BY g",
    "SELECT k, arg_min(t, id) AS a, arg_max(x, id) AS b, arg_max(t, id) FILTER (WHERE b) AS c FROM "
    "input GROUP BY k",
    "SELECT g, bool_and(b) AS a, bool_or(b) AS o, bool_or(x > 0) AS p FROM input GROUP BY g",
    "SELECT g, stddev_samp(n) AS a, stddev_pop(n) AS b, var_samp(n) AS c, var_pop(n) AS e FROM "
    "input GROUP BY g",
    "SELECT k, stddev(d) AS a, var_pop(tiny) AS b, variance(u) AS c FROM input GROUP BY k",
    "SELECT g, count(DISTINCT n) AS a, count(DISTINCT t) AS b, count(DISTINCT x) AS c FROM input "
    "GROUP BY g",
    "SELECT g, sum(DISTINCT tiny) AS a, avg(DISTINCT k) AS b, sum(DISTINCT d) AS c FROM input "
    "GROUP "
    "BY g",
    "SELECT g, count(DISTINCT t) FILTER (WHERE b) AS a, max(t) FILTER (WHERE NOT b) AS c FROM "
    "input "
    "GROUP BY g",
    "SELECT count(*) AS n, sum(n) AS s, max(t) AS m FROM input",
    "SELECT count(DISTINCT k) AS n FROM input WHERE x > 0",
    "SELECT sum(d) AS s FROM input HAVING count(*) > 50",
    "SELECT g, count(*) AS n FROM input GROUP BY g HAVING count(*) > 20 AND max(k) > 1",
    "SELECT upper(g) AS big, k % 2 AS odd, sum(n) * 2 + count(*) AS v FROM input WHERE n > -500 "
    "GROUP BY upper(g), k % 2",
    "SELECT g, round(sum(n) / count(*), 3) AS r FROM input GROUP BY g",
    "SELECT g, t, k FROM input GROUP BY g, t, k",
    "SELECT b, day, tiny, count(*) AS n FROM input GROUP BY b, day, tiny",
    "SELECT x, count(*) AS n FROM input GROUP BY x",
    "SELECT l, count(*) AS n FROM input GROUP BY l",
    "SELECT d, w, h, u, f, count(*) AS n FROM input GROUP BY ALL",
    "SELECT id, max(t) AS t FROM input GROUP BY id",
};

const std::vector<std::string> stream_queries = {
    "SELECT g, first(t) AS a, last(t) AS b, first(x) AS c, last(n) AS e FROM input GROUP BY g",
    "SELECT k, last(b) FILTER (WHERE tiny > 0) AS a, first(l) AS b2 FROM input GROUP BY k",
    "SELECT g, arg_min(id, k) AS a, arg_max(id, k) AS c FROM input GROUP BY g",
};

void check_all(ViewBench& bench, RandomInput& input, const std::vector<std::string>& texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string name = "v" + std::to_string(i);
    // The row of an aggregate without GROUP BY is given out with the first epoch.
    if (bench.epoch() > 0) {
      EXPECT_EQ(bench.scan_bytes(name), bench.sum_of_changes(name)) << texts[i];
    }
    expect_same_rows(bench.scan(name),
                     comparable(bench.view(name).output(), input.judge().chunks(texts[i])),
                     texts[i]);
  }
}

void hold_the_law(std::uint64_t seed, bool taken_back, Setting setting, int epochs) {
  SCOPED_TRACE(fmt::format("seed {} taken back {} workers {} shards {}", seed, taken_back,
                           setting.workers, setting.shards));
  std::vector<std::string> texts = queries;
  if (!taken_back) texts.insert(texts.end(), stream_queries.begin(), stream_queries.end());
  std::mt19937_64 random(seed);
  RandomInput input(seed, taken_back);
  ViewBench bench(database(), setting);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    bench.add("v" + std::to_string(i), aggregate({{}, analyse(texts[i], taken_back), {}}));
  }
  bench.start();
  check_all(bench, input, texts);
  bench.live(input, epochs, random, [&] { check_all(bench, input, texts); });
}

TEST(Law, HoldsOverStreams) {
  hold_the_law(1, false, {1, 1}, 12);
  hold_the_law(2, false, {2, 4}, 12);
  hold_the_law(3, false, {3, 4, true}, 8);
}

TEST(Law, HoldsOverViewsWhoseRowsAreTakenBack) {
  hold_the_law(11, true, {1, 1}, 14);
  hold_the_law(12, true, {2, 4}, 14);
  hold_the_law(13, true, {3, 4, true}, 8);
}

TEST(Law, HoldsWhileRowsAreEvicted) {
  hold_the_law(21, false, {2, 2, false, 2048}, 14);
  hold_the_law(22, true, {2, 2, false, 2048}, 14);
}

}  // namespace
}  // namespace leat::op

// What stands over windows keeps their rows until none comes any more, and what it gave longer.

#include <gtest/gtest.h>

#include "operator/definition_record.h"
#include "operator/law_bench.h"

namespace leat::op {
namespace {

constexpr std::int64_t minute = 60'000'000;
constexpr int windows = 40;
constexpr std::size_t rows_per_window = 20;

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

/// Rows of one window a minute long: window_end, id, v.
class Windows {
 public:
  const Schema& schema() const { return schema_; }
  std::vector<ChangeChunk> rows_of(int window) {
    std::vector<ChangeChunk> changes(1);
    changes[0].rows = std::move(judge_.chunks(select(window)).front());
    return changes;
  }

 private:
  static std::string select(int window) {
    return fmt::format(
        "SELECT make_timestamp({}) AS w, range AS id, range * 7 % 1000 AS v FROM "
        "range({}, {})",
        window * minute, static_cast<std::size_t>(window) * rows_per_window,
        (static_cast<std::size_t>(window) + 1) * rows_per_window);
  }
  DuckTestDatabase judge_;
  const Schema schema_ = judge_.schema_of(select(1));
};

sql::ViewInput input_of(const Schema& schema, const std::string& list) {
  DuckTestDatabase judge;
  sql::ViewInput input{.input = "windows",
                       .sql = "SELECT " + list + ", __leat_row FROM __leat_input()"};
  judge.chunks("CREATE TABLE input (w TIMESTAMP, id BIGINT, v BIGINT)");
  input.schema = judge.schema_of("SELECT " + list + " FROM input");
  EXPECT_EQ(schema.size(), 3u);
  return input;
}

/// A middle row of each window, for which all of its rows are needed.
KeyedView median_of(const Schema& schema, const WindowRules& rules) {
  KeyedView view{rules};
  view.query.inputs = {input_of(schema, "w AS k0, w, v")};
  view.query.key_count = 1;
  view.query.window_key = sql::WindowKey{0, 0};
  view.query.sql =
      "SELECT any_value(w) AS w, median(v) AS m, any_value(__leat_key) FROM __leat_lookup('0') "
      "GROUP BY __leat_key";
  view.query.output =
      Schema({{"w", Type::of(DUCKDB_TYPE_TIMESTAMP)}, {"m", Type::of(DUCKDB_TYPE_DOUBLE)}});
  return view;
}

JoinView join_of(const Schema& schema, sql::JoinQuery::Kind kind, const WindowRules& rules) {
  JoinView view{rules};
  view.query.kind = kind;
  view.query.left = input_of(schema, "w AS k0, id AS k1, w, id");
  view.query.right = input_of(schema, "w AS k0, id AS k1, v");
  view.query.key_count = 2;
  view.query.window_key = sql::WindowKey{0, 0};
  view.query.output = Schema({{"w", Type::of(DUCKDB_TYPE_TIMESTAMP)},
                              {"id", Type::of(DUCKDB_TYPE_BIGINT)},
                              {"v", Type::of(DUCKDB_TYPE_BIGINT)}});
  return view;
}

ViewBench::Make make(const KeyedView& view, const Schema& schema) {
  return [=](const std::string& name, const Resources& resources) {
    return make_keyed_view(name, view, {schema}, resources);
  };
}
ViewBench::Make make(const JoinView& view, const Schema& schema) {
  return [=](const std::string& name, const Resources& resources) {
    return make_join_view(name, view, {schema, schema}, resources);
  };
}

WindowRules on_close(std::optional<std::int64_t> retain_us = std::nullopt,
                     std::int64_t lateness_us = 0) {
  return {.emit = Emit::on_close,
          .retain_us = retain_us,
          .late = lateness_us > 0 ? Late::update : Late::dead_letters,
          .allowed_lateness_us = lateness_us};
}

/// Goes through all windows, one an epoch, with a commit and now and then a loss of power; gives
/// the most details (pages of rows) and results that were stored on the way from the fifth window
/// on.
struct Most {
  std::size_t details = 0;
  std::size_t results = 0;
};
Most live(ViewBench& bench, Windows& input) {
  Most most;
  std::mt19937_64 random(1);
  for (int window = 1; window <= windows; ++window) {
    bench.run_epoch(input.rows_of(window), (window - 1) * minute, random);
    bench.commit();
    if (window % 7 == 0) bench.crash();
    if (window < 5) continue;
    most.details = std::max(most.details, bench.stored("view", details_prefix));
    most.results = std::max(most.results, bench.stored("view", rows_prefix));
  }
  return most;
}

TEST(ClosingTest, RowsOfWindowsThatHaveClosedAreForgotten) {
  Windows input;
  ViewBench bench(database(), {.shards = 2});
  bench.add("view", make(median_of(input.schema(), on_close()), input.schema()));
  bench.start();
  const Most most = live(bench, input);
  EXPECT_LE(most.details, 2u) << "pages of the window that is open";
  EXPECT_EQ(bench.scan("view").size(), windows - 1u) << "results stay";
  EXPECT_EQ(bench.sum_of_changes("view"), bench.scan_bytes("view"));
}

TEST(ClosingTest, ResultsAreForgottenWithRetain) {
  Windows input;
  ViewBench bench(database(), {.shards = 2});
  bench.add("view", make(median_of(input.schema(), on_close(3 * minute)), input.schema()));
  bench.start();
  const Most most = live(bench, input);
  EXPECT_LE(most.results, 3u);
  EXPECT_EQ(bench.scan("view").size(), 3u);
}

TEST(ClosingTest, RowsStayAsLongAsTheirWindowTakesLateOnes) {
  Windows input;
  ViewBench bench(database(), {});
  bench.add("view",
            make(median_of(input.schema(), on_close(std::nullopt, 2 * minute)), input.schema()));
  bench.start();
  EXPECT_LE(live(bench, input).details, 4u);
  std::mt19937_64 random(1);
  // The watermark says windows - 1; the one two before it is final, the one after that is not.
  EXPECT_EQ(bench.run_epoch(input.rows_of(windows - 3), (windows - 1) * minute, random),
            rows_per_window);
  EXPECT_EQ(bench.run_epoch(input.rows_of(windows - 2), (windows - 1) * minute, random), 0u);
}

TEST(ClosingTest, WithRetainAloneWindowsTakeRowsUntilTheyAreForgotten) {
  Windows input;
  ViewBench bench(database(), {});
  bench.add("view", make(median_of(input.schema(), {.retain_us = 2 * minute}), input.schema()));
  bench.start();
  const Most most = live(bench, input);
  EXPECT_LE(most.details, 4u);
  EXPECT_LE(most.results, 4u);
}

TEST(ClosingTest, NothingIsForgottenWhereWindowsNeverEnd) {
  Windows input;
  ViewBench bench(database(), {});
  bench.add("view", make(median_of(input.schema(), {}), input.schema()));
  bench.start();
  EXPECT_GE(live(bench, input).details, static_cast<std::size_t>(windows));
}

TEST(ClosingTest, BothSidesOfAJoinForgetWindows) {
  for (const auto kind : {sql::JoinQuery::Kind::inner, sql::JoinQuery::Kind::left}) {
    Windows input;
    ViewBench bench(database(), {.shards = 2});
    bench.add("view", make(join_of(input.schema(), kind, on_close()), input.schema()), 2);
    bench.start();
    EXPECT_LE(live(bench, input).details, 2 * rows_per_window);
    EXPECT_EQ(bench.sum_of_changes("view").size(), windows * rows_per_window);
  }
}

}  // namespace
}  // namespace leat::op

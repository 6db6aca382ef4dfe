// Joins without a time bound: after every epoch the sum of what a join gave out is what DuckDB
// answers over the sum of its inputs.

#include <gtest/gtest.h>

#include "model/chunk_copy.h"
#include "model/column_types.h"
#include "operator/join_bench.h"

namespace leat::op {
namespace {

using Kind = sql::JoinQuery::Kind;

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

const std::vector<JoinCase> cases = {
    // A row has at most one partner.
    {{"id // 2", "id, t", "id % 2 = 0"}, {"id // 2", "id, g, l", "id % 2 = 1"}, "", {}},
    // Many to many, keys that are NULL.
    {{"k", "id, t", "id % 4 = 0"}, {"k", "id, ts", "id % 3 = 0"}, "", {}},
    {{"g, k", "n", "tiny > 0"}, {"g, k", "n, w", "tiny <= 0"}, "", {}},
    // Rows that can't be told apart, and sides that give nothing but their keys.
    {{"g", "b", "true"}, {"g", "tiny", "id % 5 = 0"}, "", {}},
    // Conditions beyond the keys: true for few, NULL for some, failing for some.
    {{"k", "id, n", "id % 2 = 0"}, {"k", "id, n", "id % 3 = 0"}, "l1 > r1 AND l0 <> r0", {}},
    {{"g", "id, n", "true"}, {"g", "id, x", "id % 3 = 0"}, "l1 / r1 > 2", {}},
    // No keys: every row of one side meets every row of the other.
    {{"", "id, t", "id % 7 = 0"}, {"", "id, h", "id % 6 = 0"}, "", {}},
    {{"", "id, n", "id % 3 = 0"}, {"", "id, n", "id % 4 = 0"}, "l1 < r1 - 900", {}},
};

/// A third of all joins at once, by the seed.
void hold_the_law(std::uint64_t seed, bool taken_back, Setting setting, int epochs) {
  std::vector<TriedJoin> some;
  for (std::size_t number = 0; number < cases.size(); ++number) {
    for (const Kind kind : join_kinds) {
      if ((number + static_cast<std::size_t>(kind) + seed) % 3 != 0) continue;
      some.push_back(
          {fmt::format("case {} kind {}", number, static_cast<int>(kind)), cases[number], kind});
    }
  }
  op::hold_the_law(database(), some, seed, taken_back, setting, epochs);
}

TEST(Join, HoldsTheLawOverStreams) {
  hold_the_law(1, false, {1, 1}, 8);
  hold_the_law(2, false, {2, 4}, 8);
  hold_the_law(3, false, {3, 4, true}, 6);
}

TEST(Join, HoldsTheLawWhereRowsAreTakenBack) {
  hold_the_law(11, true, {1, 1}, 10);
  hold_the_law(12, true, {2, 4}, 10);
  hold_the_law(13, true, {3, 4, true}, 6);
}

TEST(Join, HoldsTheLawWhileRowsAreEvicted) {
  hold_the_law(21, false, {2, 2, false, 2048}, 8);
  hold_the_law(22, true, {2, 2, false, 2048}, 10);
  hold_the_law(23, true, {1, 1, false, 2048}, 10);
}

/// A join of two streams or views of (k INTEGER, v INTEGER), fed by hand.
class JoinAlone : public ::testing::Test {
 protected:
  void make(Kind kind, bool weighted, const std::string& condition = "") {
    query_.kind = kind;
    for (sql::ViewInput* input : {&query_.left, &query_.right}) {
      *input = {
          "input",
          fmt::format("SELECT k, v, {}{} FROM {}()", sql::row_column,
                      weighted ? fmt::format(", {}", sql::weight_column) : "", sql::input_function),
          schema_, weighted};
    }
    query_.key_count = 1;
    if (!condition.empty()) {
      query_.condition =
          fmt::format("SELECT {}, {} FROM {}()", condition, sql::row_column, sql::input_function);
    }
    std::vector<Column> columns = {{"l", Type::of(DUCKDB_TYPE_INTEGER)}};
    if (kind != Kind::semi && kind != Kind::anti) {
      columns.push_back({"r", Type::of(DUCKDB_TYPE_INTEGER)});
    }
    query_.output = Schema(std::move(columns));
    view_ = make_join_view("v", {{}, query_}, {schema_, schema_}, {*store_, timeline_, database()})
                .value();
  }
  void give(std::size_t input, const std::string& values,
            const std::vector<std::int64_t>& weights = {}) {
    for (const Chunk& chunk : judge_.chunks("SELECT * FROM (VALUES " + values + ") AS t(k, v)")) {
      ChangeChunk changes;
      changes.rows = copy_of(chunk);
      changes.weights = weights;
      changes.order = order_++;
      std::vector<LateRow> late;
      ASSERT_TRUE(view_->absorb(0, context(), input, changes, late));
    }
  }
  /// Ends the epoch: its changes as "weight: row", sorted.
  std::vector<std::string> merge() {
    output_.clear();
    EXPECT_TRUE(view_->merge(0, context(), output_));
    timeline_.publish(Epoch(epoch_++));
    std::vector<std::string> changes;
    for (const ChangeChunk& chunk : output_) {
      for (std::size_t row = 0; row < chunk.rows.size(); ++row) {
        std::string text = fmt::format("{}:", chunk.weight(row));
        for (std::size_t column = 0; column < chunk.rows.column_count(); ++column) {
          const duckdb_vector vector = chunk.rows.vector(column);
          text +=
              is_valid(duckdb_vector_get_validity(vector), row)
                  ? fmt::format(" {}", static_cast<const int*>(duckdb_vector_get_data(vector))[row])
                  : " -";
        }
        changes.push_back(std::move(text));
      }
    }
    std::sort(changes.begin(), changes.end());
    return changes;
  }

  using Changes = std::vector<std::string>;
  const Schema schema_{
      {{"k", Type::of(DUCKDB_TYPE_INTEGER)}, {"v", Type::of(DUCKDB_TYPE_INTEGER)}}};
  state::ScratchDirectory directory_;
  std::unique_ptr<state::Store> store_ = state::Store::open(directory_.path()).value();
  state::Timeline timeline_{*store_};
  DuckTestDatabase judge_;
  sql::JoinQuery query_;
  std::unique_ptr<ViewOperator> view_;
  std::vector<ChangeChunk> output_;
  std::uint64_t epoch_ = 1;
  std::uint64_t order_ = 0;
  bool wanted_ = true;

 private:
  EpochContext context() const { return {Epoch(epoch_), no_watermark, wanted_}; }
};

TEST_F(JoinAlone, PutsOutOnlyWhatAnEpochChangesOnTheWhole) {
  make(Kind::left, false);
  give(0, "(1, 10)");
  give(1, "(1, 20)");
  EXPECT_EQ(merge(), Changes({"1: 10 20"}));
  give(0, "(2, 11)");
  EXPECT_EQ(merge(), Changes({"1: 11 -"}));
  give(1, "(2, 21), (2, 22)");
  EXPECT_EQ(merge(), Changes({"-1: 11 -", "1: 11 21", "1: 11 22"}));
}

TEST_F(JoinAlone, MultipliesWeights) {
  make(Kind::full, true);
  give(0, "(1, 10), (2, 11), (3, 12)", {2, 1, 3});
  give(1, "(1, 20), (4, 21)", {3, 2});
  EXPECT_EQ(merge(), Changes({"1: 11 -", "2: - 21", "3: 12 -", "6: 10 20"}));
  give(1, "(1, 20)", {-3});
  give(0, "(3, 12)", {-1});
  EXPECT_EQ(merge(), Changes({"-1: 12 -", "-6: 10 20", "2: 10 -"}));
}

/// A view's changes come in any order: what is taken back may be put in later in the epoch.
TEST_F(JoinAlone, TakesRowsBackBeforeTheyCome) {
  for (const Kind kind : {Kind::inner, Kind::full, Kind::anti}) {
    make(kind, true);
    give(0, "(1, 10)", {-1});
    give(1, "(1, 20), (1, 20)", {-1, 1});
    give(0, "(1, 10)", {1});
    EXPECT_EQ(merge(), Changes());
  }
}

TEST_F(JoinAlone, KnowsItsMatchesAlsoOfEpochsThatNobodyWanted) {
  make(Kind::semi, true);
  wanted_ = false;
  give(0, "(1, 10), (2, 11)");
  give(1, "(1, 20), (1, 21)");
  EXPECT_EQ(merge(), Changes());
  wanted_ = true;
  give(1, "(1, 20), (2, 20)", {-1, 1});
  EXPECT_EQ(merge(), Changes({"1: 11"}));
  give(1, "(1, 21)", {-1});
  EXPECT_EQ(merge(), Changes({"-1: 10"}));
}

TEST_F(JoinAlone, CountsPairsThatTheConditionFailsOn) {
  make(Kind::left, false, "CASE WHEN l0 = 10 THEN error('ten') ELSE l0 < r0 END");
  give(0, "(1, 10), (1, 11), (1, 30)");
  give(1, "(1, 20), (1, 21)");
  EXPECT_EQ(merge(), Changes({"1: 10 -", "1: 11 20", "1: 11 21", "1: 30 -"}));
  EXPECT_EQ(view_->refused(), 2u);
  EXPECT_NE(view_->last_refusal().find("ten"), std::string::npos);
}

/// All rows have one key, and far more pairs than fit a chunk come of a few rows.
TEST_F(JoinAlone, MatchesAKeyThatHasManyRows) {
  make(Kind::inner, false, "r0 % 1000 = 0");
  for (int i = 0; i < 20; ++i) {
    give(1, fmt::format("(7, {0}), (7, {0} + 500)", i * 1000));
    for (const Chunk& chunk : judge_.chunks(
             fmt::format("SELECT 7::INTEGER AS k, ({} + i)::INTEGER AS v FROM range(2000) AS t(i)",
                         100000 + i * 2000))) {
      ChangeChunk changes;
      changes.rows = copy_of(chunk);
      std::vector<LateRow> late;
      ASSERT_TRUE(view_->absorb(0, {Epoch(epoch_), no_watermark, true}, 1, changes, late));
    }
  }
  EXPECT_EQ(merge(), Changes());
  give(0, "(7, 1), (8, 2), (7, 3)");
  EXPECT_EQ(merge().size(), 2u * (20 + 40));
  for (const ChangeChunk& chunk : output_) EXPECT_LE(chunk.rows.size(), chunk_rows_max);
}

TEST_F(JoinAlone, RefusesTheStateOfAnotherJoin) {
  make(Kind::inner, false);
  give(0, "(1, 10)");
  EXPECT_EQ(merge(), Changes());
  auto batch = store_->new_batch();
  ASSERT_TRUE(view_->persist(0, *batch));
  ASSERT_TRUE(store_->commit(*batch));
  make(Kind::inner, false);
  EXPECT_TRUE(view_->restore());
  make(Kind::left, false);
  const Status restored = view_->restore();
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, "view-changed");
}

}  // namespace
}  // namespace leat::op

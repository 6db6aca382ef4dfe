#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/chunk_copy.h"
#include "operator/compensated_sum.h"
#include "operator/law_bench.h"

namespace leat::op {
namespace {

using ::testing::HasSubstr;

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

/// One view of one shard over chunks that DuckDB makes.
class AggregateViewTest : public ::testing::Test {
 protected:
  void Over(const std::string& input_sql, const std::string& query, bool over_view = false) {
    schema_ = duck_.schema_of(input_sql);
    sql::Catalog catalog;
    catalog["input"] = {over_view ? sql::Relation::Kind::view : sql::Relation::Kind::stream,
                        schema_};
    const auto analyser = sql::Analyser::open().value();
    const auto analysed = analyser->aggregate_query(query, catalog);
    ASSERT_TRUE(analysed) << analysed.error().message;
    query_ = *analysed;
    Open();
  }
  void Open() {
    view_.reset();
    timeline_.reset();
    store_.reset();
    store_ = state::Store::open(directory_.path()).value();
    timeline_ = std::make_unique<state::Timeline>(*store_);
    auto made =
        make_aggregate_view("v", {{}, query_, {}}, schema_, {*store_, *timeline_, database()});
    ASSERT_TRUE(made) << made.error().message;
    view_ = std::move(*made);
    ASSERT_TRUE(view_->restore());
  }
  Status Absorb(const std::string& sql, std::int64_t weight = 1) {
    std::vector<LateRow> late;
    for (Chunk& chunk : duck_.chunks(sql)) {
      ChangeChunk change;
      if (query_.weighted) change.weights.assign(chunk.size(), weight);
      change.rows = std::move(chunk);
      LEAT_TRY(view_->absorb(0, Context(), 0, change, late));
      held_.push_back(std::move(change));  // texts stay readable until the merge
    }
    return {};
  }
  Status Merge() {
    changes_.clear();
    const Status merged = view_->merge(0, Context(), changes_);
    timeline_->publish(Epoch(epoch_++));
    held_.clear();
    return merged;
  }
  void Epoch_(const std::string& sql, std::int64_t weight = 1) {
    ASSERT_TRUE(Absorb(sql, weight));
    const Status merged = Merge();
    ASSERT_TRUE(merged) << merged.error().message;
  }
  std::size_t Commit() {
    auto batch = store_->new_batch();
    EXPECT_TRUE(view_->persist(0, *batch));
    EXPECT_TRUE(store_->commit(*batch));
    timeline_->committed(Epoch(epoch_ - 1));
    return batch->bytes();
  }
  /// The first column of all rows, sorted.
  template <class T>
  std::vector<T> Values() {
    std::vector<T> values;
    EXPECT_TRUE(view_->scan(*timeline_->take_snapshot(), [&](const Chunk& rows) {
      const auto* column = static_cast<const T*>(duckdb_vector_get_data(rows.vector(0)));
      values.insert(values.end(), column, column + rows.size());
      return true;
    }));
    std::ranges::sort(values);
    return values;
  }
  std::int64_t SumOfWeights() const {
    std::int64_t sum = 0;
    for (const ChangeChunk& changes : changes_) {
      for (const std::int64_t weight : changes.weights) sum += weight;
    }
    return sum;
  }
  /// The only row's only column.
  template <class T>
  T Value() {
    T value{};
    std::size_t rows = 0;
    EXPECT_TRUE(view_->scan(*timeline_->take_snapshot(), [&](const Chunk& chunk) {
      value = *static_cast<const T*>(duckdb_vector_get_data(chunk.vector(0)));
      rows += chunk.size();
      return true;
    }));
    EXPECT_EQ(rows, 1u);
    return value;
  }
  EpochContext Context() const { return {Epoch(epoch_), no_watermark, true}; }

  DuckTestDatabase duck_;
  Schema schema_;
  sql::AggregateQuery query_;
  state::ScratchDirectory directory_;
  std::unique_ptr<state::Store> store_;
  std::unique_ptr<state::Timeline> timeline_;
  std::unique_ptr<ViewOperator> view_;
  std::vector<ChangeChunk> held_;
  std::vector<ChangeChunk> changes_;
  std::uint64_t epoch_ = 1;
};

TEST_F(AggregateViewTest, EstimatesDistinctCountsWithinItsError) {
  Over("SELECT range AS i FROM range(1)", "SELECT approx_count_distinct(i) AS n FROM input");
  std::int64_t begin = 0;
  for (const std::int64_t end : {10, 1000, 5000, 20000, 200000}) {
    Epoch_(fmt::format("SELECT range AS i FROM range({}, {})", begin, end));
    Epoch_(fmt::format("SELECT range AS i FROM range({}, {})", begin, end));  // seen before
    EXPECT_NEAR(static_cast<double>(Value<std::int64_t>()), static_cast<double>(end),
                0.06 * static_cast<double>(end));
    begin = end;
  }
}

TEST_F(AggregateViewTest, EstimateFallsWhenValuesAreTakenBack) {
  Over("SELECT range AS i FROM range(1)", "SELECT approx_count_distinct(i) AS n FROM input", true);
  Epoch_("SELECT range AS i FROM range(50)");
  const auto few = Value<std::int64_t>();
  Epoch_("SELECT range AS i FROM range(50, 20000)");
  Commit();
  Epoch_("SELECT range AS i FROM range(50, 20000)", -1);
  EXPECT_EQ(Value<std::int64_t>(), few) << "the same registers as if they had never come";
  Commit();
  Open();
  EXPECT_EQ(Value<std::int64_t>(), few);
  Epoch_("SELECT range AS i FROM range(50)", -1);
  EXPECT_EQ(Value<std::int64_t>(), 0);
}

TEST_F(AggregateViewTest, OneMoreDistinctValueCostsOneEntryAtACommit) {
  Over("SELECT range AS i FROM range(1)", "SELECT count(DISTINCT i) AS n FROM input");
  Epoch_("SELECT range AS i FROM range(100000)");
  EXPECT_GT(Commit(), 1000000u);
  Epoch_("SELECT 100000::BIGINT AS i");
  EXPECT_EQ(Value<std::int64_t>(), 100001);
  EXPECT_LT(Commit(), 300u);
}

TEST_F(AggregateViewTest, InfinityThatIsTakenBackLeavesAFiniteSum) {
  Over("SELECT 0.5::DOUBLE AS x", "SELECT sum(x) AS s FROM input", true);
  Epoch_("SELECT unnest([0.5, 1e15, 0.25]::DOUBLE[]) AS x");
  Epoch_("SELECT unnest(['inf', '-inf', 'nan']::DOUBLE[]) AS x");
  EXPECT_TRUE(std::isnan(Value<double>()));
  Epoch_("SELECT unnest(['nan', '-inf']::DOUBLE[]) AS x", -1);
  EXPECT_EQ(Value<double>(), std::numeric_limits<double>::infinity());
  Epoch_("SELECT unnest(['inf', 1e15]::DOUBLE[]) AS x", -1);
  EXPECT_EQ(Value<double>(), 0.75);
}

TEST_F(AggregateViewTest, SumThatDoesNotFitHasNoRowUntilItFits) {
  Over("SELECT 1::BIGINT AS g, 1::HUGEINT AS h",
       "SELECT g, sum(h) AS s, avg(h) AS a FROM input GROUP BY g", true);
  const std::string most = "170141183460469231731687303715884105727::HUGEINT";
  Epoch_("SELECT 1::BIGINT AS g, " + most + " AS h UNION ALL SELECT 2, 7::HUGEINT");
  EXPECT_EQ(Values<std::int64_t>(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(view_->refused(), 0u);
  Epoch_("SELECT 1::BIGINT AS g, " + most + " AS h FROM range(2) UNION ALL SELECT 2, 1::HUGEINT");
  EXPECT_EQ(Values<std::int64_t>(), (std::vector<std::int64_t>{2}));
  EXPECT_GT(view_->refused(), 0u);
  EXPECT_THAT(view_->last_refusal(), HasSubstr("cast its argument to DOUBLE"));
  EXPECT_EQ(SumOfWeights(), -1);  // the row of group 1 is taken back, that of group 2 replaced
  Commit();
  Epoch_("SELECT 1::BIGINT AS g, " + most + " AS h FROM range(2)", -1);
  EXPECT_EQ(Values<std::int64_t>(), (std::vector<std::int64_t>{1, 2}));
}

TEST_F(AggregateViewTest, GroupWhoseRowFailsIsLeftOutAloneAndSoAreItsChanges) {
  Over("SELECT 1::BIGINT AS g, 1::BIGINT AS n",
       "SELECT g, sum(n)::TINYINT AS s FROM input GROUP BY g HAVING sum(n)::SMALLINT > 0");
  Epoch_("SELECT range AS g, 100::BIGINT AS n FROM range(1500)");
  EXPECT_EQ(Values<std::int64_t>().size(), 1500u);
  Epoch_(
      "SELECT 7::BIGINT AS g, 100::BIGINT AS n UNION ALL SELECT 1400, 100000 UNION ALL SELECT 9, "
      "1");
  EXPECT_EQ(Values<std::int64_t>().size(), 1498u);
  EXPECT_EQ(SumOfWeights(), -2);
  EXPECT_THAT(view_->last_refusal(), HasSubstr("out of range"));
}

TEST_F(AggregateViewTest, ChunkWhoseSqlFailsChangesNothing) {
  Over("SELECT 'a' AS t", "SELECT sum(t::INTEGER) AS s FROM input");
  ASSERT_TRUE(Absorb("SELECT '5' AS t"));
  const Status failed = Absorb("SELECT unnest(['7', 'seven']) AS t");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "row-failed");
  ASSERT_TRUE(Merge());
  EXPECT_EQ(Value<std::int64_t>(), 5);  // the low half of the HUGEINT
}

TEST_F(AggregateViewTest, GroupsThatDoNotChangeGiveOutNothing) {
  Over("SELECT 1::BIGINT AS g, 2::BIGINT AS n", "SELECT g, max(n) AS m FROM input GROUP BY g");
  Epoch_("SELECT range % 1000 AS g, range AS n FROM range(5000)");
  Epoch_("SELECT unnest([1, 2]::BIGINT[]) AS g, unnest([0, 9999]::BIGINT[]) AS n");
  ASSERT_EQ(changes_.size(), 1u);
  EXPECT_EQ(changes_[0].rows.size(), 2u);
  EXPECT_EQ(changes_[0].weights, (std::vector<std::int64_t>{-1, 1}));
}

TEST_F(AggregateViewTest, RefusesExtremesOfLists) {
  schema_ = duck_.schema_of("SELECT [1] AS l");
  sql::AggregateQuery query;
  query.pre_schema = schema_;
  query.output = query.groups = schema_;
  query.aggregates = {
      {sql::AggregateCall::Function::max, {0}, {}, false, schema_[0].type, schema_[0].type}};
  store_ = state::Store::open(directory_.path()).value();
  timeline_ = std::make_unique<state::Timeline>(*store_);
  const auto made =
      make_aggregate_view("v", {{}, query, {}}, schema_, {*store_, *timeline_, database()});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, "not-incremental");
  EXPECT_THAT(made.error().message, HasSubstr("INTEGER[]"));
}

TEST(CompensatedSum, GivesBackWhatWasTaken) {
  CompensatedSum sum{};
  for (int i = 1; i <= 1000; ++i) sum.add_product(0.1 * i, 3);
  for (int i = 1000; i >= 2; --i) sum.add_product(0.1 * i, -3);
  EXPECT_DOUBLE_EQ(sum.value(), 0.3);
}

}  // namespace
}  // namespace leat::op

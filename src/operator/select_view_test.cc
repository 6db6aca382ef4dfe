#include <gtest/gtest.h>

#include "model/chunk_copy.h"
#include "model/column_types.h"
#include "operator/law_bench.h"

namespace leat::op {
namespace {

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

/// One part of a UNION ALL.
struct Part {
  std::string list;
  std::string condition;
};

const std::vector<std::vector<Part>> queries = {
    {{"*", "true"}},
    {{"id, upper(t) AS t, n * 2 AS n", "n > -500"}},
    {{"g, k", "true"}},
    {{"k, l, d", "b"}, {"tiny::INTEGER AS k, [k] AS l, d + 1 AS d", "x > 0"}},
    {{"g, ts", "k = 1"}, {"g, ts", "k <> 1"}, {"t, ts", "k IS NULL OR k = 1"}},
    {{"id, unnest([k, tiny]) AS u", "true"}},
    {{"w, h, u, f, b, day", "false"}},
};

std::string text_of(const std::vector<Part>& query) {
  std::string text;
  for (const Part& part : query) {
    text += fmt::format("{}SELECT {} FROM input WHERE {}", text.empty() ? "" : " UNION ALL ",
                        part.list, part.condition);
  }
  return text;
}

SelectView view_of(const std::vector<Part>& query, bool taken_back, bool kept) {
  SelectView view;
  for (const Part& part : query) {
    view.inputs.push_back(view_input(part.list, part.condition, taken_back));
    // Columns that are passed as they stand need no SQL.
    if (part.list == "*") view.inputs.back().sql.clear();
  }
  view.output = view.inputs[0].schema;
  view.kept = kept;
  return view;
}

ViewBench::Make select(const SelectView& view) {
  return [view](const std::string& name, const Resources& resources) {
    const std::vector<Schema> inputs(view.inputs.size(), RandomInput::schema());
    return make_select_view(name, view, inputs, resources);
  };
}

std::vector<std::string> bytes_of(const Schema& schema, const std::vector<Chunk>& chunks) {
  const RowCodec codec(types_of(schema));
  std::vector<std::string> rows;
  for (const Chunk& chunk : chunks) {
    EncodedRows encoded;
    codec.encode(chunk, encoded);
    for (std::size_t row = 0; row < encoded.size(); ++row) rows.emplace_back(encoded[row]);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

void check_all(ViewBench& bench, RandomInput& input) {
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const std::string text = text_of(queries[i]);
    const Schema& schema = bench.view(fmt::format("kept{}", i)).output();
    const std::vector<std::string> expected = bytes_of(schema, input.judge().chunks(text));
    EXPECT_EQ(bench.scan_bytes(fmt::format("kept{}", i)), expected) << text;
    EXPECT_EQ(bench.sum_of_changes(fmt::format("kept{}", i)), expected) << text;
    EXPECT_EQ(bench.sum_of_changes(fmt::format("passed{}", i)), expected) << text;
    EXPECT_EQ(bench.view(fmt::format("kept{}", i)).row_count(), expected.size()) << text;
  }
}

void hold_the_law(std::uint64_t seed, bool taken_back, Setting setting) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  RandomInput input(seed, taken_back);
  ViewBench bench(database(), setting);
  for (std::size_t i = 0; i < queries.size(); ++i) {
    bench.add(fmt::format("kept{}", i), select(view_of(queries[i], taken_back, true)),
              queries[i].size());
    bench.add(fmt::format("passed{}", i), select(view_of(queries[i], taken_back, false)),
              queries[i].size());
  }
  bench.start();
  bench.live(input, 15, random, [&] { check_all(bench, input); });
}

TEST(SelectView, HoldsTheLawOverStreams) {
  hold_the_law(1, false, {1, 1});
  hold_the_law(2, false, {2, 4});
  hold_the_law(3, false, {3, 4, true});
}

TEST(SelectView, HoldsTheLawWhereRowsAreTakenBack) {
  hold_the_law(11, true, {1, 1});
  hold_the_law(12, true, {2, 4});
  hold_the_law(13, true, {3, 4, true});
}

TEST(SelectView, HoldsTheLawWhileRowsAreEvicted) {
  hold_the_law(21, false, {2, 2, false, 2048});
  hold_the_law(22, true, {2, 2, false, 2048});
}

/// Changes of an epoch to rows of one column, 1 or -1 each.
std::vector<ChangeChunk> numbers(const std::vector<std::pair<int, std::int64_t>>& changes) {
  std::vector<ChangeChunk> chunks(1);
  DuckTestDatabase judge;
  std::string rows;
  for (const auto& [value, weight] : changes) {
    rows += fmt::format("{}({})", rows.empty() ? "" : ", ", value);
    chunks[0].weights.push_back(weight);
  }
  chunks[0].rows = copy_of(judge.chunks("SELECT * FROM (VALUES " + rows + ") AS t(v)")[0]);
  return chunks;
}

SelectView numbers_view(const std::string& list, bool weighted, bool kept) {
  const Schema schema({{"v", Type::of(DUCKDB_TYPE_INTEGER)}});
  SelectView view;
  view.inputs = {{"input",
                  fmt::format("SELECT {}, __leat_row{} FROM __leat_input()", list,
                              weighted ? ", __leat_weight" : ""),
                  schema, weighted}};
  view.output = schema;
  view.kept = kept;
  return view;
}

std::vector<ChangeChunk> merge_one(ViewOperator& view, const std::vector<ChangeChunk>& input) {
  const EpochContext context{Epoch(1), no_watermark, true};
  std::vector<LateRow> late;
  for (const ChangeChunk& changes : input) {
    EXPECT_TRUE(view.absorb(0, context, 0, changes, late));
  }
  std::vector<ChangeChunk> output;
  EXPECT_TRUE(view.merge(0, context, output));
  return output;
}

class SelectViewAlone : public ::testing::Test {
 protected:
  std::unique_ptr<ViewOperator> make(const SelectView& view) {
    const Schema schema({{"v", Type::of(DUCKDB_TYPE_INTEGER)}});
    return make_select_view("v", view, {schema}, {*store_, timeline_, database()}).value();
  }
  state::ScratchDirectory directory_;
  std::unique_ptr<state::Store> store_ = state::Store::open(directory_.path()).value();
  state::Timeline timeline_{*store_};
};

TEST_F(SelectViewAlone, CancelsOutWhatAnEpochPutsInAndTakesBack) {
  for (const bool kept : {true, false}) {
    const auto view = make(numbers_view("v // 10 AS v", true, kept));
    const auto output = merge_one(*view, numbers({{10, 1}, {25, 1}, {11, -1}, {13, 2}, {26, -1}}));
    ASSERT_EQ(output.size(), 1u);
    ASSERT_EQ(output[0].rows.size(), 1u);
    EXPECT_EQ(static_cast<const int*>(duckdb_vector_get_data(output[0].rows.vector(0)))[0], 1);
    EXPECT_EQ(output[0].weights, std::vector<std::int64_t>{2});
  }
}

TEST_F(SelectViewAlone, KeepsTheOrderOfArrivalWhereRowsAreOnlyAdded) {
  const auto view = make(numbers_view("v", false, false));
  std::vector<ChangeChunk> input;
  for (const int order : {2, 0, 1}) {
    input.push_back(std::move(numbers({{order, 1}})[0]));
    input.back().order = static_cast<std::uint64_t>(order);
  }
  const auto output = merge_one(*view, input);
  ASSERT_EQ(output.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const duckdb_vector vector = output[static_cast<std::size_t>(i)].rows.vector(0);
    EXPECT_EQ(static_cast<const int*>(duckdb_vector_get_data(vector))[0], i);
  }
}

TEST_F(SelectViewAlone, TakesNothingOfAChunkInWhoseRowFails) {
  const auto view =
      make(numbers_view("CASE WHEN v = 3 THEN error('no') ELSE v END AS v", false, true));
  const EpochContext context{Epoch(1), no_watermark, true};
  std::vector<LateRow> late;
  const auto input = numbers({{1, 1}, {3, 1}});
  const Status absorbed = view->absorb(0, context, 0, input[0], late);
  ASSERT_FALSE(absorbed);
  EXPECT_EQ(absorbed.error().code, "row-failed");
  std::vector<ChangeChunk> output;
  ASSERT_TRUE(view->merge(0, context, output));
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(view->row_count(), 0u);
}

}  // namespace
}  // namespace leat::op

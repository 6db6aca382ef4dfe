#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_patience.h"
#include "pipeline/check_fixture.h"
#include "runtime/commit_record.h"
#include "runtime/engine.h"

namespace leat::runtime {
namespace {

using testing::HasSubstr;

constexpr const char* pipeline_text = R"(
pipeline: p
topics: {orders: {}}
streams:
  sales: {from: orders, columns: {id: integer, amount: integer}}
views:
  totals: {query: "SELECT sum(amount)::BIGINT AS amount FROM sales"}
)";

class AssemblyChangeTest : public pipeline::CheckTest {
 protected:
  AssemblyChangeTest()
      : directory_(testing::TempDir() + "leat_change_" +
                   testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(directory_);
  }
  ~AssemblyChangeTest() override { std::filesystem::remove_all(directory_); }

  pipeline::Graph graph_of(const std::string& text) {
    pipeline::Checked checked = check_text(text);
    EXPECT_TRUE(checked.graph.has_value()) << findings(text);
    return std::move(*checked.graph);
  }
  Result<std::unique_ptr<Engine>> open(const std::string& text, bool rebuild = false) {
    Options options{.data_directory = directory_, .workers = 1};
    options.rebuild = rebuild;
    return Engine::open(graph_of(text), {}, std::move(options));
  }
  /// Runs the pipeline over these records, after those that are there already.
  void run(const std::string& text, const std::vector<std::string>& records) {
    auto engine = open(text);
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    ASSERT_TRUE((*engine)->start().has_value());
    for (const std::string& record : records) {
      const PushRecord pushed[] = {{.value = record, .key = {}, .has_key = false}};
      ASSERT_TRUE((*engine)->push("orders", pushed, std::nullopt).has_value());
    }
    ASSERT_TRUE((*engine)->stop(patience(std::chrono::seconds(20))).has_value());
  }
  /// The one number of the one row of the view.
  std::int64_t total(const std::string& text) {
    auto engine = open(text);
    EXPECT_TRUE(engine.has_value()) << engine.error().message;
    EXPECT_TRUE((*engine)->start().has_value());
    EXPECT_TRUE((*engine)->stop(patience(std::chrono::seconds(20))).has_value());
    std::int64_t found = -1;
    EXPECT_TRUE((*engine)
                    ->scan("totals", *(*engine)->snapshot(),
                           [&](const Chunk& rows) {
                             found = *static_cast<const std::int64_t*>(
                                 duckdb_vector_get_data(rows.vector(0)));
                             return true;
                           })
                    .has_value());
    return found;
  }
  /// Makes the last commit what a Leat wrote that kept one hash of all streams and views.
  void age() {
    auto store = std::move(state::Store::open(directory_ + "/store").value());
    state::Family* family = store->family("engine").value();
    const auto batch = store->new_batch();
    ASSERT_TRUE(store
                    ->for_each(*family, "definition/", state::end_of_prefix("definition/"),
                               [&](std::string_view key, std::string_view) {
                                 batch->remove(*family, key);
                                 return true;
                               })
                    .has_value());
    batch->put(*family, "definition", std::string(64, '0'));  // its SHA-256
    ASSERT_TRUE(store->commit(*batch).has_value());
  }
  CommitRecord commit() {
    auto store = std::move(state::Store::open(directory_ + "/store").value());
    return CommitRecord::load(*store, *store->family("engine").value()).value();
  }
  static std::string changed(std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  }

  const std::string directory_;
};

TEST_F(AssemblyChangeTest, ComputesAllAnewWhatAnOlderLeatMade) {
  run(pipeline_text, {R"({"id": 1, "amount": 5})", R"({"id": 2, "amount": 7})"});
  age();
  EXPECT_TRUE(commit().definitions.empty());
  run(pipeline_text, {R"({"id": 3, "amount": 10})"});
  EXPECT_EQ(total(pipeline_text), 22);
  EXPECT_TRUE(commit().definitions.contains("view/totals"));
}

TEST_F(AssemblyChangeTest, AStepOfAViewGoesWithIt) {
  const std::string joined =
      changed(pipeline_text, "SELECT sum(amount)::BIGINT AS amount FROM sales",
              "SELECT sum(a.amount)::BIGINT AS amount FROM sales a JOIN sales b ON a.id = b.id");
  run(joined, {R"({"id": 1, "amount": 5})", R"({"id": 2, "amount": 7})"});
  EXPECT_EQ(total(joined), 12);
  EXPECT_TRUE(commit().families.empty());
  const std::string another = changed(joined, "ON a.id = b.id", "ON a.id > b.id");
  EXPECT_EQ(total(another), 7) << "its join is computed anew";
  EXPECT_TRUE(commit().families.contains("totals"));
  EXPECT_GE(commit().families.size(), 2u) << "and its join's state is another";
  run(another, {R"({"id": 3, "amount": 10})"});
  EXPECT_EQ(total(another), 27);
  EXPECT_EQ(total(pipeline_text), 22) << "a query of one step in its place";
  EXPECT_EQ(commit().families.size(), 1u);
}

TEST_F(AssemblyChangeTest, AChangedViewHasAFamilyOfItsOwn) {
  run(pipeline_text, {R"({"id": 1, "amount": 5})", R"({"id": 2, "amount": 7})"});
  const std::string another = changed(pipeline_text, "sum(amount)", "max(amount)");
  run(another, {R"({"id": 3, "amount": 6})"});
  EXPECT_EQ(total(another), 7);
  EXPECT_THAT(commit().families.at("totals"), HasSubstr("totals@"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/catch_up"));
  EXPECT_EQ(total(pipeline_text), 18) << "and back";
}

}  // namespace
}  // namespace leat::runtime

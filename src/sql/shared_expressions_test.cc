#include "sql/analyse_test_support.h"

namespace leat::sql {
namespace {

using testing::HasSubstr;
using testing::Not;

using SharedExpressionsTest = AnalyseTest;

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST_F(SharedExpressionsTest, ComputeOnceWhatWhereAndTheListHaveInCommon) {
  for (const char* sql : {
           "SELECT id, regexp_extract(country, 'x') AS x WHERE regexp_extract(country, 'x') <> ''",
           "SELECT regexp_extract(country, 'x') AS x WHERE ok AND Regexp_Extract(COUNTRY, 'x') <> "
           "'a'",
           "SELECT regexp_extract(country, 'x') AS x, id WHERE x IN ('a', 'b') OR id > 3",
           "SELECT id WHERE regexp_extract(country, 'x') > 'a' OR regexp_extract(country, 'x') = "
           "''",
           "SELECT *, CASE WHEN ok THEN regexp_extract(u.country, 'x') END AS x FROM users u WHERE "
           "NOT ok AND regexp_extract(country, 'x') || 'a' LIKE 'b%'",
           "SELECT u.*, regexp_extract(country, 'x') AS x FROM users u WHERE "
           "regexp_extract(country, 'x') BETWEEN 'a' AND 'f'",
       }) {
    const auto query = analyser_->row_query(sql, "users", catalog_);
    ASSERT_TRUE(query) << sql << "\n" << query.error().message;
    EXPECT_EQ(count_of(query->sql, "regexp_extract("), 1u) << sql << "\n" << query->sql;
    if (!query->passes.empty()) {
      EXPECT_EQ(count_of(query->rest, "regexp_extract("), 1u) << sql << "\n" << query->rest;
    }
    for (const Column& column : query->output) EXPECT_THAT(column.name, Not(HasSubstr("__leat")));
  }
}

TEST_F(SharedExpressionsTest, ComputeNothingOfARowThatWouldNotBeComputed) {
  for (const char* sql : {
           "SELECT CAST(country AS INTEGER) AS x WHERE ok OR CAST(country AS INTEGER) > 1",
           "SELECT CAST(country AS INTEGER) AS x WHERE CASE WHEN ok THEN CAST(country AS INTEGER) "
           "> "
           "1 END",
           "SELECT CAST(country AS INTEGER) AS x WHERE coalesce(ok, CAST(country AS INTEGER) > 1)",
           "SELECT CAST(country AS INTEGER) AS x WHERE TRY(CAST(country AS INTEGER)) > 1",
           "SELECT CAST(country AS INTEGER) AS x WHERE id IN (1, CAST(country AS INTEGER))",
           "SELECT CAST(country AS INTEGER) AS x WHERE len(list_filter(tags, lambda t: "
           "CAST(country AS INTEGER) > 1)) > 1",
       }) {
    const auto query = analyser_->row_query(sql, "users", catalog_);
    ASSERT_TRUE(query) << sql << "\n" << query.error().message;
    EXPECT_THAT(query->sql, Not(HasSubstr("__leat_shared"))) << sql;
  }
}

TEST_F(SharedExpressionsTest, KeepTheNamesOfItems) {
  const auto query = analyser_->row_query(
      "SELECT regexp_extract(country, 'x') WHERE regexp_extract(country, 'x') <> 'a'", "users",
      catalog_);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->output[0].name, "regexp_extract(country, 'x')");
  EXPECT_THAT(query->sql, HasSubstr("__leat_shared_0 AS \"regexp_extract(country, 'x')\""));
}

TEST_F(SharedExpressionsTest, AskTheConditionsBeforeFirst) {
  const auto query = analyser_->row_query(
      "SELECT CAST(country AS INTEGER) AS x WHERE country <> '' AND CAST(country AS INTEGER) > 1",
      "users", catalog_);
  ASSERT_TRUE(query);
  EXPECT_LT(query->sql.find("!= ''"), query->sql.find("> 1")) << query->sql;
  EXPECT_EQ(count_of(query->sql, "WHERE"), 2u) << query->sql;
}

TEST_F(SharedExpressionsTest, LeaveQueriesAsTheyAreWhereNothingIsComputedTwice) {
  for (const char* sql : {
           "SELECT upper(country) AS big WHERE lower(country) = 'x'",
           "SELECT id + age AS sum WHERE id + age > 3",
           "SELECT id WHERE ts > TIMESTAMP '2020-01-01' + INTERVAL '1 hour' OR ts < TIMESTAMP "
           "'2020-01-01' - INTERVAL '1 hour'",
           "SELECT list_sort(tags) AS sorted WHERE list_sort(tags) <> []",
       }) {
    const auto query = analyser_->row_query(sql, "users", catalog_);
    ASSERT_TRUE(query) << sql << "\n" << query.error().message;
    EXPECT_THAT(query->sql, Not(HasSubstr("__leat_shared"))) << sql;
  }
}

TEST_F(SharedExpressionsTest, AreSharedInGroupsAndOverViews) {
  for (const char* input : {"users", "profiles"}) {
    const auto query = analyser_->view_query(
        fmt::format("SELECT lower(country) AS name, count(*) AS n FROM {} WHERE lower(country) <> "
                    "'' GROUP BY ALL",
                    input),
        "view", catalog_);
    ASSERT_TRUE(query) << query.error().message;
    const auto& groups = std::get<AggregateQuery>(query->parts.back().query);
    EXPECT_EQ(count_of(groups.pre, "lower("), 1u) << groups.pre;
  }
}

}  // namespace
}  // namespace leat::sql

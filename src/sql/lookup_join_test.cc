#include "sql/analyse_test_support.h"

namespace leat::sql {
namespace {

using testing::HasSubstr;
using testing::Not;

class LookupJoinTest : public AnalyseTest {
 protected:
  LookupJoinTest() {
    const Schema countries({{"code", Type::of(DUCKDB_TYPE_VARCHAR)},
                            {"continent", Type::of(DUCKDB_TYPE_VARCHAR)},
                            {"size", Type::of(DUCKDB_TYPE_INTEGER)}});
    catalog_["countries"] = {Relation::Kind::table, countries, {0}};
    const Schema prices({{"country", Type::of(DUCKDB_TYPE_VARCHAR)},
                         {"year", Type::of(DUCKDB_TYPE_INTEGER)},
                         {"price", Type::of(DUCKDB_TYPE_DOUBLE)}});
    catalog_["prices"] = {Relation::Kind::table, prices, {0, 1}};
  }
};

TEST_F(LookupJoinTest, JoinsByTheWholeKeyAreTakenApart) {
  const auto query = analyser_->row_query(
      "SELECT u.*, c.continent, p.price FROM users u LEFT JOIN countries AS c ON c.code = "
      "upper(u.country) AND c.size > u.age JOIN prices p ON u.id = p.year AND p.country = "
      "u.country WHERE u.age > 3",
      "users", catalog_);
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_EQ(query->output.size(), 9u);
  EXPECT_FALSE(query->identity);
  EXPECT_THAT(query->sql, HasSubstr("__leat_lookup('c')"));
  EXPECT_THAT(query->sql, HasSubstr("ORDER BY __leat_row"));
  ASSERT_EQ(query->lookups.size(), 2u);
  EXPECT_EQ(query->lookups[0].table, "countries");
  EXPECT_EQ(query->lookups[0].relation, "c");
  EXPECT_THAT(query->keys.sql, HasSubstr("upper"));
  EXPECT_THAT(query->keys.sql, HasSubstr("TRY_CAST(u.id AS INTEGER)"));
}

TEST_F(LookupJoinTest, RowsThatLieBesideTheirOwnNeedNoJoin) {
  const std::string from = " FROM users u JOIN countries c ON c.code = u.country";
  const auto query = analyser_->row_query(
      "SELECT u.id, c.size" + from + " AND c.size > 3 WHERE u.age > 5 AND u.age < c.size", "users",
      catalog_);
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_THAT(query->beside, HasSubstr("POSITIONAL JOIN"));
  EXPECT_THAT(query->beside, HasSubstr("__leat_found"));
  EXPECT_THAT(query->beside, Not(HasSubstr("ORDER BY")));
  EXPECT_EQ(query->lookups[0].beside, (std::vector<std::size_t>{2}));
  EXPECT_THAT(query->keys.sql, HasSubstr("u.age > 5"));
  EXPECT_THAT(query->keys.sql, Not(HasSubstr("size")));

  for (const char* can : {"SELECT *", "SELECT c.*", "SELECT u.*, c.size + 1 AS more"}) {
    EXPECT_NE(analyser_->row_query(can + from, "users", catalog_)->beside, "") << can;
  }
  for (const char* join : {"LEFT", "SEMI", "ANTI"}) {
    const std::string joined =
        fmt::format("SELECT u.* FROM users u {} JOIN countries c ON c.code = u.country", join);
    EXPECT_NE(analyser_->row_query(joined, "users", catalog_)->beside, "") << joined;
    EXPECT_EQ(analyser_->row_query(joined + " AND c.size > 3", "users", catalog_)->beside, "")
        << "a row may be found, and be none: " << joined;
  }
}

TEST_F(LookupJoinTest, KeysThatAreColumnsAreNotComputed) {
  const auto keys = [&](const std::string& rest) {
    const auto query = analyser_->row_query("SELECT u.id FROM users u " + rest, "users", catalog_);
    EXPECT_TRUE(query) << rest;
    return query->keys;
  };
  const std::string countries = "JOIN countries c ON c.code = ";
  const LookupKeys column = keys(countries + "u.country");
  EXPECT_THAT(column.passes, testing::ElementsAre(1));
  EXPECT_EQ(column.sql, "") << "each row asks by what it has";
  const LookupKeys filtered = keys(countries + "Country WHERE age > 5 AND c.size > 3");
  EXPECT_THAT(filtered.passes, testing::ElementsAre(1));
  const std::string from = " FROM __leat_input() AS u WHERE ";
  EXPECT_EQ(filtered.sql, "SELECT __leat_row" + from + "(age > 5)");
  const LookupKeys computed = keys(countries + "upper(u.country)");
  EXPECT_THAT(computed.passes, testing::ElementsAre(std::nullopt));
  EXPECT_EQ(computed.sql, "SELECT upper(u.country) AS k0, __leat_row FROM __leat_input() AS u");
  const LookupKeys two =
      keys("JOIN prices p ON p.country = u.country AND p.year = u.age " + countries + "u.country");
  EXPECT_THAT(two.passes, testing::ElementsAre(1, catalog_["users"].schema.find("age"), 1));
  EXPECT_EQ(two.parts[1].type, Type::of(DUCKDB_TYPE_INTEGER));
}

TEST_F(LookupJoinTest, WhatIsOnlyPickedIsNotRun) {
  // Output columns as the stream's, or as a lookup's with its name before them; "-": has to run.
  const auto picked = [&](const std::string& sql) -> std::string {
    const auto query = analyser_->row_query(sql, "users", catalog_);
    EXPECT_TRUE(query) << sql;
    if (!query->found) return "-";
    std::string names;
    std::size_t next = 0;
    for (const auto& pass : query->passes) {
      if (pass) {
        names += catalog_["users"].schema[*pass].name + " ";
        continue;
      }
      const auto& [lookup, column] = query->found->at(next++);
      const Lookup& of = query->lookups[lookup];
      names += of.relation + "." + of.schema[column].name + " ";
    }
    EXPECT_EQ(next, query->found->size()) << sql;
    return names;
  };
  const std::string join = " FROM users u JOIN countries c ON c.code = u.country";
  EXPECT_EQ(picked("SELECT c.size AS s, u.id, Continent" + join), "c.size id c.continent ");
  EXPECT_EQ(picked("SELECT c.*, u.id" + join + " WHERE age > 5"), "c.code c.continent c.size id ");
  EXPECT_EQ(picked("SELECT u.id FROM users u SEMI JOIN countries c ON c.code = u.country"), "id ");
  EXPECT_EQ(
      picked("SELECT id, size, price FROM users u LEFT JOIN countries c ON c.code = u.country "
             "JOIN prices p ON p.country = u.country AND p.year = u.age"),
      "id c.size p.price ");
  for (const char* runs : {"SELECT u.id + 1 AS id", "SELECT u.id, c.size AS s, c.size AS t",
                           "SELECT u.tags", "SELECT u.id, c.size::BIGINT AS size"}) {
    EXPECT_EQ(picked(runs + join), "-") << runs;
  }
  EXPECT_EQ(picked("SELECT u.id" + join + " WHERE c.size > 3"), "-");
  EXPECT_EQ(picked("SELECT u.id" + join + " AND u.age > 3"), "-");
}

TEST_F(LookupJoinTest, UsingAndNamesWithoutAnAliasAreUnderstood) {
  for (const char* sql :
       {"SELECT id, price FROM users JOIN prices ON prices.country = users.country AND year = age",
        "SELECT users.id, price FROM users JOIN prices USING (country) WHERE true AND ok"}) {
    const auto query = analyser_->row_query(sql, "users", catalog_);
    const bool whole = std::string_view(sql).find("USING") == std::string_view::npos;
    EXPECT_EQ(query.has_value(), whole) << sql << (query ? "" : query.error().message);
  }
  catalog_["countries"].schema = Schema(
      {{"country", Type::of(DUCKDB_TYPE_VARCHAR)}, {"continent", Type::of(DUCKDB_TYPE_VARCHAR)}});
  const auto used = analyser_->row_query(
      "SELECT id, continent FROM users ANTI JOIN countries USING (country)", "users", catalog_);
  EXPECT_EQ(used.error().code, "unknown-column");
  const auto semi = analyser_->row_query("SELECT id FROM users SEMI JOIN countries USING (country)",
                                         "users", catalog_);
  ASSERT_TRUE(semi) << semi.error().message;
  EXPECT_TRUE(semi->reads[1]);  // country
  EXPECT_FALSE(semi->reads[2]);
}

TEST_F(LookupJoinTest, WhatCantBeLookedUpIsRefusedWithARemedy) {
  for (const FaultCase& fault : std::initializer_list<FaultCase>{
           {"SELECT id FROM users u JOIN countries c ON c.size = u.age", "lookup-join", 28,
            "add c.code ="},
           {"SELECT id FROM users u JOIN countries c ON upper(c.code) = u.country", "lookup-join",
            28, "whole key (code)"},
           {"SELECT id FROM users u JOIN prices p ON p.country = u.country", "lookup-join", 28,
            "add p.year ="},
           {"SELECT id FROM users u JOIN countries c ON c.code = u.country OR c.code = 'DE'",
            "lookup-join", 28, "whole key"},
           {"SELECT id FROM users u RIGHT JOIN countries c ON c.code = u.country", "lookup-join",
            34, "LEFT JOIN"},
           {"SELECT id FROM users u FULL JOIN countries c ON c.code = u.country", "lookup-join", 33,
            "LEFT JOIN"},
           {"SELECT id FROM users u, countries c WHERE c.code = u.country", "lookup-join", 24,
            "ON with its key"},
           {"SELECT id FROM users u CROSS JOIN countries c", "lookup-join", 34, "ON with its key"},
           {"SELECT id FROM users u ASOF JOIN countries c ON c.code = u.country AND c.size > u.age",
            "lookup-join", 33, "ON with its key"},
           {"SELECT id FROM countries c JOIN users u ON c.code = u.country", "lookup-join", 15,
            "must begin with it"},
           {"SELECT u.id FROM users u JOIN users v ON u.id = v.id", "lookup-join", 30,
            "is a stream"},
           {"SELECT id FROM users u JOIN (SELECT 1 AS code) c ON c.code = u.country", "lookup-join",
            0, "by its name"},
           {"SELECT id FROM users u JOIN contries c ON c.code = u.country", "unknown-table", 28,
            "did you mean \"countries\"?"},
           {"SELECT id FROM users u JOIN countries u ON u.code = 'DE'", "lookup-join", 28, "AS"},
           {"SELECT id FROM users u JOIN countries c ON c.code = u.cuntry", "unknown-column", 52,
            "country"},
           {"SELECT id FROM users u JOIN countries c ON c.code = u.age", "type-mismatch", 52,
            "CAST(… AS VARCHAR)"},
           {"SELECT u.id FROM users u JOIN countries c ON c.code = u.country JOIN prices p ON "
            "p.country = c.continent AND p.year = u.age",
            "lookup-join", 93, "in a stream each"},
           {"SELECT COLUMNS('i.*') FROM users u JOIN countries c ON c.code = u.country",
            "lookup-join", 7, "name the columns"},
           {"SELECT * FROM users u JOIN prices p ON p.country = u.country AND p.year = 1",
            "duplicate-column", 0, "country"},
           {"SELECT u.id FROM users u JOIN countries c ON c.code = (SELECT 'a')", "not-row-wise",
            54, "subquery"},
           {"SELECT count(*) FROM users u JOIN countries c ON c.code = u.country", "not-row-wise",
            7, "view"}}) {
    ExpectFault(analyser_->row_query(fault.sql, "users", catalog_), fault);
  }
}

}  // namespace
}  // namespace leat::sql

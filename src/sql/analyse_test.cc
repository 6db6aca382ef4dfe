#include "sql/analyse_test_support.h"

namespace leat::sql {
namespace {

using testing::HasSubstr;

TEST_F(AnalyseTest, RowQueryFaultsPointIntoTheSql) {
  for (const FaultCase& fault : std::initializer_list<FaultCase>{
           {"SELECT contry", "unknown-column", 7, "did you mean \"country\"?"},
           {"SELECT id,\n  contry FROM users", "unknown-column", 13, "did you mean \"country\"?"},
           {"SELECT 'héé' AS a, contry", "unknown-column", 21, "country"},
           {"SELECT id, yeer(ts)", "unknown-function", 11, "did you mean \"year\"?"},
           {"SELECT year(country) AS y", "type-mismatch", 7, "year(VARCHAR)"},
           {"SELECT id FROM user", "unknown-table", 15, "did you mean \"users\"?"},
           {"SELECT id FROM profiles", "unknown-table", 15, "make them the same"},
           {"SELECT id, id", "duplicate-column", 0, "\"id\""},
           {"SELECT *, 1 AS ID", "duplicate-column", 0, "EXCLUDE"},
           {"SELECT 1 +", "sql-syntax", 10, "syntax error"},
           {"SELECT at FROM users", "sql-syntax", 7, "double quotes"},
           {"", "sql-syntax", 0, ""},
           {"SELECT 1; SELECT 2", "sql-syntax", 0, "2 statements"},
           {"DROP TABLE users", "not-a-select", 0, "SELECT"},
           {"SELECT count(*)", "not-row-wise", 7, "count(*) belongs into a view"},
           {"SELECT wavg(age, id)", "not-row-wise", 7, "wavg()"},
           {"SELECT id GROUP BY id", "not-row-wise", 19, "view"},
           {"SELECT id ORDER BY age", "not-row-wise", 19, "ORDER BY"},
           {"SELECT id LIMIT 3", "not-row-wise", 16, "LIMIT"},
           {"SELECT DISTINCT id", "not-row-wise", 0, "GROUP BY"},
           {"SELECT (SELECT 1)", "not-row-wise", 7, "subquery"},
           {"SELECT row_number() OVER ()", "not-row-wise", 7, "row_number"},
           {"SELECT users.id FROM users JOIN profiles p ON p.id > users.id", "lookup-join", 32,
            "add an equality"},
           {"SELECT id UNION SELECT 2", "not-row-wise", 0, "UNION"},
           {"SELECT id, uuid()", "not-deterministic", 11, "uuid()"},
           {"SELECT random()", "not-deterministic", 7, "random()"},
           {"SELECT uuid()", "not-deterministic", 7, "uuid()"},
           {"SELECT current_user", "not-deterministic", 7, "current_user"},
           {"SELECT __leat_row", "unknown-column", 7, "Leat's own"},
           {"SELECT id AS __leat_x", "reserved-name", 0, "Leat's own"},
           {"SELECT (id, age) AS pair", "type-mismatch", 0, "cast it"},
           {"SELECT 'a'::ENUM('a') AS e", "type-mismatch", 0, "cast it"}}) {
    ExpectFault(analyser_->row_query(fault.sql, "users", catalog_), fault);
  }
}

TEST_F(AnalyseTest, AggregateQueryFaultsPointIntoTheSqlAndGiveTheRemedy) {
  for (const FaultCase& fault : std::initializer_list<FaultCase>{
           {"SELECT contry, count(*) FROM users GROUP BY 1", "unknown-column", 7, "country"},
           {"SELECT country, age FROM users GROUP BY 1", "not-grouped", 16, "first(\"age\")"},
           {"SELECT median(age) FROM users", "not-incremental", 7, "avg"},
           {"SELECT string_agg(country, ',') FROM users", "not-incremental", 7, "group by"},
           {"SELECT country FROM users", "not-incremental", 0, "neither"},
           {"SELECT DISTINCT country FROM users", "not-incremental", 0, "GROUP BY a, b"},
           {"SELECT count(DISTINCT age, id) FROM users", "type-mismatch", 7, "DISTINCT {'a': a"},
           {"SELECT count(*) FROM users GROUP BY ROLLUP(country)", "not-incremental", 0, "ROLLUP"},
           {"SELECT count(*) FROM users ORDER BY 1", "not-incremental", 36, "ORDER BY"},
           {"SELECT first(age ORDER BY id) FROM users", "not-incremental", 7, "arg_min"},
           {"SELECT first(age) FROM profiles", "not-incremental", 7, "arg_max"},
           {"SELECT last(age) FROM profiles", "not-incremental", 7, "arg_max"},
           {"SELECT count(*), min(tags) FROM users", "not-incremental", 17, "tags[1]"},
           {"SELECT max({'a': age}) FROM profiles", "not-incremental", 7, "STRUCT"},
           {"SELECT country, arg_min(id, tags) FROM users GROUP BY 1", "not-incremental", 16,
            "VARCHAR[]"},
           {"SELECT max_by(id, {'a': age}) FROM profiles", "not-incremental", 7, "place.field"},
           {"SELECT count(*) FROM usrs", "unknown-table", 21, "did you mean \"users\"?"},
           {"SELECT count(*), now() FROM users", "not-deterministic", 17, "now()"},
           {"SELECT min(age, 3) FROM users", "not-incremental", 7, "arguments"},
           {"SELECT avg(ts) FROM users", "not-incremental", 7, "epoch_us"},
           {"SELECT window_start FROM tumble(users, tss, INTERVAL '1 hour') GROUP BY 1",
            "unknown-column", 39, "did you mean \"ts\"?"},
           {"SELECT window_start FROM tumble(users, age, INTERVAL '1 hour') GROUP BY 1",
            "type-mismatch", 39, "TIMESTAMP"},
           {"SELECT contry FROM tumble(users, ts, INTERVAL '1 hour') GROUP BY window_start, 1",
            "unknown-column", 7, "country"},
           {"SELECT count(*) FROM tumble(users, ts, INTERVAL '1 hour') GROUP BY contry",
            "unknown-column", 67, "country"},
           {"SELECT count(*) FROM tumble(users, ts, INTERVAL '1 hour')", "not-incremental", 21,
            "window_start"},
           {"SELECT count(*) FROM tumbl(users, ts, INTERVAL '1 hour')", "not-incremental", 21,
            "did you mean \"tumble\"?"}}) {
    ExpectFault(analyser_->aggregate_query(fault.sql, catalog_), fault);
  }
  EXPECT_TRUE(analyser_->aggregate_query("SELECT arg_max(tags, id) FROM users", catalog_));
  EXPECT_THAT(
      analyser_
          ->aggregate_query("SELECT window_start FROM tumble(users, ts, INTERVAL '1 month') "
                            "GROUP BY 1",
                            catalog_)
          .error()
          .message,
      HasSubstr("30 days"));
}

TEST_F(AnalyseTest, SaysWhatIsWrongWithWindows) {
  const auto in = [](const std::string& call) {
    return "SELECT window_end, count(*) AS n FROM " + call + " GROUP BY window_end";
  };
  const std::string hop = in("hop(users, ts, INTERVAL '1 minute', INTERVAL '1 hour')");
  EXPECT_TRUE(analyser_->aggregate_query(hop, catalog_));
  struct Fault {
    std::string call;
    const char* code;
    const char* at;  // where it points to; "#": to the call
    const char* says;
  };
  for (
      const Fault& fault : std::initializer_list<Fault>{
          {"tumble(users)", "sql-syntax", "#",
           "write tumble(stream, time_column, INTERVAL '1 hour')"},
          {"tumble(users, ts)", "sql-syntax", "#", "needs its size"},
          {"hop(users, ts, INTERVAL '1 hour')", "sql-syntax", "#",
           "hop() needs its size: write hop(stream, time_column, INTERVAL '5 minutes', INTERVAL '1 "
           "hour')"},
          {"tumble(users, ts, INTERVAL '1 hour', INTERVAL '1 hour', INTERVAL '1 hour')",
           "sql-syntax", "'1 hour')", "write tumble("},
          {"hop(users, ts, INTERVAL '1 hour', INTERVAL '1 minute')", "type-mismatch", "#",
           "so write INTERVAL '1 minute', INTERVAL '1 hour'"},
          {"hop(users, ts, INTERVAL '25 minutes', INTERVAL '1 hour')", "type-mismatch", "#",
           "write INTERVAL '50 minutes' or INTERVAL '75 minutes' as the size"},
          {"cumulate(users, ts, INTERVAL '2 days', INTERVAL '1 day')", "type-mismatch", "#",
           "the step (INTERVAL '2 days') is longer"},
          {"hop(users, ts, INTERVAL '1 second', INTERVAL '1 day')", "too-many-windows", "#",
           "a row would be in 86400 windows, 1440 are the most: write a slide of INTERVAL '1 "
           "minute' or more"},
          {"hop(users, ts, INTERVAL '0 seconds', INTERVAL '1 day')", "type-mismatch", "'0",
           "the slide must be a positive interval"},
          {"hop(users, ts, INTERVAL '1 day', INTERVAL '1 month')", "not-incremental", "'1 month",
           "30 days"},
          {"hop(users, ts, age, INTERVAL '1 day')", "type-mismatch", "age", "this is no interval"},
          {"hop(users, ts, slide := INTERVAL '1 day', sise := INTERVAL '1 day')", "sql-syntax",
           "'1 day')", "did you mean \"size\"?"},
          {"hop(users, ts, slide := INTERVAL '1 day', INTERVAL '1 day')", "sql-syntax", "'1 day')",
           "stands before"},
          {"hop(users, ts, INTERVAL '1 day', slide := INTERVAL '1 day')", "sql-syntax", "'1 day')",
           "slide is given twice"},
          {"hop(users, ts, INTERVAL '1 day', INTERVAL '9999 days')", "type-mismatch", "'9999",
           "is the unit right?"},
          {"hopp(users, ts, INTERVAL '1 day')", "not-incremental", "#", "did you mean \"hop\"?"}}) {
    const std::string sql = in(fault.call);
    const auto query = analyser_->aggregate_query(sql, catalog_);
    ASSERT_FALSE(query) << sql;
    EXPECT_EQ(query.error().code, fault.code) << sql;
    EXPECT_THAT(query.error().message, HasSubstr(fault.says)) << sql;
    const std::string at = *fault.at == '#' ? fault.call : fault.at;
    EXPECT_EQ(query.error().position, sql.find(at)) << sql;
  }
  EXPECT_THAT(analyser_
                  ->aggregate_query("SELECT window_start, count(*) AS n FROM cumulate(users, ts, "
                                    "INTERVAL '1 hour', INTERVAL '1 day') GROUP BY 1",
                                    catalog_)
                  .error()
                  .message,
              HasSubstr("GROUP BY window_start, window_end"));
}

TEST_F(AnalyseTest, KnowsHowWindowsLie) {
  const auto window = [&](const std::string& call) {
    return *analyser_
                ->aggregate_query("SELECT window_end, count(*) AS n FROM " + call + " GROUP BY 1",
                                  catalog_)
                .value()
                .window;
  };
  const std::int64_t minute = 60'000'000;
  const Window hop =
      window("hop(users, ts, INTERVAL 5 MINUTE, INTERVAL '1 hour', INTERVAL '-1 minute')");
  EXPECT_EQ(hop.kind, Window::Kind::hop);
  EXPECT_EQ(hop.slide_us, 5 * minute);
  EXPECT_EQ(hop.size_us, 60 * minute);
  EXPECT_EQ(hop.offset_us, 4 * minute);
  EXPECT_EQ(hop.windows_per_row_max(), 12);
  const Window cumulate = window("cumulate(users, ts, INTERVAL 5 MINUTE, INTERVAL '1 hour')");
  EXPECT_EQ(cumulate.windows_per_row_max(), 12);
  EXPECT_EQ(window("tumble(users, ts, INTERVAL 5 MINUTE)").windows_per_row_max(), 1);
}

TEST_F(AnalyseTest, KnowsWhichWindowsAreMadeOfPanes) {
  const auto panes = [&](const std::string& select, const std::string& rest) {
    const std::string from =
        " FROM hop(users, ts, INTERVAL '5 minutes', INTERVAL '1 hour') " + rest;
    return !analyser_->aggregate_query("SELECT " + select + from, catalog_).value().panes.empty();
  };
  EXPECT_TRUE(panes("window_end, id, sum(age) AS s", "WHERE ok GROUP BY id, window_end"));
  EXPECT_TRUE(panes("date_trunc('day', window_start) AS d, max(ts) AS m", "GROUP BY window_start"));
  EXPECT_FALSE(panes("max(window_start) AS m", "GROUP BY window_end"));
  EXPECT_FALSE(panes("max(window_end) AS m", "GROUP BY window_end"));
  EXPECT_FALSE(panes("count(*) FILTER (WHERE ts > window_start) AS n", "GROUP BY window_end"));
  EXPECT_FALSE(panes("count(*) AS n", "WHERE ts > window_start GROUP BY window_end"));
  EXPECT_FALSE(panes("count(*) AS n", "GROUP BY window_end, date_trunc('day', window_start)"));
  const auto keys = analyser_
                        ->aggregate_query(
                            "SELECT count(*) AS n FROM hop(users, ts, INTERVAL '1 minute', "
                            "INTERVAL '1 hour') GROUP BY id, window_end",
                            catalog_)
                        .value();
  EXPECT_EQ(keys.window->end_key, 0);
  EXPECT_TRUE(analyser_
                  ->aggregate_query("SELECT count(*) AS n FROM tumble(users, ts, INTERVAL '1 "
                                    "hour') GROUP BY window_end",
                                    catalog_)
                  .value()
                  .panes.empty());
}

TEST_F(AnalyseTest, KnowsWhichColumnsARowQueryReads) {
  const auto reads = [&](const char* sql) {
    std::string names;
    const auto query = analyser_->row_query(sql, "users", catalog_).value();
    for (std::size_t i = 0; i < query.reads.size(); ++i) {
      if (query.reads[i]) names += catalog_["users"].schema[i].name + " ";
    }
    return names;
  };
  EXPECT_EQ(reads("SELECT id WHERE users.ok"), "id ok ");
  EXPECT_EQ(reads("SELECT u.Age + 1 AS a FROM users u"), "age ");
  EXPECT_EQ(reads("SELECT * EXCLUDE (tags, \"at\")"), "id country age ts ok ");
  EXPECT_EQ(reads("SELECT 1 AS one"), "");
  EXPECT_TRUE(analyser_->row_query("SELECT *", "users", catalog_)->identity);
  EXPECT_TRUE(analyser_->row_query("FROM users", "users", catalog_)->identity);
  EXPECT_FALSE(analyser_->row_query("SELECT * WHERE ok", "users", catalog_)->identity);
}

TEST_F(AnalyseTest, KnowsWhichColumnsARowQueryPassesOn) {
  // Output columns as the input column that they are, or "=" where the rest computes them.
  const auto passes = [&](const char* sql) {
    std::string names;
    const auto query = analyser_->row_query(sql, "users", catalog_).value();
    for (const auto& pass : query.passes) {
      names += (pass ? catalog_["users"].schema[*pass].name : "=") + " ";
    }
    return names + "| " + query.rest;
  };
  const std::string from = " FROM __leat_input() AS users";
  EXPECT_EQ(passes("SELECT id AS key, ts"), "id ts | ");
  EXPECT_EQ(passes("SELECT users.Id, ts FROM users WHERE ok"),
            "id ts | SELECT __leat_row" + from + " WHERE ok");
  EXPECT_EQ(passes("SELECT upper(country) AS c, id"),
            "= id | SELECT upper(country) AS c, __leat_row" + from);
  // A list is computed: its elements lie elsewhere.
  EXPECT_EQ(passes("SELECT * EXCLUDE (ts, \"at\"), age + 1 AS next"),
            "id country age = ok = | SELECT tags, (age + 1) AS \"next\", __leat_row" + from);
  // Others know it by its new name, so it stays.
  EXPECT_EQ(passes("SELECT id AS key, key + 1 AS next, age"),
            "= = age | SELECT id AS \"key\", (\"key\" + 1) AS \"next\", __leat_row" + from);
  EXPECT_EQ(passes("SELECT id, unnest(tags) AS tag"),
            "id = | SELECT unnest(tags) AS tag, __leat_row" + from);
  EXPECT_EQ(passes("SELECT id::INTEGER AS id, 1 AS one"), "| ");
  EXPECT_EQ(passes("SELECT * REPLACE (age + 1 AS age)"), "| ");
}

TEST_F(AnalyseTest, FindsTheWindowAmongTheKeys) {
  const auto query = analyser_->aggregate_query(
      "SELECT country, count(*) AS n FROM tumble(users, \"at\", INTERVAL 5 MINUTE) t "
      "GROUP BY country, window_end, t.window_start",
      catalog_);
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_EQ(query->window->time_column, 4u);
  EXPECT_EQ(query->window->size_us, 300'000'000);
  EXPECT_EQ(query->window->start_key, 2u);
  EXPECT_EQ(query->window->end_key, 1u);
  EXPECT_EQ(query->key_count, 3u);
}

TEST_F(AnalyseTest, SharesEqualAggregatesAndMarksWhatCanBeTakenBack) {
  const auto query = analyser_->aggregate_query(
      "SELECT sum(age) AS a, sum(p.AGE) + 1 AS b, sum(age) FILTER (WHERE ok) AS c FROM profiles p "
      "HAVING sum(age) > 1",
      catalog_);
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_EQ(query->aggregates.size(), 2u);
  EXPECT_TRUE(query->weighted);
  EXPECT_EQ(query->input, "profiles");
  EXPECT_THAT(query->pre, HasSubstr("__leat_row, __leat_weight"));
}

TEST_F(AnalyseTest, PredicatesAreOneBooleanOverARow) {
  const Schema& schema = catalog_["users"].schema;
  EXPECT_EQ(analyser_->predicate("age > 3 -- old", schema).value(),
            "SELECT (age > 3), __leat_row FROM __leat_input()");
  for (const FaultCase& fault :
       std::initializer_list<FaultCase>{{"age", "type-mismatch", 0, "compare it"},
                                        {"age > 3 AND nope(age)", "unknown-function", 12, "nope"},
                                        {"contry = 'x'", "unknown-column", 0, "country"},
                                        {"age > 3) OR (1 = 1", "sql-syntax", 7, "syntax error"},
                                        {"age > 3 FROM users", "sql-syntax", 0, "one expression"},
                                        {"count(*) > 1", "not-row-wise", 0, "count(*)"},
                                        {"random() > 0.5", "not-deterministic", 0, "random()"},
                                        {"", "sql-syntax", 0, ""}}) {
    ExpectFault(analyser_->predicate(fault.sql, schema), fault);
  }
}

TEST_F(AnalyseTest, FreeQueriesReadTheCatalogAlone) {
  const auto query = analyser_->free_query(
      "WITH t AS (SELECT id FROM users) SELECT p.country, count(*) AS n FROM t JOIN Profiles p "
      "USING "
      "(id) GROUP BY 1 ORDER BY n DESC LIMIT 10",
      catalog_);
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_THAT(query->inputs, testing::UnorderedElementsAre("users", "profiles"));
  EXPECT_EQ(query->output.names(), (std::vector<std::string>{"country", "n"}));
  for (const FaultCase& fault : std::initializer_list<FaultCase>{
           {"SELECT * FROM read_text('/etc/passwd')", "not-allowed", 14, "read_text"},
           {"SELECT * FROM '/etc/passwd'", "unknown-table", 14, "no stream or view"},
           {"SELECT contry FROM users", "unknown-column", 7, "country"},
           {"COPY users TO '/tmp/x'", "not-a-select", 0, ""}}) {
    ExpectFault(analyser_->free_query(fault.sql, catalog_), fault);
  }
}

}  // namespace
}  // namespace leat::sql

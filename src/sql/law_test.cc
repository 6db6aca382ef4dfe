// Every query that the analyser takes apart must, put together again, say what DuckDB says of the
// user's SQL: same columns, same types, same rows.
#include <gtest/gtest.h>

#include "model/duck_test_database.h"
#include "sql/aggregate_name.h"
#include "sql/analyse.h"
#include "sql/engine.h"
#include "sql/program.h"

namespace leat::sql {
namespace {

using Function = AggregateCall::Function;

constexpr const char* make_users =
    "CREATE TABLE users AS SELECT range AS id, "
    "CASE WHEN hash(range, 1) % 9 = 0 THEN NULL ELSE 'land number ' || hash(range, 2) % 7 END AS "
    "country, CASE WHEN hash(range, 3) % 5 = 0 THEN NULL ELSE (hash(range, 4) % 90)::INTEGER END "
    "AS "
    "age, (hash(range, 5) % 1000)::DOUBLE / 8 AS score, "
    "((hash(range, 6) % 100000)::DOUBLE / 100)::DECIMAL(10,2) AS price, "
    "make_timestamp((hash(range, 7) % 40000000000)::BIGINT - 20000000000) AS ts, "
    "make_timestamptz((hash(range, 8) % 40000000000)::BIGINT - 20000000000) AS tz, "
    "[country, 'x'] AS tags, hash(range, 9) % 3 = 0 AS ok, (hash(range, 10) % 200)::UTINYINT AS "
    "tiny "
    "FROM range(5000)";

class LawTest : public testing::TestWithParam<const char*> {
 protected:
  LawTest() {
    judge_.chunks("SET threads = 1");
    judge_.chunks("SET TimeZone = 'UTC'");
    judge_.chunks(make_users);
    catalog_["users"] = {Relation::Kind::stream, judge_.schema_of("FROM users LIMIT 0")};
  }

  /// Runs a program over the judge's answer to `from`, into the judge's table `to`.
  void Run(const std::string& sql, const Program::Input& input, const std::string& from,
           const std::string& to) {
    auto program = Program::prepare(database_->connect().value(), sql, input);
    ASSERT_TRUE(program) << program.error().message << "\n" << sql;
    judge_.chunks(fmt::format("CREATE OR REPLACE TABLE {} ({})", to,
                              column_definitions(program.value()->output())));
    duckdb_appender appender = nullptr;
    ASSERT_EQ(duckdb_appender_create(judge_.connection(), nullptr, to.c_str(), &appender),
              DuckDBSuccess);
    // Texts inside lists live no longer than the result that they were fetched from.
    ResultHandle rows;
    ASSERT_EQ(duckdb_query(judge_.connection(), from.c_str(), rows.get()), DuckDBSuccess)
        << duckdb_result_error(rows.get());
    while (duckdb_data_chunk handle = duckdb_fetch_chunk(*rows.get())) {
      const Chunk chunk = Chunk::adopt(handle);
      const Status ran = program.value()->run(
          *input_of(chunk, {}, input.with_row, input.with_weight), [&](Chunk out) -> Status {
            EXPECT_EQ(duckdb_append_data_chunk(appender, out.handle()), DuckDBSuccess)
                << duckdb_appender_error(appender);
            return {};
          });
      ASSERT_TRUE(ran) << ran.error().message;
    }
    EXPECT_EQ(duckdb_appender_close(appender), DuckDBSuccess) << duckdb_appender_error(appender);
    duckdb_appender_destroy(&appender);
  }

  /// The plain SQL of what the aggregate operator keeps.
  static std::string GroupsSql(const AggregateQuery& query) {
    std::string keys, list;
    for (std::size_t i = 0; i < query.key_count; ++i) {
      keys += fmt::format("{}{}", i == 0 ? "" : ", ", i + 1);
      list += fmt::format("{}{}", i == 0 ? "" : ", ", quoted_name(query.pre_schema[i].name));
    }
    for (const AggregateCall& call : query.aggregates) {
      std::string arguments;
      for (const std::size_t argument : call.arguments) {
        arguments += fmt::format("{}{}", arguments.empty() ? "" : ", ",
                                 quoted_name(query.pre_schema[argument].name));
      }
      list += fmt::format(
          "{}{}({}{}){}", list.empty() ? "" : ", ", name_of(call.function),
          call.distinct ? "DISTINCT " : "", arguments.empty() ? "*" : arguments,
          call.filter
              ? fmt::format(" FILTER (WHERE {})", quoted_name(query.pre_schema[*call.filter].name))
              : "");
    }
    return fmt::format("SELECT {} FROM pre{}{}", list, keys.empty() ? "" : " GROUP BY ", keys);
  }

  /// Same columns, types and rows; doubles to six digits.
  void ExpectSame(const std::string& wanted, const Schema& output, const std::string& table) {
    EXPECT_EQ(judge_.schema_of("SELECT * FROM (" + wanted + ") LIMIT 0"), output);
    judge_.chunks("CREATE OR REPLACE TABLE wanted AS " + wanted);
    std::string list;
    for (const Column& column : output) {
      const bool inexact = column.type.id() == DUCKDB_TYPE_DOUBLE;
      list += (list.empty() ? "" : ", ") +
              (inexact ? "round(" + quoted_name(column.name) + ", 6)" : quoted_name(column.name));
    }
    const auto difference = [&](const std::string& a, const std::string& b) {
      return judge_.texts(fmt::format(
          "SELECT t::VARCHAR FROM (SELECT {0} FROM {1} EXCEPT ALL SELECT {0} FROM {2}) t LIMIT 3",
          list, a, b));
    };
    EXPECT_EQ(judge_.texts("SELECT count(*)::VARCHAR FROM " + table),
              judge_.texts("SELECT count(*)::VARCHAR FROM wanted"));
    EXPECT_EQ(difference("wanted", table), std::vector<std::string>{}) << "are missing";
    EXPECT_EQ(difference(table, "wanted"), std::vector<std::string>{}) << "are too many";
    EXPECT_NE(judge_.texts("SELECT count(*)::VARCHAR FROM wanted")[0], "0") << "tests nothing";
  }

  DuckTestDatabase judge_;
  std::unique_ptr<Database> database_ = Database::open().value();
  std::unique_ptr<Analyser> analyser_ = Analyser::open().value();
  Catalog catalog_;
};

class AggregateLawTest : public LawTest {};
class RowLawTest : public LawTest {};

/// What window functions mean, in DuckDB's own words: a row is in each window that its time lies
/// in.
std::string in_plain_sql(std::string sql) {
  struct Meaning {
    std::string call, column;
    int begin, each;      // in minutes from midnight
    std::string lengths;  // in minutes
  };
  const auto minutes = [](int count) { return fmt::format("INTERVAL '{} minutes'", count); };
  for (const Meaning& meaning : std::initializer_list<Meaning>{
           {"tumble(users, ts, INTERVAL '1 hour')", "ts", 0, 60, "60"},
           {"tumble(users, tz, INTERVAL '1 hour')", "tz", 0, 60, "60"},
           {"tumble(users, tz, size := INTERVAL 1 HOUR, \"offset\" := INTERVAL '-10 minutes')",
            "tz", -10, 60, "60"},
           {"hop(users, ts, INTERVAL '15 minutes', INTERVAL '1 hour')", "ts", 0, 15, "60"},
           {"hop(users, tz, INTERVAL '20 minutes', INTERVAL '1 hour', INTERVAL '7 minutes')", "tz",
            7, 20, "60"},
           {"cumulate(users, ts, INTERVAL '10 minutes', INTERVAL '1 hour')", "ts", 0, 60,
            "10, 20, 30, 40, 50, 60"},
           {"cumulate(users, tz, step => INTERVAL 30 MINUTES, size = INTERVAL 2 HOURS, \"offset\" "
            ":= "
            "INTERVAL '1 hour 5 minutes')",
            "tz", 65, 120, "30, 60, 90, 120"}}) {
    const auto at = sql.find(meaning.call);
    if (at == std::string::npos) continue;
    // The table's times lie within six hours of 1970.
    const std::string type = meaning.column == "ts" ? "TIMESTAMP" : "TIMESTAMPTZ";
    const std::string starts = fmt::format(
        "SELECT unnest(generate_series({0} '1970-01-01' + {1} - {2}, {0} '1970-01-01' + "
        "{1} + {2}, {3})) AS window_start",
        type, minutes(meaning.begin), minutes(meaning.each * 100), minutes(meaning.each));
    sql.replace(
        at, meaning.call.size(),
        fmt::format("(SELECT users.*, window_start, window_start + length * INTERVAL '1 minute' "
                    "AS window_end FROM users, ({}), (SELECT unnest([{}]) AS length) "
                    "WHERE {} >= window_start AND {} < window_end)",
                    starts, meaning.lengths, meaning.column, meaning.column));
  }
  return sql;
}

TEST_P(AggregateLawTest, PreThenGroupsThenPostIsTheUsersQuery) {
  const auto query = analyser_->aggregate_query(GetParam(), catalog_);
  ASSERT_TRUE(query) << query.error().code << ": " << query.error().message;
  Run(query->pre, {catalog_["users"].schema, true, query->weighted}, "FROM users", "pre");
  Run(query->post, {query->groups, true, false}, GroupsSql(*query), "post");
  ExpectSame(in_plain_sql(GetParam()), query->output, "post");
}

TEST_P(RowLawTest, RowByRowIsTheUsersQuery) {
  const auto query = analyser_->row_query(GetParam(), "users", catalog_);
  ASSERT_TRUE(query) << query.error().code << ": " << query.error().message;
  Run(query->sql, {catalog_["users"].schema, true, false}, "FROM users", "rows");
  ExpectSame(std::string("FROM users ") + GetParam(), query->output, "rows");
}

INSTANTIATE_TEST_SUITE_P(
    Queries, AggregateLawTest,
    testing::Values(
        "SELECT country, count(*) AS users, avg(age) AS average_age FROM users GROUP BY country",
        "SELECT country, count(*) FROM users u GROUP BY u.country",
        "SELECT upper(country) AS c, count(age) AS n FROM users GROUP BY 1 HAVING count(*) > 300",
        "SELECT upper(country) AS c, c || '!' AS loud, sum(age) AS s, s * 2 AS t FROM users GROUP "
        "BY "
        "c HAVING s > 3",
        "SELECT ok, country, min(price), max(price), min(country), max(ts) FROM users GROUP BY ALL",
        "SELECT count(*) AS n, sum(age) / count(*) AS a, round(avg(score), 1) AS r FROM users",
        "SELECT count(*) FILTER (WHERE ok) AS k, count(*) FILTER (WHERE age > 20 AND NOT ok), "
        "sum(price) FILTER (WHERE ok) FROM users",
        "SELECT country, count(DISTINCT age), sum(DISTINCT age), avg(DISTINCT tiny), "
        "min(DISTINCT age) FROM users GROUP BY country",
        "SELECT country, stddev(age), variance(score), stddev_pop(price), var_pop(tiny) FROM users "
        "GROUP BY country",
        "SELECT country, first(age), last(age), any_value(age), arbitrary(score) FROM users GROUP "
        "BY country",
        "SELECT country, arg_min(id, score), max_by(price, ts), argmax(id, id) FROM users GROUP BY "
        "country",
        "SELECT bool_and(ok), bool_or(ok), count_if(ok), countif(age > 3) + 1 AS c FROM users",
        "SELECT age % 10 AS decade, sum(tiny), avg(price), sum(price), sum(id), sum(score), "
        "mean(id) "
        "FROM users GROUP BY age % 10",
        "SELECT age % 10, (age % 10) + 1 AS next, count(*) FROM users GROUP BY age % 10",
        "SELECT CASE WHEN age < 18 THEN 'child' WHEN age < 65 THEN 'adult' END AS who, count(*) AS "
        "n "
        "FROM users WHERE age IS NOT NULL GROUP BY who HAVING n > 1",
        "SELECT year(ts) AS year, strftime(ts, '%H') AS hour, count(*) AS users FROM users GROUP "
        "BY "
        "year(ts), hour",
        "SELECT window_start, country, count(*) AS n FROM tumble(users, ts, INTERVAL '1 hour') "
        "GROUP "
        "BY window_start, country",
        "SELECT window_start, window_end, sum(price) AS s FROM tumble(users, tz, INTERVAL '1 "
        "hour') w "
        "WHERE w.age > 1 GROUP BY ALL HAVING count(*) > 1 AND s > 3",
        "SELECT window_end AS until, avg(score) FROM tumble(users, ts, INTERVAL '1 hour') GROUP BY "
        "window_end",
        "SELECT window_start, window_end, count(*) AS n FROM tumble(users, tz, size := INTERVAL 1 "
        "HOUR, \"offset\" := INTERVAL '-10 minutes') GROUP BY ALL",
        "SELECT window_start, country, count(*) AS n, sum(age) AS a, count(DISTINCT tiny) AS d "
        "FROM "
        "hop(users, ts, INTERVAL '15 minutes', INTERVAL '1 hour') WHERE ok GROUP BY window_start, "
        "country",
        "SELECT w.window_end AS until, max(id) AS newest, count(DISTINCT ok) AS oks, max(price) AS "
        "p FROM "
        "hop(users, tz, INTERVAL '20 minutes', INTERVAL '1 hour', INTERVAL '7 minutes') w GROUP BY "
        "until HAVING count(*) > 3",
        "SELECT window_start, window_end, ok, count(*) AS n, min(score) AS s FROM cumulate(users, "
        "ts, INTERVAL '10 minutes', INTERVAL '1 hour') GROUP BY ALL",
        "SELECT hour(window_start) AS h, window_end, count(*) AS n, avg(age) AS a FROM "
        "cumulate(users, tz, step => INTERVAL 30 MINUTES, size = INTERVAL 2 HOURS, \"offset\" := "
        "INTERVAL '1 hour 5 minutes') WHERE window_start > TIMESTAMPTZ '1969-12-31' GROUP BY h, "
        "window_end",
        "SELECT country FROM users GROUP BY country",
        "SELECT country AS age, count(*) AS country FROM users GROUP BY users.country",
        "SELECT country AS x, count(*) AS age FROM users GROUP BY 1 HAVING age > 300",
        "SELECT {'a': country, 'n': count(*)} AS s, [max(age), min(age)] AS l FROM users GROUP BY "
        "country",
        "SELECT tags, count(*) FROM users GROUP BY tags",
        "SELECT list_transform([1, 2], lambda x: x + count(*)) AS l FROM users",
        "SELECT country, sum(age ORDER BY id), max(age) - min(age) AS spread, max(age) FROM users "
        "GROUP BY country",
        "SELECT approx_count_distinct(country) AS n FROM users",
        "SELECT sum(ok::INTEGER) AS yes, sum(age * 2 + 1) AS odd, coalesce(sum(age), 0) FROM users",
        "SELECT * EXCLUDE (id, score, price, ts, tz, tags, tiny) FROM users GROUP BY ALL",
        "SELECT date_trunc('month', ts) AS month, count(*) FROM users GROUP BY month",
        "FROM users SELECT ok, count(*) GROUP BY ok",
        "SELECT country, count(*) FROM users GROUP BY country HAVING max(age) > 88 OR country IS "
        "NULL",
        "SELECT count({'a': age, 'b': ok}) AS n, count(DISTINCT {'a': age, 'b': ok}) AS d FROM "
        "users"));

INSTANTIATE_TEST_SUITE_P(
    Queries, RowLawTest,
    testing::Values(
        "SELECT *", "SELECT *, year(ts) AS year, split_part(country, ' ', 3) AS number",
        "SELECT * EXCLUDE (tags) WHERE age > 30", "SELECT id, unnest(tags) AS tag WHERE ok",
        "SELECT COLUMNS('^t')", "SELECT COLUMNS(c -> c LIKE 't%')",
        "SELECT COLUMNS(* EXCLUDE (id))", "SELECT * REPLACE (lower(country) AS country)",
        "SELECT age + 1 AS older, older * 2 AS twice WHERE older > 4",
        "SELECT {'a': age, 'b': tags} AS s, [age, 1] AS l, age IN (1, 2, 3) AS few",
        "SELECT CASE WHEN ok THEN country ELSE 'none' END AS c, age BETWEEN 10 AND 20 AS teen",
        "SELECT list_transform(tags, lambda x: x || '!') AS t, price * 2 AS p, -age AS n",
        "SELECT tz AT TIME ZONE 'Europe/Berlin' AS local, ts::DATE AS day, INTERVAL '1 day' AS d",
        "SELECT trim(split_part(country, ' ', 1)) AS word, regexp_extract(country, '[0-9]') AS "
        "digit",
        "SELECT users.id, coalesce(country, 'none'), try_cast(country AS INTEGER) AS i, 'it''s' AS "
        "t"));

}  // namespace
}  // namespace leat::sql

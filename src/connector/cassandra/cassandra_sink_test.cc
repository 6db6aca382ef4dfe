#include "connector/cassandra/cassandra_sink.h"

#include <gmock/gmock.h>

#include "connector/cassandra/cassandra_fixture.h"
#include "connector/cassandra/table_plan.h"

namespace leat::connector::cql {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t version_us = 1'700'000'000'000'000;

class CassandraSinkTest : public CassandraTest {
 protected:
  static void SetUpTestSuite() { CassandraTest::SetUpTestSuite("sinks"); }

  static std::unique_ptr<Sink> open(const SinkInput& input, const Settings& wanted) {
    auto sink = make_cassandra_sink(input, wanted, {});
    EXPECT_TRUE(sink.has_value()) << sink.error().message;
    const auto opened = (*sink)->open({});
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    return std::move(*sink);
  }
  static Error open_error(const SinkInput& input, const Settings& wanted) {
    auto sink = make_cassandra_sink(input, wanted, {});
    if (!sink) return sink.error();
    const auto opened = (*sink)->open({});
    return opened ? Error{.message = "it opened"} : opened.error();
  }
  static std::vector<std::string> write(Sink& sink, const SinkBatch& batch) {
    const auto written = sink.write(batch, {});
    EXPECT_TRUE(written.has_value()) << written.error().message;
    std::vector<std::string> refused;
    if (!written) return refused;
    for (const RefusedRow& row : *written) {
      refused.push_back(fmt::format("{}.{}: {}", row.part, row.row, row.reason));
    }
    return refused;
  }
  static Settings keyed(const std::string& table, std::vector<std::string> partition_key,
                        std::vector<std::string> clustering_key = {}) {
    Settings wanted = settings(table);
    wanted.set("partition_key", std::move(partition_key));
    wanted.set("clustering_key", std::move(clustering_key));
    return wanted;
  }
  /// "name type" of the table's columns.
  static std::vector<std::string> columns(const std::string& keyspace, const std::string& table) {
    return rows(
        fmt::format("SELECT column_name, kind, type FROM system_schema.columns WHERE "
                    "keyspace_name = '{}' AND table_name = '{}'",
                    keyspace, table));
  }

  SinkRowsFromSql from_;
};

TEST_F(CassandraSinkTest, MakesTheTableOfTheUsersStackAsItIs) {
  const std::string sql =
      "SELECT 'u' || i AS id, 'Ann' AS first_name, 'Lee' AS last_name, 'female' AS gender, "
      "'1 A St, B, C, Norway' AS address, 1234 AS post_code, 'a@b.c' AS email, 'ann' AS username, "
      "TIMESTAMP '2012-03-04 05:06:07.089' AS registered_date, '555' AS phone, 'http://p' AS "
      "picture, 2012 AS year, 3 AS month, 4 AS day, 'Norway' AS country FROM range(3) t(i)";
  Settings wanted = settings("spark_streams.created_users");
  wanted.set("types", std::map<std::string, std::string>{{"*", "text"}});
  const auto sink = open(from_.view(sql, {0}), wanted);
  EXPECT_THAT(write(*sink, from_.batch(sql)), IsEmpty());
  EXPECT_THAT(
      columns("spark_streams", "created_users"),
      ElementsAre("address|regular|text", "country|regular|text", "day|regular|text",
                  "email|regular|text", "first_name|regular|text", "gender|regular|text",
                  "id|partition_key|text", "last_name|regular|text", "month|regular|text",
                  "phone|regular|text", "picture|regular|text", "post_code|regular|text",
                  "registered_date|regular|text", "username|regular|text", "year|regular|text"));
  EXPECT_THAT(rows("SELECT id, post_code, registered_date, year, month, day FROM "
                   "spark_streams.created_users"),
              ElementsAre("u0|1234|2012-03-04T05:06:07.089Z|2012|3|4",
                          "u1|1234|2012-03-04T05:06:07.089Z|2012|3|4",
                          "u2|1234|2012-03-04T05:06:07.089Z|2012|3|4"));
}

TEST_F(CassandraSinkTest, KeepsAViewAsItIs) {
  const std::string columns = "SELECT * FROM (VALUES ('no', 1), ('se', 2), ('dk', 3)) t(id, n)";
  const auto sink = open(from_.view(columns, {0}), settings("sinks.countries"));
  write(*sink, from_.batch(columns));
  SinkBatch changes = from_.batch("SELECT 'no', 1", -1, version_us + 10);
  from_.add(changes, "SELECT 'se', 2", -1, version_us + 10);
  from_.add(changes, "SELECT 'se', 20", 1, version_us + 11);
  from_.add(changes, "SELECT 'fi', 4", 1, version_us + 11);
  EXPECT_THAT(write(*sink, changes), IsEmpty());
  EXPECT_THAT(rows("SELECT JSON * FROM sinks.countries"),
              ElementsAre(R"({"id": "dk", "n": 3})", R"({"id": "fi", "n": 4})",
                          R"({"id": "se", "n": 20})"));
}

TEST_F(CassandraSinkTest, AReplayNeverOverwritesWhatIsNewer) {
  const auto sink = open(from_.view("SELECT '' AS id, 0 AS n", {0}), settings("sinks.replay"));
  const SinkBatch first = from_.batch("SELECT 'a', 1 UNION ALL SELECT 'b', 1");
  SinkBatch second = from_.batch("SELECT 'a', 1", -1, version_us + 1);
  from_.add(second, "SELECT 'b', 1", -1, version_us + 1);
  from_.add(second, "SELECT 'b', 2", 1, version_us + 2);
  for (const SinkBatch* batch :
       std::array<const SinkBatch*, 5>{&first, &second, &first, &second, &first})
    write(*sink, *batch);
  EXPECT_THAT(rows("SELECT JSON * FROM sinks.replay"), ElementsAre(R"({"id": "b", "n": 2})"));
  // A key that was taken out may come again.
  write(*sink, from_.batch("SELECT 'a', 3", 1, version_us + 4));
  write(*sink, second);
  EXPECT_THAT(rows("SELECT JSON * FROM sinks.replay"),
              ElementsAre(R"({"id": "a", "n": 3})", R"({"id": "b", "n": 2})"));
}

TEST_F(CassandraSinkTest, RowsOfOnePartitionGoTogether) {
  const std::string sql =
      "SELECT (i % 7)::INTEGER AS place, i AS moment, 'm' || i AS text FROM range(5000) t(i)";
  const auto sink = open(from_.stream(sql), keyed("sinks.moments", {"place"}, {"moment"}));
  EXPECT_THAT(write(*sink, from_.batch(sql)), IsEmpty());
  EXPECT_THAT(rows("SELECT moment FROM sinks.moments WHERE place = 3"), SizeIs(714));
  EXPECT_THAT(rows("SELECT JSON * FROM sinks.moments WHERE place = 6 AND moment = 4003"),
              ElementsAre(R"({"place": 6, "moment": 4003, "text": "m4003"})"));
}

TEST_F(CassandraSinkTest, OneBadRowOfAPartitionIsRefusedAlone) {
  const std::string sql =
      "SELECT 'p' AS place, i AS moment, CASE WHEN i = 3 THEN NULL ELSE i END AS other, "
      "CASE WHEN i = 5 THEN repeat('x', 9000000) ELSE 'x' END AS text FROM range(10) t(i)";
  const auto sink = open(from_.stream(sql), keyed("sinks.partly", {"place"}, {"other", "moment"}));
  EXPECT_THAT(write(*sink, from_.batch(sql)),
              ElementsAre(HasSubstr("0.3: Invalid null value"), HasSubstr("0.5: CQL Message")));
  EXPECT_THAT(rows("SELECT moment FROM sinks.partly"), SizeIs(8));
}

TEST_F(CassandraSinkTest, WhatAColumnCanNotHoldIsRefusedWithItsName) {
  run("CREATE TABLE sinks.narrow (id int PRIMARY KEY, n tinyint)");
  const auto sink = open(from_.stream("SELECT 1 AS id, 1 AS n"), settings("sinks.narrow"));
  EXPECT_THAT(write(*sink, from_.batch("SELECT i::INTEGER, (i * 100)::INTEGER FROM range(3) t(i)")),
              ElementsAre("0.2: column `n`: 200 is beyond what tinyint can hold"));
  EXPECT_THAT(rows("SELECT JSON * FROM sinks.narrow"),
              ElementsAre(R"({"id": 0, "n": 0})", R"({"id": 1, "n": 100})"));
}

TEST_F(CassandraSinkTest, EveryTypeComesToItsColumn) {
  const std::string sql =
      "SELECT 1 AS id, true AS a, 1::TINYINT AS b, 2::SMALLINT AS c, 3::BIGINT AS d, "
      "170141183460469231731687303715884105727::HUGEINT AS e, 1.5::FLOAT AS f, 2.5::DOUBLE AS g, "
      "12.34::DECIMAL(8,2) AS h, 'é' AS i, '\\x01\\xFF'::BLOB AS j, DATE '2026-01-02' AS k, "
      "TIME '01:02:03' AS l, TIMESTAMPTZ '2026-01-02 03:04:05.678+00' AS m, "
      "'00112233-4455-6677-8899-aabbccddeeff'::UUID AS n, INTERVAL '1 month 2 days' AS o, "
      "['x', 'y'] AS p, MAP {'k': 1} AS q, {'a': 1, 'b': 'z'} AS r, [1, 2]::FLOAT[2] AS s, "
      "'{\"j\":1}'::JSON AS t, [[1], [2, 3]] AS u";
  const auto sink = open(from_.stream(sql), keyed("sinks.types", {"id"}));
  EXPECT_THAT(write(*sink, from_.batch(sql)), IsEmpty());
  EXPECT_THAT(
      rows("SELECT JSON * FROM sinks.types"),
      ElementsAre(
          R"({"id": 1, "a": true, "b": 1, "c": 2, "d": 3, )"
          R"("e": 170141183460469231731687303715884105727, "f": 1.5, "g": 2.5, "h": 12.34, )"
          R"("i": "é", "j": "0x01ff", "k": "2026-01-02", "l": "01:02:03.000000000", )"
          R"("m": "2026-01-02 03:04:05.678Z", "n": "00112233-4455-6677-8899-aabbccddeeff", )"
          R"("o": "1mo2d", "p": ["x", "y"], "q": {"k": 1}, "r": [1, "z"], "s": [1.0, 2.0], )"
          R"("t": "{\"j\":1}", "u": [[1], [2, 3]]})"));
}

TEST_F(CassandraSinkTest, ATableThatIsThereKeepsItsTypes) {
  run("CREATE TYPE sinks.place (city text, code int)");
  run("CREATE TABLE sinks.given (id ascii PRIMARY KEY, address inet, made timeuuid, tags "
      "set<text>, "
      "home frozen<place>, year text, codes vector<smallint, 2>, names vector<text, 2>, "
      "days vector<date, 1>, times vector<time, 1>, tiny vector<tinyint, 2>, extra int)");
  const std::string sql =
      "SELECT 'k' AS ID, '::1' AS address, '8a6cf1e0-0000-11f0-8000-000000000000'::UUID AS made, "
      "['b', 'a', 'b'] AS tags, {'code': 7, 'city': 'Oslo'} AS home, 2026 AS year, [1, 2] AS "
      "codes, ['a', 'bc'] AS names, [DATE '2026-01-02'] AS days, [TIME '00:00:01'] AS times, "
      "[3, 4] AS tiny";
  const auto sink = open(from_.stream(sql), settings("sinks.given"));
  EXPECT_THAT(write(*sink, from_.batch(sql)), IsEmpty());
  EXPECT_THAT(
      rows("SELECT JSON id, address, tags, home, year, codes, names, days, times, tiny, extra "
           "FROM sinks.given"),
      ElementsAre(
          R"({"id": "k", "address": "0:0:0:0:0:0:0:1", "tags": ["a", "b"], )"
          R"("home": {"city": "Oslo", "code": 7}, "year": "2026", "codes": [1, 2], )"
          R"("names": ["a", "bc"], "days": ["2026-01-02"], "times": ["00:00:01.000000000"], )"
          R"("tiny": [3, 4], "extra": null})"));
}

TEST_F(CassandraSinkTest, NullDeletesOrKeepsWhatIsThere) {
  const std::string table = "SELECT 1 AS id, 'old' AS text, 'old' AS other";
  const std::string update = "SELECT 1, NULL::VARCHAR, 'new'";
  const auto deleting = open(from_.stream(table), keyed("sinks.deleting", {"id"}));
  Settings wanted = keyed("sinks.keeping", {"id"});
  wanted.set("nulls", std::string("keep"));
  const auto keeping = open(from_.stream(table), wanted);
  for (Sink* sink : {deleting.get(), keeping.get()}) {
    write(*sink, from_.batch(table));
    write(*sink, from_.batch(update, 1, version_us + 1));
  }
  EXPECT_THAT(rows("SELECT id, text FROM sinks.deleting WHERE id = 1"),
              ElementsAre(HasSubstr("NULL")));
  EXPECT_THAT(rows("SELECT text, other FROM sinks.keeping"), ElementsAre("old|new"));
}

TEST_F(CassandraSinkTest, RowsVanishAfterTheirTtl) {
  Settings wanted = keyed("sinks.short", {"id"});
  wanted.set("ttl", std::int64_t{90'000'000});
  const auto sink = open(from_.stream("SELECT 'a' AS id, 'x' AS text"), wanted);
  write(*sink, from_.batch("SELECT 'a', 'x'"));
  const auto left = rows("SELECT JSON ttl(text) FROM sinks.short");
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_THAT(left[0], testing::AnyOf(HasSubstr(": 90000}"), HasSubstr(": 899")));
}

TEST_F(CassandraSinkTest, ColumnsThatTheInputGainedAreAdded) {
  open(from_.stream("SELECT 1 AS id, 'x' AS text"), keyed("sinks.gaining", {"id"}));
  const std::string sql = "SELECT 1 AS id, 'x' AS text, 2.5 AS score, [1] AS \"Odd Name\"";
  Settings wanted = settings("sinks.gaining");
  wanted.set("create", false);
  const Error refused = open_error(from_.stream(sql), wanted);
  EXPECT_EQ(refused.code, "column-missing");
  EXPECT_THAT(refused.message, HasSubstr("ALTER TABLE sinks.gaining ADD score decimal"));
  const auto sink = open(from_.stream(sql), settings("sinks.gaining"));
  write(*sink, from_.batch(sql));
  EXPECT_THAT(rows("SELECT JSON * FROM sinks.gaining"),
              ElementsAre(HasSubstr(R"("\"Odd Name\"": [1])")));
}

TEST_F(CassandraSinkTest, WhatIsMissingIsSaidWithTheStatementThatMakesIt) {
  Settings wanted = keyed("sinks.absent", {"a"}, {"b"});
  wanted.set("create", false);
  const Error refused = open_error(from_.stream("SELECT 1 AS a, 'x' AS b, 2.5 AS c"), wanted);
  EXPECT_EQ(refused.code, "table-missing");
  EXPECT_THAT(refused.message,
              HasSubstr("CREATE TABLE IF NOT EXISTS sinks.absent (a int, b text, c decimal, "
                        "PRIMARY KEY ((a), b))"));
  EXPECT_FALSE(refused.retryable);
}

TEST_F(CassandraSinkTest, TablesThatCanNotBeRightAreRefused) {
  run("CREATE TABLE sinks.counters (id int PRIMARY KEY, n counter)");
  EXPECT_EQ(open_error(from_.stream("SELECT 1 AS id, 1 AS n"), settings("sinks.counters")).code,
            "counter-table");
  run("CREATE TABLE sinks.other_key (id int PRIMARY KEY, country text)");
  EXPECT_THAT(
      open_error(from_.view("SELECT 1 AS id, 'x' AS country", {1}), settings("sinks.other_key"))
          .message,
      HasSubstr("several rows of the view would be one"));
  EXPECT_THAT(
      open_error(from_.stream("SELECT 'x' AS country"), settings("sinks.other_key")).message,
      HasSubstr("has a column `id`"));
  EXPECT_EQ(open_error(from_.stream("SELECT 1.5 AS id"), settings("sinks.other_key")).code,
            "type-mismatch");
}

TEST_F(CassandraSinkTest, ProbesWithoutChangingAnything) {
  const auto sink = make_cassandra_sink(from_.stream("SELECT 1 AS id, 'x' AS text"),
                                        keyed("newspace.probed", {"id"}), {});
  ASSERT_TRUE(sink.has_value());
  const auto found = (*sink)->probe({});
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_THAT(*found, HasSubstr("of 1 node; the keyspace and table newspace.probed will be made"));
  EXPECT_THAT(columns("newspace", "probed"), IsEmpty());
}

TEST_F(CassandraSinkTest, GoesOnAfterTheServerWasKilled) {
  const std::string sql = "SELECT i::VARCHAR AS id, 'v' AS text FROM range(400) t(i)";
  Settings wanted = keyed("sinks.killed", {"id"});
  wanted.set("timeout", std::int64_t{2000});
  const auto sink = open(from_.stream(sql), wanted);
  ASSERT_EQ(server().command("kill"), "ok");
  const auto lost = sink->write(from_.batch(sql), {});
  ASSERT_FALSE(lost.has_value());
  EXPECT_TRUE(lost.error().retryable) << lost.error().code;
  const auto down = sink->open({});
  ASSERT_FALSE(down.has_value());
  EXPECT_TRUE(down.error().retryable) << down.error().code;
  ASSERT_EQ(server().command("restart"), "ok");
  const auto opened = sink->open({});
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EXPECT_THAT(write(*sink, from_.batch(sql)), IsEmpty());
  EXPECT_THAT(rows("SELECT id FROM sinks.killed"), SizeIs(400));
}

SinkInput input_of(std::vector<Column> columns, std::vector<std::size_t> key) {
  SinkInput input;
  input.kind = key.empty() ? SinkInput::Kind::stream : SinkInput::Kind::view;
  input.schema = Schema(std::move(columns));
  input.key = std::move(key);
  return input;
}

Error plan_error(const SinkInput& input, const Settings& settings) {
  const auto plan = plan_table(input, settings);
  return plan ? Error{.message = "it is fine"} : plan.error();
}

TEST(CassandraTablePlan, SaysWhatOnlyColumnsAndSettingsShow) {
  const SinkInput view = input_of(
      {{"id", Type::of(DUCKDB_TYPE_INTEGER)}, {"day", Type::of(DUCKDB_TYPE_DATE)}}, {0, 1});
  Settings settings;
  settings.set("create", true);
  settings.set("table", std::string("users"));
  EXPECT_EQ(plan_error(view, settings).code, "bad-table");
  settings.set("table", std::string("k.users"));
  EXPECT_EQ(plan_error(view, settings).message, "it is fine");
  settings.set("partition_key", std::vector<std::string>{"id"});
  EXPECT_THAT(plan_error(view, settings).message, HasSubstr("does not have `day`"));
  settings.set("clustering_key", std::vector<std::string>{"DAY"});
  EXPECT_EQ(plan_error(view, settings).message, "it is fine");
  settings.set("clustering_key", std::vector<std::string>{"night"});
  EXPECT_THAT(plan_error(view, settings).message, HasSubstr("no such column"));
  SinkInput changes = view;
  changes.changes = true;
  EXPECT_EQ(plan_error(changes, settings).code, "needs-view");
}

TEST(CassandraTablePlan, ReplicationMayBeWrittenShort) {
  Settings settings;
  settings.set("table", std::string("k.users"));
  const SinkInput input = input_of({{"id", Type::of(DUCKDB_TYPE_INTEGER)}}, {0});
  EXPECT_EQ(plan_table(input, settings)->create_keyspace(),
            "CREATE KEYSPACE IF NOT EXISTS k WITH replication = {'class': 'SimpleStrategy', "
            "'replication_factor': '1'}");
  settings.set("replication", std::map<std::string, std::string>{{"dc1", "3"}});
  EXPECT_EQ(plan_table(input, settings)->create_keyspace(),
            "CREATE KEYSPACE IF NOT EXISTS k WITH replication = {'class': "
            "'NetworkTopologyStrategy', 'dc1': '3'}");
}

}  // namespace
}  // namespace leat::connector::cql

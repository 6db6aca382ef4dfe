#include "connector/postgresql/postgresql_sink.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "base/test_patience.h"
#include "connector/postgresql/postgresql_sink_fixture.h"

namespace leat::connector::postgresql {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST_F(PostgresqlSinkTest, AppendsAStreamsRowsToATableWithoutAKey) {
  const std::string sql = "SELECT range::BIGINT AS id, 'n' || range AS name FROM range(5000)";
  reads(sql);
  auto sink = opened();
  write(*sink, sql);
  write(*sink, "SELECT 7::BIGINT, NULL::VARCHAR", "2");
  EXPECT_EQ(value("SELECT count(*), sum(id), count(name), max(name) FROM out"),
            "5001|12497507|5000|n999");
}

TEST_F(PostgresqlSinkTest, KeepsEveryTypeToTheLastDigit) {
  const std::string sql = R"(SELECT
    true AS b, (-128)::TINYINT AS i1, 255::UTINYINT AS u1, (-32768)::SMALLINT AS i2,
    65535::USMALLINT AS u2, (-2147483648)::INTEGER AS i4, 4294967295::UINTEGER AS u4,
    (-9223372036854775808)::BIGINT AS i8, 18446744073709551615::UBIGINT AS u8,
    (-170141183460469231731687303715884105727)::HUGEINT AS i16,
    340282366920938463463374607431768211455::UHUGEINT AS u16,
    1.5::FLOAT AS f4, 0.1::DOUBLE AS f8, 'NaN'::DOUBLE AS nan, '-inf'::DOUBLE AS inf,
    (-1234.50)::DECIMAL(10,2) AS d2, 0.00010::DECIMAL(9,5) AS d5, 0::DECIMAL(4,1) AS d0,
    '12345678901234567890123456.789012345678'::DECIMAL(38,12) AS d38,
    'ü€😀' AS text, '\xAA\x00\xFF'::BLOB AS blob, '{"a": [1, null]}'::JSON AS json,
    'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'::UUID AS uuid, '1011001110'::BIT AS bits,
    DATE '1969-07-20' AS date, TIME '23:59:59.123456' AS time,
    '11:30:00.5+05:30'::TIMETZ AS timetz, TIMESTAMP '1999-12-31 23:59:59.999999' AS at,
    '2024-02-29 01:02:03'::TIMESTAMP_S AS at_s, '1960-01-01 00:00:00.123'::TIMESTAMP_MS AS at_ms,
    '1960-01-01 00:00:00.123456789'::TIMESTAMP_NS AS at_ns,
    '2026-01-01 12:00:00+02'::TIMESTAMPTZ AS at_tz, 'infinity'::TIMESTAMP AS always,
    '-infinity'::DATE AS never, INTERVAL '14 months 3 days 4.5 seconds' AS span)";
  reads(sql);
  auto sink = opened();
  write(*sink, sql);
  EXPECT_EQ(value("SELECT b, i1, u1, i2, u2, i4, u4, i8, u8, i16, u16 FROM out"),
            "t|-128|255|-32768|65535|-2147483648|4294967295|-9223372036854775808|"
            "18446744073709551615|-170141183460469231731687303715884105727|"
            "340282366920938463463374607431768211455");
  EXPECT_EQ(value("SELECT f4, f8, nan, inf, d2, d5, d0, d38 FROM out"),
            "1.5|0.1|NaN|-Infinity|-1234.50|0.00010|0.0|12345678901234567890123456.789012345678");
  EXPECT_EQ(value("SELECT text, blob, json->'a', uuid, bits FROM out"),
            "ü€😀|\\xaa00ff|[1, null]|eeccb8c5-9943-b2bb-bb5e-222f4e14b687|1011001110");
  EXPECT_EQ(value("SELECT date, time, timetz, at, at_s, at_ms, at_ns, at_tz FROM out"),
            "1969-07-20|23:59:59.123456|11:30:00.5+05:30|1999-12-31 23:59:59.999999|"
            "2024-02-29 01:02:03|1960-01-01 00:00:00.123|1960-01-01 00:00:00.123456|"
            "2026-01-01 10:00:00+00");
  EXPECT_EQ(value("SELECT always, never, span FROM out"), "infinity|-infinity|P1Y2M3DT4.5S");
}

TEST_F(PostgresqlSinkTest, KeepsNestedValuesAsArraysAndJson) {
  const std::string sql = R"(SELECT [1, NULL, 3]::INTEGER[] AS numbers, []::VARCHAR[] AS none,
    ['a', 'b"c'] AS texts, [1.5, 2.25]::DECIMAL(5,2)[2] AS fixed, [[1], [2, 3]] AS lists,
    {'a': 1, 'b': {'c': 'x', 'd': NULL}} AS struct, MAP {'k': 1.5::DOUBLE} AS map,
    [{'a': 1}] AS structs, NULL::INTEGER[] AS missing)";
  reads(sql);
  auto sink = opened();
  write(*sink, sql);
  EXPECT_EQ(value("SELECT numbers, none, texts, fixed, missing FROM out"),
            R"({1,NULL,3}|{}|{a,"b\"c"}|{1.50,2.25}|-)");
  EXPECT_EQ(value("SELECT lists, struct, map, structs FROM out"),
            R"([[1], [2, 3]]|{"a": 1, "b": {"c": "x", "d": null}}|{"k": 1.5}|[{"a": 1}])");
}

TEST_F(PostgresqlSinkTest, KeepsARowAKeyAsTheViewHasIt) {
  reads_view("SELECT 'a' AS country, 1::BIGINT AS users", {0});
  auto sink = opened();
  write(*sink, "VALUES ('de', 1::BIGINT, 1), ('fr', 5, 1), ('de', 1, -1), ('de', 2, 1)");
  EXPECT_THAT(rows("SELECT * FROM out ORDER BY 1"), ElementsAre("de|2", "fr|5"));
  write(*sink, "VALUES ('fr', 5::BIGINT, -1), ('de', 2, -1), ('de', 3, 1), ('it', 1, 1)", "2");
  EXPECT_THAT(rows("SELECT * FROM out ORDER BY 1"), ElementsAre("de|3", "it|1"));
  write(*sink, "VALUES ('it', 1::BIGINT, -1)", "3");
  EXPECT_THAT(rows("SELECT * FROM out"), ElementsAre("de|3"));
}

TEST_F(PostgresqlSinkTest, AViewWithoutAKeyIsTheTablesOneRow) {
  reads_view("SELECT 1::BIGINT AS users, 1.5::DOUBLE AS average", {});
  auto sink = opened();
  write(*sink, "VALUES (1::BIGINT, 20.0::DOUBLE, 1)");
  write(*sink, "VALUES (1::BIGINT, 20.0::DOUBLE, -1), (2, 30, 1)", "2");
  EXPECT_THAT(rows("SELECT * FROM out"), ElementsAre("2|30"));
  run("INSERT INTO out VALUES (0, 0)");
  EXPECT_EQ(open_error(), "not-one-row");
}

TEST_F(PostgresqlSinkTest, AKeyMayBeNullWhereTheUserSaysSo) {
  reads_view("SELECT 'a' AS country, 'b' AS city, 1::BIGINT AS users", {0, 1});
  set_["null_keys"] = true;
  auto sink = opened();
  write(*sink, "VALUES (NULL, 'x', 1::BIGINT, 1), (NULL, NULL, 2, 1), ('de', 'x', 3, 1)");
  write(*sink, "VALUES (NULL, 'x', 7::BIGINT, 1), (NULL, NULL, 2, -1), ('de', 'x', 3, -1)", "2");
  EXPECT_THAT(rows("SELECT * FROM out"), ElementsAre("-|x|7"));
}

TEST_F(PostgresqlSinkTest, AStreamWithAKeyKeepsTheNewestRow) {
  reads("SELECT 1::INTEGER AS id, 'x' AS name");
  set_["key"] = std::vector<std::string>{"ID"};
  auto sink = opened();
  write(*sink, "VALUES (1::INTEGER, 'old'), (2, 'two'), (1, 'new')");
  EXPECT_THAT(rows("SELECT * FROM out ORDER BY 1"), ElementsAre("1|new", "2|two"));
}

TEST_F(PostgresqlSinkTest, WritesEveryChangeWithItsWeight) {
  reads_view("SELECT 'a' AS country, 1::BIGINT AS users", {0});
  input_.changes = true;
  auto sink = opened();
  write(*sink, "VALUES ('de', 1::BIGINT, 1), ('de', 1, -1), ('de', 2, 1)");
  EXPECT_THAT(rows("SELECT * FROM out"), ElementsAre("1|de|1", "-1|de|1", "1|de|2"));
}

TEST_F(PostgresqlSinkTest, ATopicsTombstoneTakesTheKeysRowOut) {
  input_.from = "records";
  input_.kind = SinkInput::Kind::topic;
  input_.schema = record_schema();
  set_["key"] = std::vector<std::string>{"key"};
  auto sink = opened();
  const std::string rest = ", '2026-01-01 00:00:00+00'::TIMESTAMPTZ, 0::INTEGER, ";
  write(*sink, "VALUES ('a'::BLOB, '{\"n\":1}'::BLOB" + rest +
                   "1::BIGINT, '\\x04\\x02a\\x04xy\\x02b\\x01'::BLOB), ('b'::BLOB, '2'::BLOB" +
                   rest + "2, '\\x02\\x02a\\x02x'::BLOB)");
  EXPECT_THAT(rows("SELECT key, headers FROM out ORDER BY key"),
              ElementsAre(R"(a|{"a": "xy", "b": null})", R"(b|{"a": "x"})"));
  write(*sink, "VALUES ('a'::BLOB, NULL::BLOB" + rest + "3::BIGINT, NULL::BLOB)", "2");
  EXPECT_THAT(rows("SELECT key, value, \"offset\" FROM out"), ElementsAre("b|2|2"));
}

TEST_F(PostgresqlSinkTest, LeavesATopicsHeadersOutWhereAskedTo) {
  input_.from = "records";
  input_.kind = SinkInput::Kind::topic;
  input_.schema = record_schema();
  set_["record_headers"] = false;
  auto sink = opened();
  write(*sink,
        "VALUES (NULL::BLOB, '1'::BLOB, '2026-01-01 00:00:00+00'::TIMESTAMPTZ, 0::INTEGER, "
        "1::BIGINT, '\\x02\\x02a\\x02x'::BLOB)");
  EXPECT_THAT(rows("SELECT \"offset\" FROM out"), ElementsAre("1"));
  EXPECT_THAT(rows("SELECT count(*) FROM information_schema.columns WHERE table_name = 'out' AND "
                   "column_name = 'headers'"),
              ElementsAre("0"));
}

TEST_F(PostgresqlSinkTest, GoesOnFromThePositionThatTheTableHas) {
  reads("SELECT 1::INTEGER AS id");
  auto sink = make();
  EXPECT_EQ(*sink->open({}), std::nullopt);
  const std::string position("p\0\xFF'", 4);
  write(*sink, "SELECT 1::INTEGER", position);
  EXPECT_EQ(*sink->open({}), position);
  EXPECT_EQ(*make()->open({}), position);
}

TEST_F(PostgresqlSinkTest, AnOlderInstanceIsShutOut) {
  reads("SELECT 1::INTEGER AS id");
  auto older = opened();
  write(*older, "SELECT 1::INTEGER");
  auto newer = opened();
  auto written = older->write(batch("SELECT 2::INTEGER", "2"), {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, "sink-fenced");
  const auto again = older->open({});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "sink-fenced");
  write(*newer, "SELECT 3::INTEGER", "3");
  EXPECT_THAT(rows("SELECT * FROM out"), ElementsAre("1", "3"));
}

TEST_F(PostgresqlSinkTest, ManyThatStartAtOnceAgreeOnTheTables) {
  reads("SELECT 1::INTEGER AS id");
  set_["table"] = std::string("made.out");
  std::vector<std::jthread> starting;
  std::atomic<int> opened{0};
  for (int i = 0; i < 8; ++i) {
    set_["position_name"] = fmt::format("sink {}", i);
    starting.emplace_back([&, sink = std::shared_ptr<Sink>(make())] {
      for (int tries = 0; tries < 20; ++tries) {
        const auto position = sink->open({});
        if (position) {
          ++opened;
          return;
        }
        ASSERT_TRUE(position.error().retryable) << position.error().message;
      }
    });
  }
  starting.clear();
  EXPECT_EQ(opened, 8);
  run("DROP SCHEMA made CASCADE");
}

TEST_F(PostgresqlSinkTest, APositionThatSomebodyDeletedStartsAnew) {
  reads("SELECT 1::INTEGER AS id");
  auto sink = opened();
  write(*sink, "SELECT 1::INTEGER");
  run("DELETE FROM leat_positions");
  const auto written = sink->write(batch("SELECT 2::INTEGER", "2"), {});
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().retryable);
  EXPECT_EQ(*sink->open({}), std::nullopt);
  EXPECT_THAT(rows("SELECT * FROM out"), ElementsAre("1"));
}

TEST_F(PostgresqlSinkTest, WritesAllButTheRowsThatAreRefused) {
  run("CREATE TABLE out (id bigint PRIMARY KEY, age integer CHECK (age < 200), name varchar(5))");
  reads("SELECT 1::BIGINT AS id, 1::BIGINT AS age, 'a' AS name");
  auto sink = opened();
  const auto bad =
      refused(*sink,
              "SELECT range::BIGINT AS id, CASE WHEN range = 300 THEN 300 WHEN range = 1500 THEN "
              "5000000000 ELSE 1 END::BIGINT AS age, CASE WHEN range = 2500 THEN 'too long' WHEN "
              "range = 2999 THEN 'nul' || chr(0) ELSE 'ok' END AS name FROM range(3000)");
  ASSERT_EQ(bad.size(), 4U);
  EXPECT_EQ(bad[0].part, 0U);
  EXPECT_EQ(bad[0].row, 300U);
  EXPECT_THAT(bad[0].reason, HasSubstr("out_age_check"));
  EXPECT_THAT(bad[1].reason, HasSubstr("out of range"));
  EXPECT_EQ(bad[2].part, 1U);
  EXPECT_EQ(bad[2].row, 2500U - 2048U);
  EXPECT_THAT(bad[2].reason, HasSubstr("too long"));
  EXPECT_THAT(bad[3].reason, HasSubstr("0x00"));
  EXPECT_EQ(value("SELECT count(*), count(DISTINCT id) FROM out"), "2996|2996");
}

TEST_F(PostgresqlSinkTest, ARefusedRowsPositionIsStoredWithTheOthers) {
  run("CREATE TABLE parent (id integer PRIMARY KEY); INSERT INTO parent VALUES (1); CREATE TABLE "
      "out (id integer PRIMARY KEY REFERENCES parent DEFERRABLE INITIALLY DEFERRED)");
  reads("SELECT 1::INTEGER AS id");
  auto sink = opened();
  const auto bad = sink->write(batch("VALUES (1::INTEGER), (2)", "after"), {});
  ASSERT_TRUE(bad) << bad.error().message;
  ASSERT_EQ(bad->size(), 1U);
  EXPECT_THAT(bad->front().reason, HasSubstr("foreign key"));
  EXPECT_EQ(*sink->open({}), "after");
  EXPECT_THAT(rows("SELECT * FROM out"), ElementsAre("1"));
}

TEST_F(PostgresqlSinkTest, AddsTheColumnsThatTheInputGained) {
  reads("SELECT 1::INTEGER AS id");
  write(*opened(), "SELECT 1::INTEGER");
  reads("SELECT 1::INTEGER AS id, 'x' AS \"Full name\"");
  write(*opened(), "SELECT 2::INTEGER, 'two'", "2");
  EXPECT_THAT(rows("SELECT id, \"Full name\" FROM out ORDER BY id"), ElementsAre("1|-", "2|two"));
}

TEST_F(PostgresqlSinkTest, FitsATableOfOtherTypesWhereTheServerCanCast) {
  run("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE out (\"ID\" text PRIMARY KEY, m mood, "
      "at varchar(40), n smallint, doc jsonb, more text DEFAULT 'd')");
  reads_view(
      "SELECT 'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'::UUID AS id, 'ok' AS m, TIMESTAMP "
      "'2026-01-01 00:00:00' AS at, 1::BIGINT AS n, '{}' AS doc",
      {0});
  auto sink = opened();
  const std::string row =
      "'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'::UUID, 'ok', TIMESTAMP "
      "'2026-01-01 00:00:00', 12::BIGINT, '{\"a\":1}'";
  write(*sink, "SELECT " + row + ", 1");
  EXPECT_THAT(rows("SELECT * FROM out"),
              ElementsAre("eeccb8c5-9943-b2bb-bb5e-222f4e14b687|ok|2026-01-01 00:00:00|12|"
                          "{\"a\": 1}|d"));
  write(*sink, "SELECT " + row + ", -1", "2");
  EXPECT_THAT(rows("SELECT * FROM out"), ElementsAre());
}

TEST_F(PostgresqlSinkTest, SaysWhatDoesNotFitAndHowToMakeIt) {
  reads("SELECT 1::INTEGER AS id, 'x' AS name");
  set_["create"] = false;
  EXPECT_EQ(open_error(), "table-missing");
  EXPECT_THAT(message_,
              HasSubstr("CREATE TABLE IF NOT EXISTS \"out\" (\"id\" integer, \"name\" text)"));
  run("CREATE TABLE out (id integer)");
  EXPECT_EQ(open_error(), "column-missing");
  EXPECT_THAT(message_, HasSubstr("ADD COLUMN IF NOT EXISTS \"name\" text"));
  run("ALTER TABLE out ADD name text, ADD must integer NOT NULL");
  EXPECT_EQ(open_error(), "column-required");
  run("ALTER TABLE out DROP must, ALTER id TYPE date USING NULL");
  EXPECT_EQ(open_error(), "type-mismatch");
  EXPECT_THAT(message_, HasSubstr("column id of table out is date"));
  run("ALTER TABLE out DROP id, ADD id integer");
  EXPECT_EQ(open_error(), "table-missing");
  EXPECT_THAT(message_, HasSubstr("leat_positions"));
  set_["create"] = true;
  EXPECT_EQ(open_error(), "opened");
  set_["key"] = std::vector<std::string>{"id"};
  EXPECT_EQ(open_error(), "key-not-unique");
  EXPECT_THAT(message_, HasSubstr("CREATE UNIQUE INDEX ON \"out\" (\"id\")"));
}

TEST_F(PostgresqlSinkTest, FindsFaultsOfTheFileWithoutAServer) {
  reads_view("SELECT 'a' AS country, 1::BIGINT AS users", {0});
  const Spec spec = postgresql_sink_spec();
  const auto code = [&](const char* name, Settings::Value value) -> std::string {
    Settings changed = settings();
    changed.set(name, std::move(value));
    const Status checked = spec.check_input(input_, changed);
    return checked ? "fine" : checked.error().code;
  };
  EXPECT_EQ(code("table", std::string("a.b")), "fine");
  EXPECT_EQ(code("table", std::string("\"a.b\".\"c\"\"d\"")), "fine");
  for (const char* bad : {"a.b.c", "", ".a", "a.", "\"a", "a\"b"}) {
    EXPECT_EQ(code("table", std::string(bad)), "bad-table") << bad;
  }
  EXPECT_EQ(code("key", std::vector<std::string>{"users"}), "bad-key");
  EXPECT_EQ(code("key", std::vector<std::string>{"nowhere"}), "bad-key");
  EXPECT_EQ(code("key", std::vector<std::string>{"country"}), "fine");
}

TEST_F(PostgresqlSinkTest, AWrongPasswordIsTheUsersToMendAndNeverShown) {
  reads("SELECT 1::INTEGER AS id");
  set_["uri"] = "postgresql://leat:canary@" + uri().substr(uri().find('@') + 1);
  EXPECT_EQ(open_error(), "sign-in-failed");
  EXPECT_THAT(message_, Not(HasSubstr("canary")));
  set_["uri"] = std::string("postgresql://app:canary@[broken");
  EXPECT_EQ(open_error(), "bad-uri");
}

TEST_F(PostgresqlSinkTest, ProbesWithoutChangingAnything) {
  reads("SELECT 1::INTEGER AS id");
  const auto found = make()->probe({});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_THAT(*found, HasSubstr("will be made"));
  EXPECT_EQ(value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

/// As the engine does it: on a failure the sink is opened again, and goes on from the position that
/// it then gives.
void pump(Sink& sink, const std::vector<SinkBatch>& batches, std::atomic<std::size_t>& written,
          std::atomic<int>& failures, std::stop_token stop) {
  std::size_t next = 0;
  bool open = false;
  while (next < batches.size() && !stop.stop_requested()) {
    if (!open) {
      const auto position = sink.open(stop);
      if (!position) {
        ++failures;
        ASSERT_TRUE(position.error().retryable) << position.error().message;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        continue;
      }
      next = *position ? std::stoul(**position) : 0;
      open = true;
    }
    const auto refused = sink.write(batches[next], stop);
    if (refused) {
      ASSERT_TRUE(refused->empty()) << refused->front().reason;
      written = ++next;
      continue;
    }
    ++failures;
    ASSERT_TRUE(refused.error().retryable) << refused.error().message;
    open = false;
  }
}

TEST_F(PostgresqlSinkTest, LosesAndDoublesNothingWhateverBefallsTheServer) {
  reads("SELECT 1::BIGINT AS id");
  set_["timeout"] = std::int64_t{700};
  set_["connect_timeout"] = std::int64_t{700};
  constexpr std::size_t batch_count = 400, batch_rows = 500;
  std::vector<SinkBatch> batches;
  for (std::size_t i = 0; i < batch_count; ++i) {
    batches.push_back(batch(fmt::format("SELECT range::BIGINT FROM range({}, {})", i * batch_rows,
                                        (i + 1) * batch_rows),
                            std::to_string(i + 1)));
  }
  auto sink = make();
  std::atomic<std::size_t> written{0};
  std::atomic<int> failures{0};
  std::jthread pumping(
      [&](std::stop_token stop) { pump(*sink, batches, written, failures, stop); });
  const auto reaches = [&](std::size_t count) {
    for (int tries = 0; tries < 3000 && written < count; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_GE(written, count);
  };
  const auto fails = [&] {
    const int before = failures;
    for (int tries = 0; tries < 3000 && failures == before; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  };
  const std::pair<const char*, const char*> faults[] = {{"kill", "restart"}, {"freeze", "thaw"},
                                                        {"cut", "mend"},     {"stall", "mend"},
                                                        {"freeze", "thaw"},  {"kill", "restart"}};
  std::size_t goal = 40;
  for (const auto& [harm, cure] : faults) {
    reaches(goal);
    EXPECT_EQ(server().command(harm), "ok");
    if (written < batch_count) fails();
    EXPECT_EQ(server().command(cure), "ok");
    goal += 40;
  }
  reaches(batch_count);
  pumping.join();
  EXPECT_GT(failures, 0);
  EXPECT_EQ(value("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM out"),
            "200000|200000|0|199999");
}

TEST_F(PostgresqlSinkTest, StopsAtOnceWhereTheServerIsFrozen) {
  reads("SELECT 1::INTEGER AS id");
  auto sink = opened();
  set_["timeout"] = std::int64_t{60'000};
  set_["connect_timeout"] = std::int64_t{60'000};
  auto other = make();
  ASSERT_EQ(server().command("freeze"), "ok");
  for (int turn = 0; turn < 2; ++turn) {
    std::stop_source stop;
    std::jthread asking([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      stop.request_stop();
    });
    const auto begin = std::chrono::steady_clock::now();
    if (turn == 0) {
      EXPECT_FALSE(sink->write(batch("SELECT 1::INTEGER"), stop.get_token()));
    } else {
      EXPECT_FALSE(other->open(stop.get_token()));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, patience(std::chrono::seconds(2)));
  }
  ASSERT_EQ(server().command("thaw"), "ok");
}

TEST_F(PostgresqlSinkTest, ATableThatWasDroppedIsMadeAgain) {
  reads("SELECT 1::INTEGER AS id");
  auto sink = opened();
  run("DROP TABLE out");
  const auto written = sink->write(batch("SELECT 1::INTEGER"), {});
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().retryable) << written.error().message;
  ASSERT_TRUE(sink->open({}));
  write(*sink, "SELECT 1::INTEGER");
  EXPECT_THAT(rows("SELECT * FROM out"), ElementsAre("1"));
}

}  // namespace
}  // namespace leat::connector::postgresql

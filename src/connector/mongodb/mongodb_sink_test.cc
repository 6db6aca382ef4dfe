#include "connector/mongodb/mongodb_sink.h"

#include "connector/mongodb/mongodb_fixture.h"

namespace leat::connector::mongodb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

class MongodbSinkTest : public MongodbTest, public SinkFeed {
 protected:
  Settings settings() {
    Settings settings = base_settings(mongodb_sink_spec());
    settings.set("collection", std::string("test.out"));
    for (const auto& [name, value] : set_) settings.set(name, value);
    return settings;
  }
  std::unique_ptr<Sink> make() {
    auto sink = make_mongodb_sink(input, settings(), {});
    EXPECT_TRUE(sink) << sink.error().message;
    return std::move(*sink);
  }
  std::unique_ptr<Sink> opened() {
    auto sink = make();
    const auto position = sink->open({});
    EXPECT_TRUE(position) << position.error().message;
    position_ = position ? *position : std::nullopt;
    return sink;
  }
  Error open_error() {
    const auto position = make()->open({});
    EXPECT_FALSE(position);
    return position ? Error() : position.error();
  }
  void write(Sink& sink, const SinkBatch& batch) {
    const auto refused = sink.write(batch, {});
    ASSERT_TRUE(refused) << refused.error().message;
    EXPECT_THAT(reasons(*refused), IsEmpty());
  }
  std::map<std::size_t, std::string> refused(Sink& sink, const SinkBatch& batch) {
    const auto refused = sink.write(batch, {});
    EXPECT_TRUE(refused) << refused.error().message;
    return refused ? reasons(*refused) : std::map<std::size_t, std::string>();
  }

  std::map<std::string, Settings::Value> set_;
  std::optional<std::string> position_;
};

TEST_F(MongodbSinkTest, InsertsAStreamsRowsOnceHoweverOftenTheyCome) {
  const std::string sql = "SELECT range::BIGINT AS id, 'n' || range AS name FROM range(5000)";
  reads(sql);
  auto sink = opened();
  EXPECT_EQ(position_, std::nullopt);
  write(*sink, rows(sql));
  write(*sink, rows(sql));
  write(*opened(), rows(sql));
  EXPECT_EQ(count(), 5000);
  EXPECT_EQ(documents()[1000],
            R"({ "_id" : "rows:0:000000001000", "id" : 1000, "name" : "n1000" })");
}

TEST_F(MongodbSinkTest, KeepsEveryType) {
  const std::string sql = R"(SELECT
    true AS b, (-128)::TINYINT AS i1, 255::UTINYINT AS u1, (-32768)::SMALLINT AS i2,
    65535::USMALLINT AS u2, (-2147483648)::INTEGER AS i4, 4294967295::UINTEGER AS u4,
    (-9223372036854775808)::BIGINT AS i8, 18446744073709551615::UBIGINT AS u8,
    (-9999999999999999999999999999999999)::HUGEINT AS i16, 7::UHUGEINT AS u16,
    1.5::FLOAT AS f4, 0.25::DOUBLE AS f8, 'NaN'::DOUBLE AS nan,
    (-1234.50)::DECIMAL(10,2) AS d2, 0.00010::DECIMAL(9,5) AS d5, 1.5::DECIMAL(4,1) AS d1,
    '1234567890123456789012.789012345678'::DECIMAL(38,12) AS d38,
    'ü€😀' AS text, '\xAA\x00\xFF'::BLOB AS blob, '{"a": [1, null, "2026-01-01"]}'::JSON AS json,
    'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'::UUID AS uuid, '1011'::BIT AS bits,
    DATE '1969-07-20' AS date, TIME '23:59:59.123456' AS time,
    TIMESTAMP '1969-12-31 23:59:59.999999' AS at, '2024-02-29 01:02:03'::TIMESTAMP_S AS at_s,
    '1960-01-01 00:00:00.123'::TIMESTAMP_MS AS at_ms,
    '2026-01-01 00:00:00.123456789'::TIMESTAMP_NS AS at_ns,
    '2026-01-01 12:00:00+00'::TIMESTAMPTZ AS at_tz, 'infinity'::TIMESTAMP AS always,
    INTERVAL '14 months 3 days 4.5 seconds' AS span,
    [1, NULL, 3] AS list, [[1.5], [2]]::DOUBLE[][] AS lists, [1, 2]::INTEGER[2] AS arr,
    {'a': 1, 'b': {'c': [true]}} AS struct, MAP {'x': 1, 'y': 2} AS map,
    MAP {DATE '2026-01-01': 'd'} AS dates, MAP {{'k': 1}: 2} AS nested, NULL::INTEGER AS nothing)";
  reads(sql);
  auto sink = opened();
  write(*sink, rows(sql));
  const std::string found = documents().at(0);
  for (
      const char* expected : {
          R"("b" : true, "i1" : -128, "u1" : 255, "i2" : -32768, "u2" : 65535)",
          R"("i4" : -2147483648, "u4" : 4294967295, "i8" : -9223372036854775808)",
          R"("u8" : { "$numberDecimal" : "18446744073709551615" })",
          R"("i16" : { "$numberDecimal" : "-9999999999999999999999999999999999" }, "u16" : 7)",
          R"("f4" : 1.5, "f8" : 0.25, "nan" : { "$numberDouble" : "NaN" })",
          R"("d2" : { "$numberDecimal" : "-1234.50" }, "d5" : { "$numberDecimal" : "0.00010" })",
          R"("d1" : { "$numberDecimal" : "1.5" })",
          R"("d38" : { "$numberDecimal" : "1234567890123456789012.789012345678" })",
          R"("text" : "ü€😀", "blob" : { "$binary" : { "base64" : "qgD/", "subType" : "00" } })",
          R"("json" : { "a" : [ 1, null, "2026-01-01" ] })",
          R"("uuid" : { "$binary" : { "base64" : "7sy4xZlDsru7XiIvThS2hw==", "subType" : "04" } })",
          R"("bits" : "1011", "date" : { "$date" : { "$numberLong" : "-14256000000" } })",
          R"("time" : "23:59:59.123456", "at" : { "$date" : { "$numberLong" : "-1" } })",
          R"("at_s" : { "$date" : "2024-02-29T01:02:03Z" })",
          R"("at_ms" : { "$date" : { "$numberLong" : "-315619199877" } })",
          R"("at_ns" : { "$date" : "2026-01-01T00:00:00.123Z" })",
          R"("at_tz" : { "$date" : "2026-01-01T12:00:00Z" }, "always" : "infinity")",
          R"("span" : "P14M3DT4.5S", "list" : [ 1, null, 3 ], "lists" : [ [ 1.5 ], [ 2.0 ] ])",
          R"("arr" : [ 1, 2 ], "struct" : { "a" : 1, "b" : { "c" : [ true ] } })",
          R"("map" : { "x" : 1, "y" : 2 }, "dates" : { "2026-01-01" : "d" })",
          R"("nested" : [ { "key" : { "k" : 1 }, "value" : 2 } ], "nothing" : null)",
      }) {
    EXPECT_THAT(found, HasSubstr(expected));
  }
  EXPECT_THAT(run(R"({"aggregate": "out", "cursor": {}, "pipeline": [{"$project": {"_id": 0,
                      "i1": {"$type": "$i1"}, "u4": {"$type": "$u4"}, "u16": {"$type": "$u16"},
                      "f4": {"$type": "$f4"}, "date": {"$type": "$date"}}}]})"),
              HasSubstr(R"({ "i1" : "int", "u4" : "long", "u16" : "long", "f4" : "double", )"
                        R"("date" : "date" })"));
}

TEST_F(MongodbSinkTest, WritesTimestampsAsTextWhereAskedTo) {
  const std::string sql = "SELECT TIMESTAMP '2026-01-01 00:00:00.123456' AS at";
  reads(sql);
  set_["timestamps"] = std::string("text");
  auto sink = opened();
  write(*sink, rows(sql));
  EXPECT_THAT(documents().at(0), HasSubstr(R"("at" : "2026-01-01T00:00:00.123456Z")"));
}

TEST_F(MongodbSinkTest, WritesATopicsRecordsAsTheyAre) {
  reads_topic();
  set_["metadata"] = std::string("record");
  auto sink = opened();
  write(*sink, records({R"({"a": {"b": [1, 3000000000, 1.0, "x\nü", true, null]}, "$c.d": -0})",
                        R"({"n": 12345678901234567890, "_id": {"own": 7}, "date": "2026-01-01"})",
                        R"([1, "two"])", "17", "{}"}));
  const std::string meta = R"("record" : { "partition" : 0, "offset" : 0, "timestamp" : )"
                           R"({ "$date" : "2026-01-01T00:00:00.123Z" }, "key" : null })";
  EXPECT_THAT(
      documents(),
      testing::UnorderedElementsAre(
          R"({ "_id" : "events:0:000000000000", "a" : { "b" : [ 1, 3000000000, 1.0, "x\nü", true, )"
          R"(null ] }, "$c.d" : 0, )" +
              meta + " }",
          R"({ "_id" : { "own" : 7 }, "n" : { "$numberDecimal" : "12345678901234567890" }, )"
          R"("date" : "2026-01-01", )" +
              meta + " }",
          R"({ "_id" : "events:0:000000000002", "value" : [ 1, "two" ], )" + meta + " }",
          R"({ "_id" : "events:0:000000000003", "value" : 17, )" + meta + " }",
          R"({ "_id" : "events:0:000000000004", )" + meta + " }"));
}

TEST_F(MongodbSinkTest, WritesTheHeadersOfATopicsRecords) {
  reads_topic();
  set_["metadata"] = std::string("record");
  auto sink = opened();
  write(*sink, rows("SELECT NULL::BLOB, '{}'::BLOB, TIMESTAMPTZ '2026-01-01 00:00:00+00', "
                    "0::INTEGER, 0::BIGINT, '\\x04\\x02a\\x04xy\\x02b\\x01'::BLOB"));
  EXPECT_THAT(documents(),
              ElementsAre(HasSubstr(R"("key" : null, "headers" : { "a" : "xy", "b" : null } })")));
}

TEST_F(MongodbSinkTest, RefusesRecordsThatMakeNoDocumentAndWritesAllOthers) {
  reads_topic();
  auto sink = opened();
  std::string deep(200, '[');
  deep += std::string(200, ']');
  const auto told = refused(
      *sink,
      records({R"({"a": 1})", R"({"a": )", R"({"a": 1} x)", R"({"a": 1e400})", R"({"a\u0000b": 1})",
               deep, R"({"_id": [1]})", R"({"z": 26})", R"({"a": 01})", ""}));
  EXPECT_THAT(
      told, ElementsAre(Pair(1, HasSubstr("JSON")), Pair(2, HasSubstr("JSON")),
                        Pair(3, HasSubstr("too large for a double")), Pair(4, HasSubstr("U+0000")),
                        Pair(5, HasSubstr("nested")), Pair(6, HasSubstr("_id")),
                        Pair(8, HasSubstr("JSON")), Pair(9, HasSubstr("JSON"))));
  EXPECT_THAT(
      refused(*sink, rows("SELECT NULL::BLOB, encode('\"' || repeat('x', 17000000) || '\"'), "
                          "now(), 0::INTEGER, 0::BIGINT, NULL::BLOB")),
      ElementsAre(Pair(0, HasSubstr("more than the 16777216"))));
  EXPECT_THAT(documents(), ElementsAre(HasSubstr(R"("a" : 1 })"), HasSubstr(R"("z" : 26 })")));
}

TEST_F(MongodbSinkTest, WritesATopicByItsKeyAndDeletesByTombstones) {
  reads_topic();
  set_["key"] = std::vector<std::string>{"$key"};
  auto sink = opened();
  const std::string rest =
      ", TIMESTAMPTZ '2026-01-01 00:00:00+00', 0::INTEGER, 0::BIGINT, NULL::BLOB";
  const auto record = [&](const std::string& key, const std::string& value) {
    return "SELECT " + key + "::BLOB, " + value + "::BLOB" + rest;
  };
  write(*sink, rows(record("'a'", "'{\"v\": 1}'") + " UNION ALL " + record("'b'", "'{\"v\": 1}'") +
                    " UNION ALL " + record("'a'", "'{\"v\": 2}'")));
  EXPECT_THAT(documents(),
              ElementsAre(R"({ "_id" : "a", "v" : 2 })", R"({ "_id" : "b", "v" : 1 })"));
  write(*sink, rows(record("'a'", "NULL")));
  EXPECT_THAT(documents(), ElementsAre(R"({ "_id" : "b", "v" : 1 })"));
  EXPECT_THAT(refused(*sink, rows(record("NULL", "'{\"v\": 1}'"))),
              ElementsAre(Pair(0, HasSubstr("no key"))));
}

TEST_F(MongodbSinkTest, WritesATopicByPointersIntoItsRecords) {
  reads_topic();
  set_["key"] = std::vector<std::string>{"/login/uuid", "/n"};
  auto sink = opened();
  const auto told = refused(
      *sink, records({R"({"login": {"uuid": "u"}, "n": 1, "v": 1})",
                      R"({"login": {"uuid": "u"}, "n": 1, "v": 2})", R"({"login": {}, "n": 1})"}));
  EXPECT_THAT(told, ElementsAre(Pair(2, HasSubstr("nothing at /login/uuid"))));
  EXPECT_THAT(documents(), ElementsAre(R"({ "_id" : { "uuid" : "u", "n" : 1 }, "login" : )"
                                       R"({ "uuid" : "u" }, "n" : 1, "v" : 2 })"));
}

TEST_F(MongodbSinkTest, KeepsAViewAsItIs) {
  const std::string columns = "SELECT * FROM (VALUES ";
  reads("SELECT 'DE' AS country, 1::BIGINT AS users", SinkInput::Kind::view, {0});
  auto sink = opened();
  write(*sink, rows(columns + "('DE', 1::BIGINT, 1), ('FR', 5, 1), ('CH', 2, 1)) v"));
  EXPECT_EQ(count(), 3);
  write(*sink, rows(columns + "('DE', 1::BIGINT, -1), ('DE', 2, 1), ('FR', 5, -1), "
                              "(NULL, 9, 1)) v"));
  EXPECT_THAT(documents(), ElementsAre(R"({ "_id" : null, "country" : null, "users" : 9 })",
                                       R"({ "_id" : "CH", "country" : "CH", "users" : 2 })",
                                       R"({ "_id" : "DE", "country" : "DE", "users" : 2 })"));
}

TEST_F(MongodbSinkTest, KeysOfSeveralColumnsAndOfNoneMakeAnIdToo) {
  const std::string sql =
      "SELECT TIMESTAMP '2026-01-01 00:00:00.000001' AS at, [1, 2] AS list, 1 AS n";
  reads(sql, SinkInput::Kind::view, {0, 1});
  write(*opened(), rows(sql));
  EXPECT_THAT(documents(),
              ElementsAre(HasSubstr(R"({ "_id" : { "at" : "2026-01-01T00:00:00.000001Z", )"
                                    R"("list" : [ 1, 2 ] }, "at" : { "$date")")));
  run(R"({"drop": "out"})");
  reads("SELECT 1 AS n", SinkInput::Kind::view);
  auto sink = opened();
  write(*sink, rows("SELECT 7, 1"));
  write(*sink, rows("SELECT 7, -1 UNION ALL SELECT 8, 1"));
  EXPECT_THAT(documents(), ElementsAre(R"({ "_id" : "rows", "n" : 8 })"));
}

TEST_F(MongodbSinkTest, WritesEveryChangeWithItsWeightWhereAskedTo) {
  reads("SELECT 'DE' AS country", SinkInput::Kind::view, {0});
  input.changes = true;
  auto sink = opened();
  write(*sink, rows("SELECT 'DE', 1 UNION ALL SELECT 'DE', -1"));
  EXPECT_THAT(documents(),
              ElementsAre(R"({ "_id" : "rows:0:000000000000", "weight" : 1, "country" : "DE" })",
                          R"({ "_id" : "rows:0:000000000001", "weight" : -1, "country" : "DE" })"));
}

TEST_F(MongodbSinkTest, NeverTakesAnotherDocumentForOneItWrote) {
  reads("SELECT 1 AS v");
  write(*opened(), rows("SELECT 1 FROM range(3)"));
  auto sink = opened();
  const auto refused = sink->write(rows("SELECT 2 FROM range(3)"), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "mongodb-id-taken");
  EXPECT_THAT(refused.error().message, HasSubstr("rows:0:000000000000"));
  EXPECT_EQ(documents()[0], R"({ "_id" : "rows:0:000000000000", "v" : 1 })");
  set_["if_taken"] = std::string("replace");
  write(*opened(), rows("SELECT 2 FROM range(3)"));
  EXPECT_EQ(documents()[0], R"({ "_id" : "rows:0:000000000000", "v" : 2 })");
}

TEST_F(MongodbSinkTest, ARowWithAnIdOfItsOwnKeepsItAndASecondOneIsRefused) {
  reads("SELECT 'a' AS _id, 1 AS v");
  auto sink = opened();
  const std::string sql = "SELECT * FROM (VALUES ('a', 1), ('b', 2), ('a', 3)) v";
  EXPECT_THAT(refused(*sink, rows(sql)), ElementsAre(Pair(2, HasSubstr("another document"))));
  EXPECT_THAT(refused(*sink, rows(sql)), ElementsAre(Pair(2, HasSubstr("another document"))));
  EXPECT_THAT(documents(),
              ElementsAre(R"({ "_id" : "a", "v" : 1 })", R"({ "_id" : "b", "v" : 2 })"));
}

TEST_F(MongodbSinkTest, RefusesWhatTheServerRefusesAndWritesAllOthers) {
  reads("SELECT 1::BIGINT AS id");
  run(R"({"create": "out", "validator": {"id": {"$lt": 4000}}})");
  run(R"({"createIndexes": "out", "indexes": [{"key": {"id": 1}, "name": "id", "unique": true}]})");
  auto sink = opened();
  const std::string sql =
      "SELECT CASE WHEN range = 17 THEN 4711 WHEN range = 3000 THEN 5 ELSE range END::BIGINT "
      "FROM range(3500)";
  const auto told = refused(*sink, rows(sql));
  EXPECT_THAT(told, ElementsAre(Pair(17, HasSubstr("error 121")), Pair(3000, HasSubstr("E11000"))));
  EXPECT_THAT(told.at(17), HasSubstr("consideredValue"));
  EXPECT_EQ(count(), 3498);
}

TEST_F(MongodbSinkTest, MakesIndexesAndFollowsAChangedTimeToLive) {
  reads("SELECT 'DE' AS country, 'a' AS email, now()::TIMESTAMP AS at");
  set_["indexes"] = std::vector<std::string>{"country, -at", "email unique"};
  Settings ttl;
  ttl.set("field", std::string("AT"));
  ttl.set("after", std::int64_t{3600'000});
  set_["ttl"] = ttl;
  opened();
  ttl.set("after", std::int64_t{7200'000});
  set_["ttl"] = ttl;
  opened();
  const std::string indexes = run(R"({"listIndexes": "out"})");
  EXPECT_THAT(indexes, HasSubstr(R"("key" : { "country" : 1, "at" : -1 })"));
  EXPECT_THAT(indexes,
              HasSubstr(R"("key" : { "email" : 1 }, "name" : "email_1", "unique" : true)"));
  EXPECT_THAT(indexes, HasSubstr(R"("name" : "at_1", "expireAfterSeconds" : 7200)"));
}

TEST_F(MongodbSinkTest, WritesTimeSeriesWithoutDoublingAnything) {
  const std::string sql =
      "SELECT TIMESTAMP '2026-01-01' + INTERVAL (range) SECOND AS at, 's' || range % 3 AS sensor, "
      "range::DOUBLE AS value FROM range(3000)";
  reads(sql);
  Settings series;
  series.set("time", std::string("at"));
  series.set("meta", std::string("sensor"));
  series.set("granularity", std::string("seconds"));
  series.set("expire_after", std::int64_t{0});
  set_["time_series"] = series;
  write(*opened(), rows(sql + " LIMIT 1500"));
  auto sink = opened();
  write(*sink, rows(sql));
  EXPECT_EQ(count(), 3000);
  EXPECT_THAT(refused(*sink, rows("SELECT NULL::TIMESTAMP, 's', 1.0::DOUBLE UNION ALL "
                                  "SELECT TIMESTAMP '2026-02-01', 's', 2.0",
                                  9000)),
              ElementsAre(Pair(0, HasSubstr("at"))));
  EXPECT_EQ(count(), 3001);
  series.set("meta", std::string(""));
  set_["time_series"] = series;
  EXPECT_THAT(open_error().message, HasSubstr("meta `sensor`"));
  set_.erase("time_series");
  EXPECT_THAT(open_error().message, HasSubstr("time_series: {time: at}"));
}

TEST_F(MongodbSinkTest, SaysWhatIsWrongWithTheCollection) {
  reads("SELECT 1 AS v");
  run(R"({"create": "seen", "viewOn": "out", "pipeline": []})");
  set_["collection"] = std::string("test.seen");
  EXPECT_THAT(open_error().message, HasSubstr("is a view"));
  set_["collection"] = std::string("test.missing");
  set_["create"] = false;
  EXPECT_THAT(open_error().message, HasSubstr("db.createCollection(\"missing\")"));
  set_["create"] = true;
  set_["indexes"] = std::vector<std::string>{"v:hashed unique"};
  EXPECT_EQ(open_error().code, "mongodb-refused");
}

TEST_F(MongodbSinkTest, ProbeLooksAndChangesNothing) {
  reads("SELECT 1 AS v");
  const auto seen = make()->probe({});
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(*seen, "MongoDB 6.0.27; test.out will be created");
  EXPECT_THAT(run(R"({"listCollections": 1})"), Not(HasSubstr("out")));
  set_["uri"] = server().text("guest_uri");
  const auto guest = make()->probe({});
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code, "mongodb-not-allowed");
  EXPECT_THAT(guest.error().message, HasSubstr("grantRolesToUser"));
}

// ---- Transactions

class MongodbTransactionTest : public MongodbSinkTest {
 protected:
  MongodbTransactionTest() { set_["transactions"] = true; }
};

TEST_F(MongodbTransactionTest, StoreThePositionWithTheRows) {
  reads("SELECT 1 AS v");
  auto sink = opened();
  EXPECT_EQ(position_, std::nullopt);
  const SinkBatch batch = rows("SELECT range::INTEGER FROM range(5000)");
  write(*sink, batch);
  EXPECT_EQ(count(), 5000);
  opened();
  EXPECT_EQ(position_, batch.position);
}

TEST_F(MongodbTransactionTest, ShutOutAnInstanceThatWasReplaced) {
  reads("SELECT 1 AS v");
  auto old = opened();
  write(*old, rows("SELECT 1"));
  auto young = opened();
  const auto refused = old->write(rows("SELECT 2", 1), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "sink-fenced");
  EXPECT_EQ(count(), 1);
  write(*young, rows("SELECT 2", 1));
  EXPECT_EQ(count(), 2);
}

TEST_F(MongodbTransactionTest, AClaimThatComesLateShutsNobodyOut) {
  reads("SELECT 1 AS v");
  auto sink = opened();
  const auto somebody_claimed = [&](const char* when) {
    run(fmt::format(R"({{"update": "leat_positions", "updates": [{{"q": {{}}, "u": {{"$set":
                    {{"claimed": {{"$date": "{}"}}}}}}}}]}})",
                    when));
  };
  // As the server sees it where the network has held this one back.
  somebody_claimed("2200-01-01T00:00:00Z");
  const Error late = open_error();
  EXPECT_EQ(late.code, "mongodb-claimed");
  EXPECT_TRUE(late.retryable);
  write(*sink, rows("SELECT 1"));
  EXPECT_EQ(count(), 1);
  somebody_claimed("2020-01-01T00:00:00Z");
  write(*opened(), rows("SELECT 2", 1));
  EXPECT_EQ(count(), 2);
}

TEST_F(MongodbTransactionTest, SetRefusedRowsAsideBeforeTheyCommit) {
  reads("SELECT 1::BIGINT AS id");
  run(R"({"create": "out", "validator": {"id": {"$lt": 4000}}})");
  run(R"({"createIndexes": "out", "indexes": [{"key": {"id": 1}, "name": "id", "unique": true}]})");
  auto sink = opened();
  SinkBatch batch = rows(
      "SELECT CASE WHEN range IN (17, 18, 3499) THEN 4711 WHEN range = 3000 THEN 5 ELSE range "
      "END::BIGINT FROM range(3500)");
  std::int64_t there_when_set_aside = -1;
  batch.set_aside = [&](std::span<const RefusedRow> rows) {
    there_when_set_aside = count();
    set_aside.insert(set_aside.end(), rows.begin(), rows.end());
    return Status();
  };
  write(*sink, batch);
  EXPECT_EQ(there_when_set_aside, 0);
  EXPECT_THAT(reasons(set_aside),
              ElementsAre(Pair(17, HasSubstr("121")), Pair(18, HasSubstr("121")),
                          Pair(3000, HasSubstr("E11000")), Pair(3499, HasSubstr("121"))));
  EXPECT_EQ(count(), 3496);

  batch.set_aside = [](std::span<const RefusedRow>) -> Status {
    return transient_error("disk-full", "no room for dead letters");
  };
  run(R"({"delete": "out", "deletes": [{"q": {}, "limit": 0}]})");
  EXPECT_EQ(sink->write(batch, {}).error().code, "disk-full");
  EXPECT_EQ(count(), 0);
}

TEST_F(MongodbTransactionTest, PassOverWhatWasWrittenWithoutThem) {
  reads("SELECT 1 AS v");
  set_["transactions"] = false;
  write(*opened(), rows("SELECT range::INTEGER FROM range(3000)"));
  set_["transactions"] = true;
  auto sink = opened();
  write(*sink, rows("SELECT range::INTEGER FROM range(4000)"));
  EXPECT_EQ(count(), 4000);
  const auto taken = sink->write(rows("SELECT 7"), {});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "mongodb-id-taken");
  set_["if_taken"] = std::string("replace");
  write(*opened(), rows("SELECT 7"));
  EXPECT_EQ(documents()[0], R"({ "_id" : "rows:0:000000000000", "v" : 7 })");
}

TEST_F(MongodbTransactionTest, KeepAViewAsItIs) {
  reads("SELECT 'DE' AS country, 1::BIGINT AS users", SinkInput::Kind::view, {0});
  auto sink = opened();
  write(*sink, rows("SELECT 'DE', 1::BIGINT, 1 UNION ALL SELECT 'FR', 5, 1"));
  write(*sink, rows("SELECT 'DE', 1::BIGINT, -1 UNION ALL SELECT 'FR', 5, -1 UNION ALL "
                    "SELECT 'FR', 6, 1"));
  EXPECT_THAT(documents(), ElementsAre(R"({ "_id" : "FR", "country" : "FR", "users" : 6 })"));
}

}  // namespace
}  // namespace leat::connector::mongodb

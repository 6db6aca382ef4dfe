#include "connector/kafka/message_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/kafka/batch_test_support.h"

namespace leat::connector::kafka {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string shown(std::string_view text) {
  return text.data() == nullptr ? "null" : std::string(text);
}

/// Encodes with one encoder, as a sink does.
class Encoding {
 public:
  Encoding(TestInput& input, const Settings& settings) : input_(input) {
    auto options = read_message_options(input.input, settings);
    EXPECT_TRUE(options) << options.error().message;
    encoder_.emplace(input.input, *std::move(options));
  }
  /// "key=value" of each message.
  std::vector<std::string> encode(const SinkBatch& batch) {
    refused.clear();
    headers.clear();
    timestamps.clear();
    std::vector<std::string> out;
    for (const Message& message : encoder_->encode(batch, refused)) {
      out.push_back(shown(message.key) + "=" + shown(message.value));
      timestamps.push_back(message.timestamp_ms);
      for (std::uint32_t i = 0; i < message.header_count; ++i) {
        const RecordHeader& header = encoder_->headers(message)[i];
        headers.push_back(std::string(header.name) + ":" +
                          (header.value ? std::string(*header.value) : "null"));
      }
    }
    return out;
  }
  std::vector<std::string> encode(const std::string& sql, std::vector<std::int64_t> weights = {}) {
    return encode(input_.batch(sql, std::move(weights)));
  }
  std::vector<RefusedRow> refused;
  std::vector<std::string> headers;
  std::vector<std::int64_t> timestamps;

 private:
  TestInput& input_;
  std::optional<MessageEncoder> encoder_;
};

std::string error_of(const TestInput& input, const Settings& settings) {
  const auto options = read_message_options(input.input, settings);
  return options ? "none" : options.error().code + ": " + options.error().message;
}

TEST(MessageEncoder, WritesRowsOfAStreamAsJson) {
  TestInput input("SELECT 1 AS id, 'a\"b' AS name UNION ALL SELECT 2, NULL ORDER BY id");
  Encoding encoding(input, sink_settings());
  EXPECT_THAT(encoding.encode(input.batch()),
              ElementsAre(R"(null={"id":1,"name":"a\"b"})", R"(null={"id":2,"name":null})"));
}

TEST(MessageEncoder, FindsRowsWhoseValuesHoldLineBreaks) {
  TestInput input("SELECT i AS id, json('{\"a\":' || chr(10) || i || '}') AS j FROM range(3) t(i)");
  input.input.schema = Schema({{"id", Type::of(DUCKDB_TYPE_BIGINT)}, {"j", Type::json()}});
  Encoding encoding(input, sink_settings());
  const std::string sql = "SELECT i AS id, '[' || chr(10) || i || ']' AS j FROM range(3) t(i)";
  EXPECT_THAT(encoding.encode(sql),
              ElementsAre("null={\"id\":0,\"j\":[\n0]}", "null={\"id\":1,\"j\":[\n1]}",
                          "null={\"id\":2,\"j\":[\n2]}"));
}

TEST(MessageEncoder, WritesCsvAndTextAndBytes) {
  TestInput input("SELECT 7 AS id, 'a,b' AS name, '\\x00\\xFF'::BLOB AS raw");
  Settings settings = sink_settings();
  settings.set("format", std::string("csv"));
  EXPECT_THAT(Encoding(input, settings).encode(input.batch()), ElementsAre("null=7,\"a,b\",AP8="));
  settings.set("format", std::string("raw"));
  settings.set("column", std::string("raw"));
  EXPECT_THAT(Encoding(input, settings).encode(input.batch()),
              ElementsAre(std::string("null=\0\xFF", 7)));
  settings.set("format", std::string("text"));
  settings.set("column", std::string("id"));
  EXPECT_THAT(Encoding(input, settings).encode(input.batch()), ElementsAre("null=7"));
}

TEST(MessageEncoder, NullOfAColumnIsAMessageWithoutValue) {
  TestInput input("SELECT NULL::VARCHAR AS name UNION ALL SELECT ''");
  Settings settings = sink_settings();
  settings.set("format", std::string("text"));
  settings.set("column", std::string("name"));
  EXPECT_THAT(Encoding(input, settings).encode("SELECT NULL::VARCHAR UNION ALL SELECT ''"),
              testing::UnorderedElementsAre("null=null", "null="));
}

TEST(MessageEncoder, KeysAreTextOfOneColumnOrAnObjectOfSeveral) {
  TestInput input(
      "SELECT 'DE' AS country, 1.50::DECIMAL(6,2) AS price, DATE '2026-01-02' AS day, true AS ok, "
      "'x'::BLOB AS b, 'nan'::DOUBLE AS d");
  Settings settings = sink_settings();
  settings.set("key", std::vector<std::string>{"day"});
  EXPECT_THAT(Encoding(input, settings).encode(input.batch()).front(),
              testing::StartsWith("2026-01-02={"));
  settings.set("key", std::vector<std::string>{"country", "price", "day", "ok", "b", "d"});
  EXPECT_THAT(Encoding(input, settings).encode(input.batch()).front(),
              testing::StartsWith(R"({"country":"DE","price":1.50,"day":"2026-01-02","ok":true,)"
                                  R"("b":"eA==","d":null}={)"));
  settings.set("key", std::vector<std::string>{"country"});
  settings.set("key_format", std::string("json"));
  EXPECT_THAT(Encoding(input, settings).encode(input.batch()).front(),
              testing::StartsWith(R"({"country":"DE"}={)"));
}

TEST(MessageEncoder, HeadersAndTimestampComeFromColumns) {
  TestInput input(
      "SELECT 'a' AS kind, NULL::INTEGER AS n, TIMESTAMP '2026-01-01 00:00:00.001999' AS at");
  Settings settings = sink_settings();
  settings.set("headers", std::map<std::string, std::string>{{"h1", "kind"}, {"h2", "n"}});
  settings.set("timestamp", std::string("at"));
  Encoding encoding(input, settings);
  encoding.encode(input.batch());
  EXPECT_THAT(encoding.headers, ElementsAre("h1:a", "h2:null"));
  EXPECT_THAT(encoding.timestamps, ElementsAre(1767225600001));
}

TEST(MessageEncoder, AViewIsWrittenAsUpsertsAndTombstones) {
  TestInput input = TestInput::view("SELECT 'DE' AS country, 1 AS users", {0});
  Encoding encoding(input, sink_settings());
  // FR changes twice, DE goes, IT comes and goes.
  EXPECT_THAT(
      encoding.encode("SELECT * FROM (VALUES ('FR',1),('FR',2),('FR',2),('FR',3),('DE',9),"
                      "('IT',1),('IT',1)) t",
                      {-1, 1, -1, 1, -1, 1, -1}),
      testing::UnorderedElementsAre(R"(FR={"country":"FR","users":3})", "DE=null", "IT=null"));
}

TEST(MessageEncoder, AViewOfOneRowHasAnEmptyKey) {
  TestInput input = TestInput::view("SELECT 1 AS users", {});
  Encoding encoding(input, sink_settings());
  EXPECT_THAT(encoding.encode("SELECT * FROM (VALUES (1), (2)) t", {-1, 1}),
              ElementsAre(R"({}={"users":2})"));
}

TEST(MessageEncoder, AnUpsertWithoutKeyIsRefused) {
  TestInput input = TestInput::view("SELECT NULL::VARCHAR AS country, 1 AS users", {0});
  Encoding encoding(input, sink_settings());
  EXPECT_THAT(encoding.encode(input.batch()), IsEmpty());
  ASSERT_EQ(encoding.refused.size(), 1u);
  EXPECT_THAT(encoding.refused[0].reason, HasSubstr("key_format"));
  Settings settings = sink_settings();
  settings.set("key_format", std::string("json"));
  EXPECT_THAT(Encoding(input, settings).encode(input.batch()),
              ElementsAre(R"({"country":null}={"country":null,"users":1})"));
}

TEST(MessageEncoder, ChangesCarryTheirWeight) {
  TestInput input = TestInput::view("SELECT 'DE' AS country, 1 AS users", {0});
  input.input.changes = true;
  Settings settings = sink_settings();
  const std::string sql = "SELECT * FROM (VALUES ('DE',1), ('DE',2)) t";
  EXPECT_THAT(Encoding(input, settings).encode(sql, {-1, 1}),
              ElementsAre(R"(DE={"weight":-1,"country":"DE","users":1})",
                          R"(DE={"weight":1,"country":"DE","users":2})"));
  settings.set("format", std::string("csv"));
  EXPECT_THAT(Encoding(input, settings).encode(sql, {-1, 1}),
              ElementsAre("DE=-1,DE,1", "DE=1,DE,2"));
}

TEST(MessageEncoder, EnvelopesHoldBothStates) {
  TestInput input = TestInput::view("SELECT 'DE' AS c, 1 AS n", {0});
  Settings settings = sink_settings();
  settings.set("envelope", std::string("debezium"));
  Encoding encoding(input, settings);
  const std::string source = R"(,"source":{"connector":"leat","name":"rows"},"op":")";
  // Rows are taken back first, as an epoch does; IT comes and goes and leaves nothing.
  EXPECT_THAT(encoding.encode("SELECT * FROM (VALUES ('DE',1),('FR',5),('DE',2),('US',7),('IT',1),"
                              "('IT',1)) t",
                              {-1, -1, 1, 1, 1, -1}),
              ElementsAre(R"(DE={"before":{"c":"DE","n":1},"after":{"c":"DE","n":2})" + source +
                              R"(u","ts_ms":1700000000000})",
                          R"(FR={"before":{"c":"FR","n":5},"after":null)" + source +
                              R"(d","ts_ms":1700000000000})",
                          "FR=null",
                          R"(US={"before":null,"after":{"c":"US","n":7})" + source +
                              R"(c","ts_ms":1700000000000})"));
}

TEST(MessageEncoder, RecordsOfATopicStayAsTheyAre) {
  TestInput input = TestInput::topic();
  Encoding encoding(input, sink_settings());
  EXPECT_THAT(
      encoding.encode(
          "SELECT * FROM (VALUES "
          "('k'::BLOB, '{}'::BLOB, TIMESTAMPTZ '2026-01-01 00:00:00+00', 0::INTEGER, 5::BIGINT, "
          "NULL::BLOB),"
          "(NULL::BLOB, ''::BLOB, TIMESTAMPTZ '1969-01-01 00:00:00+00', 0, 6, NULL),"
          "('k'::BLOB, NULL::BLOB, TIMESTAMPTZ '2026-01-01 00:00:00.0009+00', 0, 7, NULL)) t"),
      ElementsAre("k={}", "null=", "k=null"));
  EXPECT_THAT(encoding.timestamps, ElementsAre(1767225600000, 0, 1767225600000));
}

TEST(MessageEncoder, HeadersOfATopicsRecordsStayToo) {
  TestInput input = TestInput::topic();
  Encoding encoding(input, sink_settings());
  const auto record = [](const std::string& headers) {
    return "SELECT 'k'::BLOB, 'v'::BLOB, TIMESTAMPTZ '2026-01-01 00:00:00+00', 0::INTEGER, "
           "5::BIGINT, '" +
           headers + "'::BLOB";
  };
  encoding.encode(record("\\x04\\x02a\\x04xy\\x02b\\x01"));
  EXPECT_THAT(encoding.headers, ElementsAre("a:xy", "b:null"));
  EXPECT_THAT(encoding.encode(record("\\x04\\x02a")), IsEmpty());
  ASSERT_EQ(encoding.refused.size(), 1u);
}

TEST(MessageEncoder, WritesManyPartsWithSomeRowsEach) {
  TestInput input = TestInput::view("SELECT 1::BIGINT AS id, 'x' AS text", {0});
  Encoding encoding(input, sink_settings());
  // 5,000 rows in three parts; every key is written three times.
  const auto messages =
      encoding.encode("SELECT (i % 1700)::BIGINT AS id, 'row ' || i AS text FROM range(5000) t(i)");
  ASSERT_EQ(messages.size(), 1700u);
  EXPECT_THAT(messages, testing::Contains(R"(0={"id":0,"text":"row 3400"})"));
  EXPECT_THAT(messages, testing::Contains(R"(1699={"id":1699,"text":"row 3399"})"));
}

TEST(MessageOptions, SaysWhatDoesNotFit) {
  TestInput input("SELECT 1 AS id, [1] AS list, 'a' AS name");
  Settings settings = sink_settings();
  settings.set("key", std::vector<std::string>{"nam"});
  EXPECT_THAT(error_of(input, settings),
              HasSubstr("`key`: rows has no column nam; there are id, list, name"));
  settings.set("key", std::vector<std::string>{"list"});
  EXPECT_THAT(error_of(input, settings), HasSubstr("to_json(list)::text"));
  settings.set("key", std::vector<std::string>{"id", "name"});
  settings.set("key_format", std::string("text"));
  EXPECT_THAT(error_of(input, settings), HasSubstr("kafka-key"));
  settings = sink_settings();
  settings.set("format", std::string("raw"));
  EXPECT_THAT(error_of(input, settings), HasSubstr("name it by `column`"));
  settings.set("column", std::string("id"));
  EXPECT_THAT(error_of(input, settings), HasSubstr("writes bytes, but id is INTEGER"));
  settings = sink_settings();
  settings.set("timestamp", std::string("name"));
  EXPECT_THAT(error_of(input, settings), HasSubstr("a TIMESTAMP is wanted"));
  settings = sink_settings();
  settings.set("envelope", std::string("debezium"));
  settings.set("format", std::string("csv"));
  EXPECT_THAT(error_of(input, settings), HasSubstr("kafka-format"));

  TestInput view = TestInput::view("SELECT 1 AS id, 'a' AS name", {0});
  settings = sink_settings();
  settings.set("key", std::vector<std::string>{"name"});
  EXPECT_THAT(error_of(view, settings), HasSubstr("the view's own"));
  TestInput topic = TestInput::topic();
  EXPECT_THAT(error_of(topic, settings), HasSubstr("written as they are"));
}

TEST(RecordHeaders, ComeBackAsTheyWere) {
  const std::string long_value(300, 'v');
  const std::vector<RecordHeader> headers = {{"a", "1"}, {"", std::nullopt}, {"c", long_value}};
  std::string encoded;
  append_headers(headers, encoded);
  std::vector<RecordHeader> back;
  ASSERT_TRUE(parse_headers(encoded, back));
  ASSERT_EQ(back.size(), 3u);
  EXPECT_EQ(back[0].name, "a");
  EXPECT_EQ(back[1].value, std::nullopt);
  EXPECT_EQ(back[2].value, long_value);
  for (std::size_t cut = 1; cut < encoded.size(); ++cut) {
    EXPECT_FALSE(parse_headers(std::string_view(encoded).substr(0, cut), back)) << cut;
  }
}

}  // namespace
}  // namespace leat::connector::kafka

#include "connector/kafka/kafka_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_patience.h"
#include "connector/kafka/cluster_test_support.h"

namespace leat::connector::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

[[maybe_unused]] const auto* const shared_end =
    testing::AddGlobalTestEnvironment(new SharedKafkaEnd);

std::unique_ptr<Sink> sink_of(const SinkInput& input, const Settings& settings) {
  auto sink = make_kafka_sink(input, settings, Context());
  EXPECT_TRUE(sink) << sink.error().message;
  return std::move(*sink);
}

/// Rows first…first+count-1 of a stream with an id each; the position says where they end.
SinkBatch numbered(TestInput& input, int first, int count) {
  SinkBatch batch = input.batch(
      fmt::format("SELECT i::INTEGER AS id, 'row ' || i AS text FROM range({}, {}) t(i)", first,
                  first + count));
  batch.position = fmt::format("0123456789abcdef {}", first + count);
  return batch;
}
TestInput numbers() { return TestInput("SELECT 1::INTEGER AS id, 'a' AS text"); }

/// What a batch puts among the dead letters.
struct Letters {
  explicit Letters(SinkBatch& batch) {
    batch.set_aside = [this](std::span<const RefusedRow> refused) -> Status {
      rows.insert(rows.end(), refused.begin(), refused.end());
      return {};
    };
  }
  std::vector<RefusedRow> rows;
};

std::string row(int id) { return fmt::format(R"({{"id":{},"text":"row {}"}})", id, id); }

void expect_open(Sink& sink, const std::optional<std::string>& position) {
  const auto opened = sink.open({});
  ASSERT_TRUE(opened) << opened.error().code << ": " << opened.error().message;
  EXPECT_EQ(*opened, position);
}

/// As the engine does after an outage: again until it works.
std::optional<std::string> open_again(Sink& sink) {
  const Deadline deadline({}, 90'000);
  auto opened = sink.open({});
  while (!opened && opened.error().retryable && !deadline.over()) opened = sink.open({});
  EXPECT_TRUE(opened) << opened.error().code << ": " << opened.error().message;
  return opened ? *opened : std::nullopt;
}

void expect_written(Sink& sink, const SinkBatch& batch) {
  const auto refused = sink.write(batch, {});
  ASSERT_TRUE(refused) << refused.error().code << ": " << refused.error().message;
  EXPECT_THAT(*refused, IsEmpty());
}

TEST(KafkaSink, StoresThePositionWithTheRows) {
  LEAT_NEED_KAFKA(kafka);
  TestInput input = numbers();
  {
    auto sink = sink_of(input.input, kafka.sink_settings("position"));
    expect_open(*sink, std::nullopt);
    expect_written(*sink, numbered(input, 0, 3));
    expect_written(*sink, numbered(input, 3, 1));
  }
  auto again = sink_of(input.input, kafka.sink_settings("position"));
  expect_open(*again, "0123456789abcdef 4");
  // Opened once more without a word written.
  expect_open(*again, "0123456789abcdef 4");
  expect_written(*again, numbered(input, 4, 1));
  EXPECT_THAT(kafka.values("position"), ElementsAre(row(0), row(1), row(2), row(3), row(4)));
}

TEST(KafkaSink, ASecondInstanceShutsTheFirstOut) {
  LEAT_NEED_KAFKA(kafka);
  TestInput input = numbers();
  auto first = sink_of(input.input, kafka.sink_settings("fenced"));
  expect_open(*first, std::nullopt);
  expect_written(*first, numbered(input, 0, 1));
  auto second = sink_of(input.input, kafka.sink_settings("fenced"));
  expect_open(*second, "0123456789abcdef 1");

  const auto refused = first->write(numbered(input, 1, 1), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "kafka-fenced");
  const auto opened = first->open({});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "sink-fenced");
  EXPECT_THAT(opened.error().message, HasSubstr("transactional_id"));

  expect_written(*second, numbered(input, 1, 1));
  EXPECT_THAT(kafka.values("fenced"), ElementsAre(row(0), row(1)));
}

TEST(KafkaSink, WithoutTransactionsKeepsNoPosition) {
  LEAT_NEED_KAFKA(kafka);
  TestInput input = numbers();
  Settings settings = kafka.sink_settings("at_least_once");
  settings.set("exactly_once", false);
  auto sink = sink_of(input.input, settings);
  expect_open(*sink, std::nullopt);
  expect_written(*sink, numbered(input, 0, 2));
  expect_open(*sink, std::nullopt);
  EXPECT_THAT(kafka.values("at_least_once"), ElementsAre(row(0), row(1)));
}

TEST(KafkaSink, MakesTheTopicAsToldAndWritesUpserts) {
  LEAT_NEED_KAFKA(kafka);
  TestInput input = TestInput::view("SELECT 'DE' AS country, 1 AS users", {0});
  Settings settings = kafka.sink_settings("upserts");
  settings.set("partitions", std::int64_t{3});
  settings.set("topic_settings", std::map<std::string, std::string>{{"cleanup.policy", "compact"}});
  auto sink = sink_of(input.input, settings);
  EXPECT_THAT(*sink->probe({}), HasSubstr("topic upserts is missing and will be made"));
  expect_open(*sink, std::nullopt);
  EXPECT_THAT(*sink->probe({}), HasSubstr("topic upserts has 3 partitions"));
  expect_written(*sink, input.batch("SELECT * FROM (VALUES ('DE',1),('FR',1),('IT',1)) t"));
  expect_written(*sink,
                 input.batch("SELECT * FROM (VALUES ('DE',1),('IT',1),('DE',2)) t", {-1, -1, 1}));
  EXPECT_THAT(kafka.newest("upserts"),
              UnorderedElementsAre(Pair("DE", R"({"country":"DE","users":2})"),
                                   Pair("FR", R"({"country":"FR","users":1})")));
  EXPECT_THAT(kafka.values("upserts"), testing::Contains("null"));
}

TEST(KafkaSink, WritesRecordsAsTheyWere) {
  LEAT_NEED_KAFKA(kafka);
  TestInput input = TestInput::topic();
  auto sink = sink_of(input.input, kafka.sink_settings("records"));
  expect_open(*sink, std::nullopt);
  expect_written(*sink, input.batch("SELECT 'k'::BLOB, '\\x00\\xFF'::BLOB, TIMESTAMPTZ "
                                    "'2026-01-01 00:00:00+00', 0::INTEGER, 5::BIGINT, "
                                    "'\\x04\\x02a\\x04xy\\x02b\\x01'::BLOB"));
  expect_written(*sink, input.batch("SELECT 'k'::BLOB, NULL::BLOB, TIMESTAMPTZ "
                                    "'2026-01-01 00:00:01+00', 0::INTEGER, 5::BIGINT, NULL::BLOB"));
  const auto messages = kafka.read("records");
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].key, "k");
  EXPECT_EQ(messages[0].value, std::string("\0\xFF", 2));
  EXPECT_EQ(messages[0].timestamp_ms, 1767225600000);
  EXPECT_THAT(messages[0].headers, ElementsAre("a:xy", "b:null"));
  EXPECT_EQ(messages[1].value, "null");
}

TEST(KafkaSink, SetsAsideRowsThatAreTooLarge) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("small", 1, {{"max.message.bytes", "2000"}});
  TestInput input("SELECT 1::INTEGER AS id, 'a' AS text");
  auto sink = sink_of(input.input, kafka.sink_settings("small"));
  expect_open(*sink, std::nullopt);
  SinkBatch batch = input.batch(
      "SELECT i::INTEGER AS id, repeat('x', CASE i % 10 WHEN 5 THEN 3000 ELSE 300 END) AS text "
      "FROM range(100) t(i)");
  Letters letters(batch);
  expect_written(*sink, batch);
  ASSERT_EQ(letters.rows.size(), 10u);
  EXPECT_EQ(letters.rows[0].row, 5u);
  EXPECT_THAT(letters.rows[0].reason, HasSubstr("takes 2000 at most (max.message.bytes)"));
  EXPECT_EQ(kafka.values("small").size(), 90u);
}

TEST(KafkaSink, SetsAsideRowsWithATimestampThatTheTopicRefuses) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("timely", 2,
               {{"message.timestamp.before.max.ms", "3600000"},
                {"message.timestamp.after.max.ms", "3600000"}});
  TestInput input("SELECT 1::INTEGER AS id, 1::BIGINT AS at");
  Settings settings = kafka.sink_settings("timely");
  settings.set("timestamp", std::string("at"));
  auto sink = sink_of(input.input, settings);
  expect_open(*sink, std::nullopt);
  SinkBatch batch = input.batch(
      "SELECT i::INTEGER AS id, epoch_ms(now()) - CASE i WHEN 7 THEN 7200000 WHEN 30 THEN -7200000 "
      "ELSE 0 END AS at FROM range(40) t(i)");
  Letters letters(batch);
  expect_written(*sink, batch);
  ASSERT_EQ(letters.rows.size(), 2u);
  EXPECT_EQ(letters.rows[0].row, 7u);
  EXPECT_THAT(letters.rows[0].reason, HasSubstr("message.timestamp.before.max.ms"));
  EXPECT_THAT(letters.rows[1].reason, HasSubstr("message.timestamp.after.max.ms"));
  EXPECT_EQ(kafka.values("timely").size(), 38u);
}

TEST(KafkaSink, FindsTheRowsThatBrokersRefuse) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("shrinking", 2);
  TestInput input("SELECT 1::INTEGER AS id, 'a' AS text");
  for (const bool exactly_once : {true, false}) {
    SCOPED_TRACE(exactly_once);
    Settings settings = kafka.sink_settings("shrinking");
    settings.set("exactly_once", exactly_once);
    // No size is known to be too large, as for a user who may not see the topic's settings.
    settings.set("settings", std::map<std::string, std::string>{{"message.max.bytes", "900000"}});
    settings.set("compression", std::string("none"));
    kafka.limit_messages("shrinking", 1'000'000);
    auto sink = sink_of(input.input, settings);
    expect_open(*sink, std::nullopt);
    kafka.limit_messages("shrinking", 3000);
    SinkBatch batch = input.batch(
        "SELECT i::INTEGER AS id, repeat('x', CASE WHEN i IN (7, 30) THEN 4000 ELSE 100 END) AS "
        "text FROM range(40) t(i)");
    Letters letters(batch);
    const auto refused = sink->write(batch, {});
    ASSERT_TRUE(refused) << refused.error().message;
    if (!exactly_once) letters.rows = *refused;
    ASSERT_EQ(letters.rows.size(), 2u);
    EXPECT_EQ(letters.rows[0].row + letters.rows[1].row, 37u);
    EXPECT_EQ(kafka.values("shrinking").size(), exactly_once ? 38u : 76u);
  }
}

TEST(KafkaSink, SaysWhatIsMissing) {
  LEAT_NEED_KAFKA(kafka);
  TestInput input = numbers();
  Settings settings = kafka.sink_settings("absent");
  settings.set("create", false);
  auto sink = sink_of(input.input, settings);
  for (const Error& error : {sink->probe({}).error(), sink->open({}).error()}) {
    EXPECT_EQ(error.code, "kafka-topic-missing");
    EXPECT_THAT(error.message, HasSubstr("kafka-topics.sh --create --topic absent"));
    EXPECT_FALSE(error.retryable);
  }
  settings.set("create", true);
  settings.set("replication", std::int64_t{7});
  const auto opened = sink_of(input.input, settings)->open({});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "kafka-topic-settings");

  kafka.create("compacted", 1, {{"cleanup.policy", "compact"}});
  const auto keyless = sink_of(input.input, kafka.sink_settings("compacted"))->open({});
  ASSERT_FALSE(keyless);
  EXPECT_EQ(keyless.error().code, "kafka-key");
}

TEST(KafkaSink, RefusesSettingsThatLibrdkafkaOrLeatCannotTake) {
  TestInput input = numbers();
  const auto error_of = [&](const std::string& name, const std::string& value) {
    Settings settings = sink_settings();
    settings.set("settings", std::map<std::string, std::string>{{name, value}});
    const auto sink = make_kafka_sink(input.input, settings, Context());
    return sink ? "none" : sink.error().code + ": " + sink.error().message;
  };
  EXPECT_EQ(error_of("linger.ms", "20"), "none");
  EXPECT_THAT(error_of("linger.mss", "20"), HasSubstr("no property linger.mss"));
  EXPECT_THAT(error_of("linger.ms", "soon"), HasSubstr("kafka-setting"));
  EXPECT_THAT(error_of("transactional.id", "mine"), HasSubstr("use `transactional_id`"));
}

TEST(KafkaSink, WhatFailedIsNeverSeenAndComesOnce) {
  LEAT_NEED_SERVER(server, "kafka");
  TestCluster kafka(&server);
  TestInput input = numbers();
  Settings settings = kafka.sink_settings("outage");
  settings.set("timeout", std::int64_t{2000});
  settings.set("connect_timeout", std::int64_t{2000});
  auto sink = sink_of(input.input, settings);
  EXPECT_EQ(open_again(*sink), std::nullopt);
  expect_written(*sink, numbered(input, 0, 10));

  ASSERT_EQ(kafka.command("kill"), "ok");
  const auto down = sink->write(numbered(input, 10, 10), {});
  ASSERT_FALSE(down);
  EXPECT_TRUE(down.error().retryable) << down.error().message;
  const auto still_down = sink->open({});
  ASSERT_FALSE(still_down);
  EXPECT_TRUE(still_down.error().retryable) << still_down.error().message;
  EXPECT_EQ(still_down.error().code, "kafka-unreachable");
  EXPECT_THAT(still_down.error().message, HasSubstr("refused"));

  ASSERT_EQ(kafka.command("restart"), "ok");
  EXPECT_EQ(open_again(*sink), "0123456789abcdef 10");
  expect_written(*sink, numbered(input, 10, 10));
  EXPECT_EQ(kafka.values("outage").size(), 20u);
}

TEST(KafkaSink, AFrozenBrokerHoldsNobodyForLong) {
  LEAT_NEED_SERVER(server, "kafka");
  TestCluster kafka(&server);
  TestInput input = numbers();
  Settings settings = kafka.sink_settings("frozen");
  settings.set("timeout", std::int64_t{3000});
  auto sink = sink_of(input.input, settings);
  expect_open(*sink, std::nullopt);
  expect_written(*sink, numbered(input, 0, 10));

  ASSERT_EQ(kafka.command("freeze"), "ok");
  const auto begin = steady_clock::now();
  const auto frozen = sink->write(numbered(input, 10, 10), {});
  ASSERT_FALSE(frozen);
  EXPECT_TRUE(frozen.error().retryable) << frozen.error().message;
  EXPECT_LT(steady_clock::now() - begin, patience(milliseconds(8000)));

  // While it connects, and stopped.
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(300));
    stop.request_stop();
  });
  const auto stopped_at = steady_clock::now();
  EXPECT_FALSE(sink->open(stop.get_token()));
  EXPECT_LT(steady_clock::now() - stopped_at, patience(milliseconds(2300)));

  ASSERT_EQ(kafka.command("thaw"), "ok");
  const auto opened = open_again(*sink);
  // What was under way may have arrived after all; then the position says so.
  const int written = opened == "0123456789abcdef 20" ? 20 : 10;
  EXPECT_EQ(opened, fmt::format("0123456789abcdef {}", written));
  expect_written(*sink, numbered(input, written, 20));
  EXPECT_EQ(kafka.values("frozen").size(), static_cast<std::size_t>(written + 20));
}

TEST(KafkaSink, StopsWhileItWritesToAFrozenBroker) {
  LEAT_NEED_SERVER(server, "kafka");
  TestCluster kafka(&server);
  TestInput input = numbers();
  auto sink = sink_of(input.input, kafka.sink_settings("stopping"));
  expect_open(*sink, std::nullopt);
  ASSERT_EQ(kafka.command("freeze"), "ok");
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(500));
    stop.request_stop();
  });
  const auto begin = steady_clock::now();
  EXPECT_FALSE(sink->write(numbered(input, 0, 10), stop.get_token()));
  EXPECT_LT(steady_clock::now() - begin, patience(milliseconds(3500)));
  const auto destroyed_at = steady_clock::now();
  sink.reset();
  EXPECT_LT(steady_clock::now() - destroyed_at, patience(milliseconds(2000)));
}

TEST(KafkaSink, GoesOnWhenOneOfThreeBrokersIsKilledUnderLoad) {
  LEAT_NEED_SERVER(server, "kafka", {"--nodes", "3"});
  TestCluster kafka(&server);
  TestInput input = numbers();
  Settings settings = kafka.sink_settings("three");
  settings.set("partitions", std::int64_t{6});
  settings.set("timeout", std::int64_t{20'000});
  auto sink = sink_of(input.input, settings);
  expect_open(*sink, std::nullopt);
  constexpr int rows_max = 20'000, batch_rows = 200;
  int next = 0;
  const Deadline deadline({}, 90'000);
  while (next < rows_max && !deadline.over()) {
    if (next == rows_max / 4) kafka.command("kill 2");
    if (next == rows_max / 2) kafka.command("restart 2");
    if (sink->write(numbered(input, next, batch_rows), {})) {
      next += batch_rows;
      continue;
    }
    // As the engine does: open again, and go on where the cluster says.
    const auto opened = sink->open({});
    ASSERT_TRUE(opened || opened.error().retryable) << opened.error().message;
    if (opened && *opened) next = std::stoi((*opened)->substr(17));
  }
  ASSERT_EQ(next, rows_max);
  std::vector<std::string> values = kafka.values("three");
  EXPECT_EQ(values.size(), static_cast<std::size_t>(rows_max));
  std::ranges::sort(values);
  EXPECT_EQ(std::ranges::unique(values).size(), 0u) << "rows came twice";
}

}  // namespace
}  // namespace leat::connector::kafka

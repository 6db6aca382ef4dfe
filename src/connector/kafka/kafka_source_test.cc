#include "connector/kafka/kafka_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_patience.h"
#include "connector/kafka/cluster_test_support.h"
#include "connector/kafka/kafka_sink.h"
#include "connector/kafka/reading_client.h"

namespace leat::connector::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const milliseconds wait_max = patience(milliseconds(60'000));

/// A source and what an epoch loop does with it.
class Reading {
 public:
  explicit Reading(Settings settings) {
    settings.set("discover_every", std::int64_t{200});
    auto made = make_kafka_source(settings, Context());
    EXPECT_TRUE(made) << made.error().message;
    source_ = std::move(*made);
  }
  /// Until so many partitions are there.
  void find(std::size_t count) {
    const auto ends = steady_clock::now() + wait_max;
    while (partitions.size() < count && steady_clock::now() < ends) {
      auto found = source_->discover();
      if (found) std::ranges::move(*found, std::back_inserter(partitions));
      if (!found) last_error = found.error();
      std::this_thread::sleep_for(milliseconds(20));
    }
    ASSERT_EQ(partitions.size(), count) << last_error.message;
    std::ranges::sort(partitions, {}, &PartitionReader::name);
  }
  /// Reads until so many values were read in all, or nothing more comes.
  std::vector<std::string> read(std::size_t count) {
    std::vector<std::string> out;
    const auto ends = steady_clock::now() + wait_max;
    while (out.size() < count && steady_clock::now() < ends) {
      for (auto& partition : partitions) {
        const auto outcome = partition->read(slice, 1 << 20);
        EXPECT_TRUE(outcome) << outcome.error().message;
        if (!outcome) return out;
        if (*outcome != PartitionReader::Outcome::records) continue;
        for (const Record& record : slice.records) {
          out.push_back(record.value.data() == nullptr ? "null" : std::string(record.value));
        }
        next = slice.next;
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
    return out;
  }
  /// The error that reading comes to.
  Error error() {
    const auto ends = steady_clock::now() + wait_max;
    while (steady_clock::now() < ends) {
      for (auto& partition : partitions) {
        const auto outcome = partition->read(slice, 1 << 20);
        if (!outcome) return outcome.error();
      }
      (void)source_->discover();
      std::this_thread::sleep_for(milliseconds(20));
    }
    return {};
  }
  ReplayableSource& source() { return *source_; }

  std::vector<std::unique_ptr<PartitionReader>> partitions;
  Slice slice;
  Offset next;
  Error last_error;

 private:
  std::unique_ptr<ReplayableSource> source_;
};

TEST(KafkaSource, ReadsMessagesAsTheyAre) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("plain");
  kafka.produce("plain", {"a", "", "null"}, 0, "k", 1767225600000);
  kafka.produce("plain", {"no key"});
  Reading reading(kafka.source_settings("plain"));
  reading.find(1);
  EXPECT_EQ(reading.partitions[0]->name(), "plain/0");
  EXPECT_EQ(reading.partitions[0]->origin()->topic, "plain");
  std::vector<TimestampMs> timestamps;
  const auto ends = steady_clock::now() + wait_max;
  std::vector<std::string> shown;
  while (shown.size() < 4 && steady_clock::now() < ends) {
    if (*reading.partitions[0]->read(reading.slice, 1 << 20) != PartitionReader::Outcome::records) {
      continue;
    }
    for (const Record& record : reading.slice.records) {
      shown.push_back(fmt::format("{} {}={}", record.offset, record.has_key ? record.key : "none",
                                  record.value.data() == nullptr ? "null" : record.value));
      timestamps.push_back(record.timestamp);
    }
  }
  EXPECT_THAT(shown, ElementsAre("0 k=a", "1 k=", "2 k=null", "3 none=no key"));
  EXPECT_EQ(timestamps[0], 1767225600000);
  EXPECT_EQ(reading.slice.next, Offset(4));
  EXPECT_EQ(reading.partitions[0]->lag(), 0u);
}

TEST(KafkaSource, HeadersAreThoseOfTheRecord) {
  LEAT_NEED_KAFKA(kafka);
  TestInput input("SELECT 'v' AS text, 'h' AS one, NULL::VARCHAR AS two");
  Settings settings = kafka.sink_settings("headers");
  settings.set("headers", std::map<std::string, std::string>{{"a", "one"}, {"b", "two"}});
  auto sink = *make_kafka_sink(input.input, settings, Context());
  ASSERT_TRUE(sink->open({}));
  ASSERT_TRUE(sink->write(input.batch(), {}));
  Reading reading(kafka.source_settings("headers"));
  reading.find(1);
  ASSERT_EQ(reading.read(1).size(), 1u);
  std::vector<RecordHeader> headers;
  ASSERT_TRUE(parse_headers(reading.slice.records[0].headers, headers));
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers[0].name, "a");
  EXPECT_EQ(headers[0].value, "h");
  EXPECT_EQ(headers[1].value, std::nullopt);
}

TEST(KafkaSource, FindsTopicsByPatternAndPartitionsThatCome) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("found-a", 2);
  kafka.create("other");
  Settings settings = kafka.source_settings("^found-.*");
  settings.set("start", std::string("latest"));
  Reading reading(settings);
  reading.find(2);
  // What appears later is read from its beginning.
  kafka.add_partitions("found-a", 3);
  kafka.produce("found-a", {"third"}, 2);
  kafka.create("found-b");
  kafka.produce("found-b", {"new topic"});
  reading.find(4);
  EXPECT_THAT(reading.read(2), UnorderedElementsAre("third", "new topic"));
}

TEST(KafkaSource, WaitsForATopicThatIsMissing) {
  LEAT_NEED_KAFKA(kafka);
  Reading reading(kafka.source_settings("later"));
  const auto first = reading.source().discover();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_THAT(*first, IsEmpty());
  const auto second = reading.source().discover();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "kafka-topic-missing");
  EXPECT_THAT(reading.source().probe({}).error().message, HasSubstr("there is no topic later"));
  // Asking has not made it.
  EXPECT_THAT(reading.source().probe({}).error().message, HasSubstr("there is no topic later"));
  kafka.create("later");
  kafka.produce("later", {"at last"});
  reading.find(1);
  EXPECT_THAT(reading.read(1), ElementsAre("at last"));
  EXPECT_THAT(**reading.source().probe({}), HasSubstr("1 topics with 1 partitions"));
}

TEST(KafkaSource, BeginsWhereItIsTold) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("starts");
  const auto day = [](int n) { return 1767225600000 + n * std::int64_t{86'400'000}; };
  for (int i = 0; i < 4; ++i) kafka.produce("starts", {fmt::format("day {}", i)}, 0, "", day(i));
  const auto start_of = [&](const std::string& start) {
    Settings settings = kafka.source_settings("starts");
    settings.set("start", start);
    Reading reading(settings);
    reading.find(1);
    return reading.partitions.empty() ? -1 : reading.partitions[0]->start().value();
  };
  EXPECT_EQ(start_of("earliest"), 0);
  EXPECT_EQ(start_of("latest"), 4);
  EXPECT_EQ(start_of("2026-01-02T12:00:00Z"), 2);
  EXPECT_EQ(start_of("2027-01-01"), 4);
  EXPECT_EQ(start_of("committed"), 0);

  Settings settings = kafka.source_settings("starts");
  settings.set("start", std::string("yesterday"));
  EXPECT_THAT(make_kafka_source(settings, Context()).error().message, HasSubstr("earliest"));
}

TEST(KafkaSource, GoesOnAtAPositionAndTellsTheGroup) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("resume");
  kafka.produce("resume", {"0", "1", "2"});
  Settings settings = kafka.source_settings("resume");
  settings.set("group", std::string("readers"));
  {
    Reading reading(settings);
    reading.find(1);
    EXPECT_THAT(reading.read(3), ElementsAre("0", "1", "2"));
    reading.partitions[0]->committed(reading.next);
  }
  kafka.produce("resume", {"3"});
  Settings by_group = settings;
  by_group.set("start", std::string("committed"));
  Reading told(by_group);
  told.find(1);
  EXPECT_EQ(told.partitions[0]->start(), Offset(3));

  Reading again(settings);
  again.find(1);
  ASSERT_TRUE(again.partitions[0]->seek(Offset(2)));
  EXPECT_EQ(again.partitions[0]->lag(), 2u);
  EXPECT_THAT(again.read(2), ElementsAre("2", "3"));
}

TEST(KafkaSource, NeverJumpsOverWhatIsGone) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("gone");
  kafka.produce("gone", {"0", "1", "2", "3"});
  kafka.delete_records("gone", 2);
  Reading reading(kafka.source_settings("gone"));
  reading.find(1);
  EXPECT_EQ(reading.partitions[0]->start(), Offset(2));
  const Status before = reading.partitions[0]->seek(Offset(1));
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().code, "position-lost");
  EXPECT_THAT(before.error().message, HasSubstr("removed the messages before offset 2"));
  const Status behind = reading.partitions[0]->seek(Offset(5));
  ASSERT_FALSE(behind);
  EXPECT_THAT(behind.error().message, HasSubstr("deleted and made again"));
  ASSERT_TRUE(reading.partitions[0]->seek(Offset(3)));
  EXPECT_THAT(reading.read(1), ElementsAre("3"));
}

TEST(KafkaSource, NoticesThatMessagesGoWhileItReads) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("going");
  kafka.produce("going", {"0", "1"});
  Reading reading(kafka.source_settings("going"));
  reading.find(1);
  kafka.delete_records("going", 2);
  const Error error = reading.error();
  EXPECT_EQ(error.code, "position-lost");
  EXPECT_THAT(error.message, HasSubstr("offset 0 of partition 0"));
}

TEST(KafkaSource, NoticesATopicThatWasMadeAgain) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("anew");
  kafka.produce("anew", {"0", "1", "2"});
  Settings settings = kafka.source_settings("anew");
  settings.set("group", std::string("anew-readers"));
  {
    Reading reading(settings);
    reading.find(1);
    EXPECT_EQ(reading.read(3).size(), 3u);
    reading.partitions[0]->committed(reading.next);
    kafka.remove("anew");
    const Error error = reading.error();
    EXPECT_EQ(error.code, "position-lost");
    EXPECT_THAT(error.message, HasSubstr("was deleted"));
  }
  // As long as before, and longer: offsets alone would not tell.
  kafka.create("anew");
  kafka.produce("anew", {"x0", "x1", "x2", "x3"});
  settings.set("group", std::string("nobody"));
  {
    Reading fresh(settings);
    fresh.find(1);
    ASSERT_TRUE(fresh.partitions[0]->seek(Offset(3))) << "nothing to compare with";
    EXPECT_EQ(fresh.read(1).size(), 1u);
    fresh.partitions[0]->committed(fresh.next);
  }
  Reading again(settings);
  again.find(1);
  EXPECT_TRUE(again.partitions[0]->seek(Offset(4)));
}

TEST(KafkaSource, ComparesTheLastMessageWithTheOneThatWasRead) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("compared");
  kafka.produce("compared", {"0", "1", "2"}, 0, "", 1767225600000);
  Settings settings = kafka.source_settings("compared");
  settings.set("group", std::string("comparers"));
  const SourceOptions options = *read_source_options(settings, Context());
  const auto find = [&](const Fingerprint& last) {
    {
      const auto client = *ReadingClient::make(options);
      client->note_committed({"compared", 0}, {3, last});
      client->commit_positions(20'000);
    }
    auto reading = std::make_unique<Reading>(settings);
    reading->find(1);
    return reading;
  };
  EXPECT_TRUE(find(Fingerprint::of(1767225600000, "2"))->partitions[0]->seek(Offset(3)));
  const Status other = find(Fingerprint::of(1767225600000, "two"))->partitions[0]->seek(Offset(3));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, "position-lost");
  EXPECT_THAT(other.error().message, HasSubstr("another message stands"));
}

TEST(KafkaSource, SeesCommittedTransactionsOnly) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("transactions");
  const auto producer =
      *Client::make(RD_KAFKA_PRODUCER, kafka.connection(), {{"transactional.id", "t"}});
  rd_kafka_t* const handle = producer->handle();
  ASSERT_EQ(rd_kafka_init_transactions(handle, 20'000), nullptr);
  const auto transaction = [&](const char* value, bool commit) {
    rd_kafka_begin_transaction(handle);
    rd_kafka_producev(
        handle, RD_KAFKA_V_TOPIC("transactions"), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(const_cast<char*>(value), std::strlen(value)), RD_KAFKA_V_END);
    rd_kafka_flush(handle, 20'000);
    EXPECT_EQ(commit ? rd_kafka_commit_transaction(handle, 20'000)
                     : rd_kafka_abort_transaction(handle, 20'000),
              nullptr);
  };
  transaction("first", true);
  transaction("aborted", false);
  transaction("last", true);
  Settings settings = kafka.source_settings("transactions");
  settings.set("stop_at_end", true);
  Reading reading(settings);
  reading.find(1);
  EXPECT_THAT(reading.read(2), ElementsAre("first", "last"));
  // Behind the last message stands the end of its transaction; that is the end too.
  const auto ends = steady_clock::now() + wait_max;
  auto outcome = *reading.partitions[0]->read(reading.slice, 1 << 20);
  while (outcome == PartitionReader::Outcome::nothing && steady_clock::now() < ends) {
    outcome = *reading.partitions[0]->read(reading.slice, 1 << 20);
  }
  EXPECT_EQ(outcome, PartitionReader::Outcome::ended);
  EXPECT_EQ(reading.partitions[0]->lag(), 0u);
  EXPECT_FALSE(reading.source().keeps_discovering());

  settings.set("isolation", std::string("read_uncommitted"));
  Reading all(settings);
  all.find(1);
  EXPECT_THAT(all.read(3), ElementsAre("first", "aborted", "last"));
}

TEST(KafkaSource, ReadsManyMessagesInOrderWithoutLoss) {
  LEAT_NEED_KAFKA(kafka);
  kafka.create("many");
  std::vector<std::string> values;
  for (int i = 0; i < 50'000; ++i) values.push_back(fmt::format("message {}", i));
  kafka.produce("many", values);
  Reading reading(kafka.source_settings("many"));
  reading.find(1);
  EXPECT_EQ(reading.read(values.size()), values);
}

TEST(KafkaSource, AClusterThatIsAwayIsWaitedFor) {
  LEAT_NEED_SERVER(server, "kafka");
  TestCluster kafka(&server);
  kafka.create("outage");
  kafka.produce("outage", {"before"});
  Settings settings = kafka.source_settings("outage");
  settings.set("connect_timeout", std::int64_t{2000});
  Reading reading(settings);
  reading.find(1);
  EXPECT_THAT(reading.read(1), ElementsAre("before"));
  ASSERT_EQ(kafka.command("kill"), "ok");
  // Reading finds nothing, until `discover` has noticed that nobody answers: then it says so, too.
  const auto ends = steady_clock::now() + wait_max;
  Result<std::vector<std::unique_ptr<PartitionReader>>> found;
  do {
    const auto outcome = reading.partitions[0]->read(reading.slice, 1 << 20);
    if (!outcome) {
      ASSERT_TRUE(outcome.error().retryable) << outcome.error().message;
      EXPECT_EQ(outcome.error().code, "kafka-unreachable");
    }
    found = reading.source().discover();
  } while (found && steady_clock::now() < ends);
  ASSERT_FALSE(found);
  EXPECT_TRUE(found.error().retryable);
  EXPECT_EQ(found.error().code, "kafka-unreachable");

  // One that starts meanwhile waits, too, and stops when it is told.
  {
    Reading early(settings);
    const auto first = early.source().discover();
    ASSERT_TRUE(first) << first.error().message;
    const auto stopped_at = steady_clock::now();
    early = Reading(settings);
    EXPECT_LT(steady_clock::now() - stopped_at, patience(milliseconds(2500)));
  }
  ASSERT_EQ(kafka.command("restart"), "ok");
  kafka.produce("outage", {"after"});
  // The next look that succeeds ends the trouble.
  const auto back_by = steady_clock::now() + wait_max;
  while (!reading.source().discover() && steady_clock::now() < back_by) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_THAT(reading.read(1), ElementsAre("after"));
}

}  // namespace
}  // namespace leat::connector::kafka

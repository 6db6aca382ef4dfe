#include "connector/kafka/kafka_topics.h"

#include <condition_variable>
#include <filesystem>

#include "base/test_patience.h"
#include "connector/kafka/batch_tag.h"
#include "connector/kafka/cluster_test_support.h"
#include "connector/kafka/log_note.h"
#include "log/topics_contract.h"

namespace leat::connector::kafka {
namespace {

using log::NewRecord;
using log::PartitionLog;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A data directory with its log on the cluster.
class TestLog {
 public:
  explicit TestLog(std::vector<std::string> brokers) {
    static int number = 0;
    identity_ = fmt::format("test{}x{}", ::getpid(), ++number);
    settings_ = default_settings(kafka_log_spec());
    settings_.set("brokers", std::move(brokers));
    settings_.set("timeout", std::int64_t{20'000});
    directory_ = std::filesystem::path(testing::TempDir()) / ("leat_kafka_log_" + identity_);
    std::filesystem::remove_all(directory_);
  }
  ~TestLog() {
    topics_.reset();
    std::filesystem::remove_all(directory_);
  }
  Settings& settings() { return settings_; }
  const std::string& identity() const { return identity_; }
  const std::filesystem::path& directory() const { return directory_; }

  Status start() {
    topics_.reset();
    return start_beside();
  }
  /// While what this takes the place of still runs: it is not ended.
  Status start_beside() {
    Context context;
    context.owner = identity_;
    context.durable_directory = directory_.string();
    topics_ = LEAT_TRY(open_kafka_topics(settings_, context));
    return {};
  }
  std::unique_ptr<log::Topics> take() { return std::move(topics_); }
  void end() { topics_.reset(); }
  log::Topics& topics() { return *topics_; }
  PartitionLog& log(const std::string& name, const log::TopicConfig& config = {}) {
    auto opened = topics_->open(name, config);
    EXPECT_TRUE(opened) << opened.error().message;
    return (*opened)->partition(Partition(0));
  }

 private:
  std::string identity_;
  std::filesystem::path directory_;
  Settings settings_;
  std::unique_ptr<log::Topics> topics_;
};

class ClusterHost final : public log::TopicsHost {
 public:
  explicit ClusterHost(std::vector<std::string> brokers) : log_(std::move(brokers)) {}
  log::Topics& topics() override { return log_.topics(); }
  Status restart() override { return log_.start(); }
  std::string new_name() override { return fmt::format("{}-{}", log_.identity(), ++names_); }

 private:
  TestLog log_;
  int names_ = 0;
};

std::unique_ptr<log::TopicsHost> make_cluster(std::string& why_not) {
  ServedServer* const server = shared_kafka().get();
  if (server == nullptr) {
    why_not = why_no_kafka;
    return nullptr;
  }
  auto host = std::make_unique<ClusterHost>(TestCluster(server).brokers());
  const Status started = host->restart();
  EXPECT_TRUE(started) << started.error().message;
  if (!started) return nullptr;
  return host;
}

Result<log::AppendResult> append(PartitionLog& log, const std::vector<std::string>& values,
                                 const std::optional<log::Producer>& producer = std::nullopt) {
  std::vector<NewRecord> records;
  for (const std::string& value : values) records.push_back({.value = value, .headers = {}});
  return log.append(records, producer);
}

/// Asks again where the cluster does not answer, as all readers do.
std::vector<std::string> values(const PartitionLog& log) {
  std::vector<std::string> out;
  Slice slice;
  for (Offset next = log.first_offset(); next < log.durable_offset(); next = slice.next) {
    Status read = log.read(next, 1000, slice);
    for (int tries = 0; !read && read.error().retryable && tries < 20; ++tries) {
      read = log.read(next, 1000, slice);
    }
    EXPECT_TRUE(read) << read.error().message;
    if (!read || slice.next <= next) break;
    for (const Record& record : slice.records) out.emplace_back(record.value);
  }
  return out;
}

/// Tries for a while: a broker that was away is back when it says so, not when it is asked.
template <class Condition>
bool within_seconds(int seconds, Condition condition) {
  const auto until = std::chrono::steady_clock::now() + patience(std::chrono::seconds(seconds));
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

TEST(BatchTag, IsReadAsItIsWritten) {
  const BatchTag tag{.producer = {.id = INT64_MAX, .epoch = 3, .sequence = INT32_MAX}, .count = 12};
  const auto read = BatchTag::parse(tag.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text(), tag.text());
  for (const char* damaged : {"", "1", "1 2 3", "1 2 3 4 5", "1 2 3 0", "-1 2 3 4", "1 99999 3 4",
                              "1 2 3 4x", "a b c d", "1  2 3 4"}) {
    EXPECT_FALSE(BatchTag::parse(damaged)) << damaged;
  }
}

TEST(LogNotes, AreReadAsTheyAreWritten) {
  LogNotes notes{.cluster = "c1", .prefix = "leat.", .partitions = {}};
  LogNote note{.end = 42, .last = LogNote::Last{41, {1'700'000'000'000, 0xabcd}}, .producers = {}};
  note.producers.note({.base_offset = Offset(7),
                       .last_offset_delta = 2,
                       .max_timestamp = 9,
                       .producer_id = 5,
                       .producer_epoch = 0,
                       .base_sequence = 0},
                      9);
  notes.partitions[{"a.b", 3}] = note;
  notes.partitions[{"c", 0}] = {};
  const std::string text = notes.text();
  const auto read = LogNotes::parse(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text(), text);
  const auto known = read->partitions.at({"a.b", 3}).producers.check({5, 0, 0}, 3);
  ASSERT_TRUE(known && *known);
  EXPECT_EQ((*known)->first, Offset(7));
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto cut = LogNotes::parse(std::string_view(text).substr(0, length));
    EXPECT_TRUE(!cut || cut->partitions.size() < 2) << length;
  }
}

TEST(KafkaTopics, MakesTopicsAsThePipelineSays) {
  LEAT_NEED_KAFKA(kafka);
  TestLog log(kafka.brokers());
  log.settings().set("topic_prefix", "made." + log.identity() + ".");
  ASSERT_TRUE(log.start());
  ASSERT_TRUE(log.topics().open("t", {.partitions = 3, .retention_ms = 86'400'000}));
  ASSERT_TRUE(log.topics().open("c", {.compacted = true}));
  const std::string prefix = "made." + log.identity() + ".";
  const auto client = *Client::make(RD_KAFKA_PRODUCER, kafka.connection(), {});
  const auto state = look_at_topic(*client, prefix + "t", Deadline({}, 20'000));
  ASSERT_TRUE(state && *state);
  EXPECT_EQ((*state)->partitions, 3);
  EXPECT_FALSE((*state)->compacted);
  EXPECT_EQ((*state)->message_bytes_max, 17 << 20);
  EXPECT_TRUE((*look_at_topic(*client, prefix + "c", Deadline({}, 20'000)))->compacted);
}

TEST(KafkaTopics, TakesATopicThatIsThereUnlessItHasFewerPartitions) {
  LEAT_NEED_KAFKA(kafka);
  TestLog log(kafka.brokers());
  const std::string topic = log.identity() + "-there";
  kafka.create(topic, 2);
  kafka.produce(topic, {"from", "before"});
  ASSERT_TRUE(log.start());
  const auto more = log.topics().open(topic, {.partitions = 3});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, "log-topic-partitions");
  EXPECT_THAT(more.error().message, HasSubstr("--partitions 3, or write partitions: 2"));
  const auto taken = log.topics().open(topic, {.partitions = 1});
  ASSERT_TRUE(taken);
  EXPECT_EQ((*taken)->partition_count(), 2);
  EXPECT_THAT(values((*taken)->partition(Partition(0))), ElementsAre("from", "before"));
}

/// Also the first time, when nobody reads there yet.
TEST(KafkaTopics, NoticesWhatOtherProgramsWrite) {
  LEAT_NEED_KAFKA(kafka);
  TestLog log(kafka.brokers());
  ASSERT_TRUE(log.start());
  const std::string topic = log.identity() + "-input";
  PartitionLog& partition = log.log(topic);
  std::atomic<int> told = 0;
  log.topics().on_durable([&](log::Topic& of, Partition) { told += of.name() == topic; });
  for (int n = 1; n <= 3; ++n) {
    const int before = told;
    kafka.produce(topic, {std::to_string(n)});
    EXPECT_TRUE(within_seconds(10, [&] { return told > before; })) << n;
    EXPECT_EQ(values(partition).size(), static_cast<std::size_t>(n));
  }
  log.topics().on_durable({});
}

TEST(KafkaTopics, ShowsOthersRecordsWithoutDuplicatesAndOnlyWhole) {
  LEAT_NEED_KAFKA(kafka);
  TestLog log(kafka.brokers());
  ASSERT_TRUE(log.start());
  const std::string topic = log.identity() + "-others";
  PartitionLog& partition = log.log(topic);
  const NewRecord record{.key = "k", .value = "v", .has_key = true, .headers = {{"h", "1"}}};
  ASSERT_TRUE(partition.append({&record, 1}, log::Producer{1, 0, 0}));
  ASSERT_TRUE(partition.append({&record, 1}, log::Producer{1, 0, 0}));
  const auto seen = kafka.read(topic);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].key, "k");
  EXPECT_THAT(seen[0].headers, ElementsAre("h:1", "leat.batch:1 0 0 1"));
}

TEST(KafkaTopics, RefusesWhatTheClusterRefusesAndTakesTheRest) {
  LEAT_NEED_KAFKA(kafka);
  TestLog log(kafka.brokers());
  ASSERT_TRUE(log.start());
  const std::string topic = log.identity() + "-compact";
  PartitionLog& compacted = log.log(topic, {.compacted = true});
  PartitionLog& plain = log.log(log.identity() + "-plain");
  std::vector<std::thread> writers;
  std::atomic<int> refused = 0, taken = 0;
  for (int n = 0; n < 3; ++n) {
    writers.emplace_back([&] {
      const auto keyless = append(compacted, {"keyless"});
      refused += !keyless && keyless.error().code == "record-refused";
      taken += append(plain, {"fine"}).has_value();
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(taken, 3);
  EXPECT_THAT(values(compacted), IsEmpty());
  EXPECT_EQ(values(plain).size(), 3u);
  EXPECT_EQ(log.topics().trouble(), "");
}

TEST(KafkaTopics, SaysWhatRetentionTookAway) {
  LEAT_NEED_KAFKA(kafka);
  TestLog log(kafka.brokers());
  ASSERT_TRUE(log.start());
  const std::string topic = log.identity() + "-retained";
  PartitionLog& partition = log.log(topic);
  ASSERT_TRUE(append(partition, {"a", "b", "c", "d"}));
  kafka.delete_records(topic, 2);
  Slice slice;
  EXPECT_TRUE(within_seconds(20, [&] { return partition.first_offset() == Offset(2); }));
  const Status gone = partition.read(Offset(1), 100, slice);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, "offset-out-of-range");
  EXPECT_THAT(gone.error().message, HasSubstr("go on at 2"));
  EXPECT_THAT(values(partition), ElementsAre("c", "d"));
}

TEST(KafkaTopics, SaysThatATopicWasMadeAnew) {
  LEAT_NEED_KAFKA(kafka);
  for (const int count : {1, 50}) {  // fewer records than before, and more
    TestLog log(kafka.brokers());
    ASSERT_TRUE(log.start());
    const std::string topic = fmt::format("{}-anew-{}", log.identity(), count);
    ASSERT_TRUE(append(log.log(topic), {"old", "old", "old"}));
    log.end();
    kafka.remove(topic);
    ASSERT_TRUE(within_seconds(20, [&] {
      const auto client = *Client::make(RD_KAFKA_PRODUCER, kafka.connection(), {});
      const auto state = look_at_topic(*client, topic, Deadline({}, 20'000));
      return state && !*state;
    }));
    ASSERT_TRUE(log.start());
    const auto missing = log.topics().open(topic, {});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, "log-topic-lost");
    EXPECT_THAT(missing.error().message, HasSubstr("it was deleted"));
    kafka.create(topic);
    kafka.produce(topic, std::vector<std::string>(static_cast<std::size_t>(count), "new"));
    const auto anew = log.topics().open(topic, {});
    ASSERT_FALSE(anew);
    EXPECT_EQ(anew.error().code, "log-topic-lost");
    EXPECT_THAT(anew.error().message, HasSubstr("deleted and made again"));
  }
}

TEST(KafkaTopics, StaysWithItsClusterAndPrefix) {
  LEAT_NEED_KAFKA(kafka);
  TestLog log(kafka.brokers());
  ASSERT_TRUE(log.start());
  log.log(log.identity() + "-t");
  log.end();
  log.settings().set("topic_prefix", "other.");
  EXPECT_EQ(log.start().error().code, "log-changed");
}

/// A process that was killed leaves a transaction open; the next one must not wait for its end, nor
/// see any of it.
TEST(KafkaTopics, ASecondProcessShutsTheFirstOut) {
  LEAT_NEED_KAFKA(kafka);
  TestLog log(kafka.brokers());
  ASSERT_TRUE(log.start());
  const std::string topic = log.identity() + "-fenced";
  PartitionLog& first = log.log(topic);
  ASSERT_TRUE(append(first, {"first"}, log::Producer{1, 0, 0}));
  const auto held = log.take();
  ASSERT_TRUE(log.start_beside());
  PartitionLog& second = log.log(topic);
  const auto again = append(second, {"first"}, log::Producer{1, 0, 0});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  // They take it from each other by turns, until one sees what that means.
  bool ended = false;
  for (int n = 0; n < 20 && !ended; ++n) {
    for (PartitionLog* const one : {&first, &second}) {
      const auto tried = append(*one, {std::to_string(n)});
      ended = ended || (!tried && tried.error().code == "log-fenced");
    }
  }
  EXPECT_TRUE(ended);
}

TEST(KafkaTopics, AnOutageIsWaitedFor) {
  LEAT_NEED_SERVER(server, "kafka");
  TestCluster kafka(&server);
  TestLog log(kafka.brokers());
  log.settings().set("timeout", std::int64_t{3'000});
  log.settings().set("connect_timeout", std::int64_t{3'000});
  ASSERT_TRUE(log.start());
  const std::string topic = log.identity() + "-outage";
  PartitionLog& partition = log.log(topic);
  ASSERT_TRUE(append(partition, {"before"}, log::Producer{1, 0, 0}));
  int sequence = 1;
  for (const auto& [away, back] : {std::pair("kill", "restart"), std::pair("freeze", "thaw")}) {
    const log::Producer producer{1, 0, sequence};
    ASSERT_EQ(kafka.command(away), "ok");
    const auto begun = std::chrono::steady_clock::now();
    const auto refused = append(partition, {away}, producer);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, patience(std::chrono::seconds(12)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "kafka-unreachable");
    EXPECT_TRUE(refused.error().retryable);
    EXPECT_TRUE(within_seconds(10, [&] { return !log.topics().trouble().empty(); }));
    ASSERT_EQ(kafka.command(back), "ok");
    Result<log::AppendResult> taken;
    EXPECT_TRUE(within_seconds(60, [&] {
      taken = append(partition, {away}, producer);
      return taken.has_value();
    })) << taken.error().message;
    EXPECT_TRUE(within_seconds(20, [&] { return log.topics().trouble().empty(); }))
        << log.topics().trouble();
    ++sequence;
  }
  EXPECT_THAT(values(partition), ElementsAre("before", "kill", "freeze"));
}

/// Every batch once, although a broker of three is killed meanwhile.
TEST(KafkaTopics, AClusterOfThreeLosesABrokerUnderLoad) {
  LEAT_NEED_SERVER(server, "kafka", {"--nodes", "3"});
  TestCluster kafka(&server);
  TestLog log(kafka.brokers());
  log.settings().set("replication", std::int64_t{3});
  log.settings().set("topic_settings",
                     std::map<std::string, std::string>{{"min.insync.replicas", "2"}});
  ASSERT_TRUE(log.start());
  PartitionLog& partition = log.log(log.identity() + "-three");
  constexpr int threads = 3, batches = 150;
  std::vector<std::thread> writers;
  std::atomic<int> written = 0;
  for (int thread = 0; thread < threads; ++thread) {
    writers.emplace_back([&, thread] {
      for (int n = 0; n < batches; ++n) {
        const log::Producer producer{10 + thread, 0, n};
        const std::string value = fmt::format("{}:{}", thread, n);
        while (!append(partition, {value}, producer)) {
        }
        ++written;
      }
    });
  }
  const auto at = [&](int part) {
    return within_seconds(120, [&] { return written >= threads * batches * part / 3; });
  };
  EXPECT_TRUE(at(1));
  EXPECT_EQ(kafka.command("kill 2"), "ok");
  EXPECT_TRUE(at(2));
  EXPECT_EQ(kafka.command("restart 2"), "ok");
  for (std::thread& writer : writers) writer.join();
  std::map<char, int> next;
  const auto all = values(partition);
  EXPECT_EQ(all.size(), threads * batches);
  for (const std::string& value : all) {
    EXPECT_EQ(value, fmt::format("{}:{}", value[0], next[value[0]]++));
  }
}

}  // namespace
}  // namespace leat::connector::kafka

namespace leat::log {

INSTANTIATE_TEST_SUITE_P(Kafka, TopicsContract,
                         testing::Values(HostMaker{"kafka", connector::kafka::make_cluster}));

}  // namespace leat::log

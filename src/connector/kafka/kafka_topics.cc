#include "connector/kafka/kafka_topics.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include <spdlog/spdlog.h>

#include "connector/kafka/kafka_log.h"
#include "connector/kafka/log_writer.h"

namespace leat::connector {
namespace kafka {
namespace {

/// How often the ends of the partitions are asked for: records that come to a partition that nobody
/// reads at its end are noticed then. For very many partitions less often.
constexpr std::chrono::milliseconds look_every{1000}, look_each{10};
constexpr std::chrono::milliseconds note_every{10'000};
constexpr std::chrono::milliseconds serve_every{250};
/// A topic on the cluster takes batches of this much more than Leat's largest record.
constexpr std::size_t batch_spare_bytes = 1u << 20;

class KafkaTopic final : public log::Topic {
 public:
  KafkaTopic(std::string name, log::TopicConfig config)
      : name_(std::move(name)), config_(std::move(config)) {}
  const std::string& name() const override { return name_; }
  const log::TopicConfig& config() const override { return config_; }
  log::PartitionLog& partition(Partition partition) override {
    return *logs_[static_cast<std::size_t>(partition.value())];
  }
  const std::vector<std::unique_ptr<KafkaLog>>& logs() const { return logs_; }
  void add(std::unique_ptr<KafkaLog> log) { logs_.push_back(std::move(log)); }

 private:
  const std::string name_;
  const log::TopicConfig config_;
  std::vector<std::unique_ptr<KafkaLog>> logs_;
};

class KafkaTopics final : public log::Topics {
 public:
  KafkaTopics(LogOptions options, io::FileSystem& files)
      : options_(std::move(options)),
        files_(files),
        lanes_(options_.connection),
        writer_(options_, [this](KafkaLog& log) { announce(log); }) {}
  ~KafkaTopics() override;

  Status start();
  Result<log::Topic*> open(const std::string& name, const log::TopicConfig& config) override;
  log::Topic* find(const std::string& name) override;
  std::vector<log::Topic*> all() override;
  void on_durable(std::function<void(log::Topic&, Partition)> notify) override;
  /// The cluster keeps house by itself.
  Status housekeep() override { return {}; }
  std::string trouble() const override;

 private:
  Deadline deadline() const { return {{}, options_.connection.connect_timeout_ms}; }
  Status check_cluster(const LogNotes& notes) const;
  Result<TopicState> make_sure_of(const std::string& topic, const log::TopicConfig& config);
  NewTopic new_topic(const log::TopicConfig& config) const;
  Result<std::unique_ptr<KafkaTopic>> opened(const std::string& name,
                                             const log::TopicConfig& config);
  std::vector<KafkaLog*> logs() const;
  void announce(const KafkaLog& log);
  void ring();
  void watch(const std::stop_token& stop);
  void keep_looking(const std::stop_token& stop);
  void look(const std::stop_token& stop);
  void write_notes();

  const LogOptions options_;
  io::FileSystem& files_;
  LogLanes lanes_;
  LogWriter writer_;
  LogNotes notes_;          ///< as of the start; later whose they are
  std::string noted_text_;  ///< the looker's

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<KafkaTopic>> topics_;

  std::mutex notify_mutex_;
  std::function<void(log::Topic&, Partition)> notify_;

  std::mutex ring_mutex_;  ///< held for moments, also by librdkafka's threads
  std::condition_variable_any rung_changed_;
  bool rung_ = false;
  std::jthread watcher_, looker_;  ///< last: they use all of the above
};

KafkaTopics::~KafkaTopics() {
  for (std::jthread* const thread : {&watcher_, &looker_}) thread->request_stop();
  for (std::jthread* const thread : {&watcher_, &looker_}) {
    if (thread->joinable()) thread->join();
  }
  writer_.stop();
  for (KafkaLog* const log : logs()) log->stop();
  if (!notes_.cluster.empty()) write_notes();
}

Status KafkaTopics::start() {
  if (!options_.notes_directory.empty()) {
    LEAT_TRY(files_.create_directories(options_.notes_directory));
    if (auto notes = LEAT_TRY(read_notes(files_, options_.notes_directory))) {
      LEAT_TRY(check_cluster(*notes));
      notes_ = *std::move(notes);
    }
  }
  LEAT_TRY(writer_.open(deadline()));
  const auto lane = LEAT_TRY(lanes_.lane(0));
  const std::unique_ptr<char, decltype(&std::free)> id(
      rd_kafka_clusterid(lane->client().handle(),
                         static_cast<int>(options_.connection.connect_timeout_ms)),
      std::free);
  const std::string cluster = id ? id.get() : "unknown";
  if (!notes_.cluster.empty() && notes_.cluster != cluster) {
    return user_error("log-changed",
                      "log: the data directory's topics are on the Kafka cluster {}, and {} leads "
                      "to {}; mend `brokers`, or name another directory with --data",
                      notes_.cluster, options_.connection.brokers, cluster);
  }
  notes_.cluster = cluster;
  notes_.prefix = options_.prefix;
  watcher_ = std::jthread([this](std::stop_token stop) { watch(stop); });
  looker_ = std::jthread([this](std::stop_token stop) { keep_looking(stop); });
  return {};
}

Status KafkaTopics::check_cluster(const LogNotes& notes) const {
  if (notes.prefix == options_.prefix) return {};
  return user_error("log-changed",
                    "log: the data directory's topics have names that begin with \"{}\" on the "
                    "cluster, and `topic_prefix` is \"{}\" now; put it back, or name another "
                    "directory with --data",
                    notes.prefix, options_.prefix);
}

Result<log::Topic*> KafkaTopics::open(const std::string& name, const log::TopicConfig& config) {
  LEAT_TRY(log::check_topic_name(options_.prefix + name));
  std::lock_guard lock(mutex_);
  std::unique_ptr<KafkaTopic>& topic = topics_[name];
  if (topic && topic->config().partitions >= config.partitions) return topic.get();
  auto made = opened(name, config);
  if (made && !topic) topic = *std::move(made);
  if (!topic) topics_.erase(name);
  if (!made) return std::unexpected(made.error());
  return topic.get();
}

Result<std::unique_ptr<KafkaTopic>> KafkaTopics::opened(const std::string& name,
                                                        const log::TopicConfig& config) {
  const std::string topic = options_.prefix + name;
  const TopicState state = LEAT_TRY(make_sure_of(topic, config));
  log::TopicConfig taken = config;
  taken.partitions = state.partitions;
  taken.compacted = state.compacted;
  if (state.message_bytes_max) {
    const auto most = static_cast<std::size_t>(*state.message_bytes_max);
    taken.record_bytes_max = std::min(taken.record_bytes_max, most);
  }
  static constexpr const char* codecs[] = {"none", "lz4", "zstd"};
  auto out = std::make_unique<KafkaTopic>(name, taken);
  for (int partition = 0; partition < state.partitions; ++partition) {
    auto log = std::make_unique<KafkaLog>(
        KafkaLog::Setup{.place = {topic, partition},
                        .compression = codecs[static_cast<int>(taken.compression)],
                        .record_bytes_max = taken.record_bytes_max,
                        .compacted = taken.compacted,
                        .lanes = lanes_,
                        .writer = writer_,
                        .ring = [this] { ring(); }});
    const auto note = notes_.partitions.find({topic, partition});
    LEAT_TRY(log->open(
        note == notes_.partitions.end() ? std::nullopt : std::optional<LogNote>(note->second),
        deadline()));
    out->add(std::move(log));
  }
  return out;
}

Result<TopicState> KafkaTopics::make_sure_of(const std::string& topic,
                                             const log::TopicConfig& config) {
  const auto lane = LEAT_TRY(lanes_.lane(0));
  const auto found = LEAT_TRY(look_at_topic(lane->client(), topic, deadline()));
  if (!found && notes_.partitions.contains({topic, 0})) {
    return user_error(
        "log-topic-lost",
        "kafka topic {}: it was deleted. What the data directory has made of it is of "
        "records that are no longer there; restore the topic, or start with an empty "
        "data directory (--data)",
        topic);
  }
  if (!found) return create_topic(lane->client(), topic, new_topic(config), deadline());
  if (found->partitions < config.partitions) {
    return user_error("log-topic-partitions",
                      "kafka topic {} has {} partitions, and the pipeline says {}: add some by "
                      "kafka-topics.sh --alter --topic {} --partitions {}, or write partitions: {}",
                      topic, found->partitions, config.partitions, topic, config.partitions,
                      found->partitions);
  }
  if (found->partitions > config.partitions) {
    spdlog::info("kafka topic {}: it has {} partitions, and is taken as it is", topic,
                 found->partitions);
  }
  return *found;
}

NewTopic KafkaTopics::new_topic(const log::TopicConfig& config) const {
  const bool bounded = config.retention_ms || config.retention_bytes;
  NewTopic out{.partitions = config.partitions, .replication = options_.replication};
  out.settings = {
      {"cleanup.policy", !config.compacted ? "delete"
                         : bounded         ? "compact,delete"
                                           : "compact"},
      {"retention.ms", fmt::format("{}", config.retention_ms.value_or(-1))},
      {"retention.bytes", fmt::format("{}", config.retention_bytes.value_or(-1))},
      {"max.message.bytes", fmt::format("{}", config.record_bytes_max + batch_spare_bytes)}};
  for (const auto& [name, value] : options_.topic_settings) out.settings[name] = value;
  return out;
}

log::Topic* KafkaTopics::find(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second.get();
}

std::vector<log::Topic*> KafkaTopics::all() {
  std::vector<log::Topic*> out;
  std::lock_guard lock(mutex_);
  for (const auto& [name, topic] : topics_) out.push_back(topic.get());
  return out;
}

void KafkaTopics::on_durable(std::function<void(log::Topic&, Partition)> notify) {
  std::lock_guard lock(notify_mutex_);
  notify_ = std::move(notify);
}

void KafkaTopics::announce(const KafkaLog& log) {
  const TopicPartition& place = log.place();
  log::Topic* const topic = find(place.first.substr(options_.prefix.size()));
  std::lock_guard lock(notify_mutex_);
  if (notify_ && topic != nullptr) notify_(*topic, Partition(place.second));
}

std::string KafkaTopics::trouble() const {
  auto why = writer_.trouble();
  if (!why) why = lanes_.trouble();
  return why ? why->message : "";
}

std::vector<KafkaLog*> KafkaTopics::logs() const {
  std::vector<KafkaLog*> out;
  std::lock_guard lock(mutex_);
  for (const auto& [name, topic] : topics_) {
    if (!topic) continue;
    for (const auto& log : topic->logs()) out.push_back(log.get());
  }
  return out;
}

void KafkaTopics::ring() {
  {
    std::lock_guard lock(ring_mutex_);
    rung_ = true;
  }
  rung_changed_.notify_one();
}

void KafkaTopics::watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(ring_mutex_);
      rung_changed_.wait_for(lock, stop, serve_every, [&] { return rung_; });
      rung_ = false;
    }
    for (KafkaLog* const log : logs()) {
      if (log->pull()) announce(*log);
    }
    lanes_.serve();
  }
}

/// Apart from the other, as it waits for brokers.
void KafkaTopics::keep_looking(const std::stop_token& stop) {
  auto next_note = std::chrono::steady_clock::now() + note_every;
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const auto wait = std::max(look_every, look_each * static_cast<std::int64_t>(logs().size()));
    never.wait_for(lock, stop, wait, [] { return false; });
    look(stop);
    if (std::chrono::steady_clock::now() < next_note) continue;
    write_notes();
    next_note = std::chrono::steady_clock::now() + note_every;
  }
}

void KafkaTopics::look(const std::stop_token& stop) {
  const auto lane = lanes_.lane(0);
  if (!lane) return lanes_.set_trouble(lane.error());
  (*lane)->client().forget_trouble();
  for (KafkaLog* const log : logs()) {
    if (stop.stop_requested()) return;
    const auto more = log->look(Deadline(stop, options_.connection.connect_timeout_ms));
    if (!more && log->lost()) {
      spdlog::error("{}", more.error().message);
      announce(*log);  // whoever reads it is told
    } else if (!more) {
      return lanes_.set_trouble(more.error());
    } else if (*more) {
      announce(*log);
    }
  }
  lanes_.set_trouble(std::nullopt);
  writer_.note_reached();
}

void KafkaTopics::write_notes() {
  if (options_.notes_directory.empty()) return;
  LogNotes notes{.cluster = notes_.cluster, .prefix = notes_.prefix, .partitions = {}};
  // Those of topics that this run does not have stay as they were.
  notes.partitions = notes_.partitions;
  for (KafkaLog* const log : logs()) {
    if (!log->lost()) notes.partitions.insert_or_assign(log->place(), log->note());
  }
  std::string text = notes.text();
  if (text == noted_text_) return;
  const Status written = kafka::write_notes(files_, options_.notes_directory, notes);
  if (written) {
    noted_text_ = std::move(text);
  } else {
    // An older note is as right: more is read at the next start.
    spdlog::warn("log: the notes are not written: {}", written.error().message);
  }
}

}  // namespace
}  // namespace kafka

Result<std::unique_ptr<log::Topics>> open_kafka_topics(const Settings& settings,
                                                       const Context& context) {
  auto topics = std::make_unique<kafka::KafkaTopics>(
      LEAT_TRY(kafka::read_log_options(settings, context)), context.files);
  LEAT_TRY(topics->start());
  return topics;
}

Result<std::string> probe_kafka_log(const Settings& settings, const Context& context,
                                    std::stop_token stop) {
  const kafka::LogOptions options = LEAT_TRY(kafka::read_log_options(settings, context));
  const auto client = LEAT_TRY(
      kafka::Client::make(RD_KAFKA_PRODUCER, options.connection, kafka::Client::Properties()));
  const rd_kafka_metadata_t* metadata = nullptr;
  LEAT_TRY(client->wait(kafka::Deadline(std::move(stop), options.connection.connect_timeout_ms),
                        "can't ask for the brokers", [&](int timeout_ms) {
                          return rd_kafka_metadata(client->handle(), 1, nullptr, &metadata,
                                                   timeout_ms);
                        }));
  const int brokers = metadata->broker_cnt;
  rd_kafka_metadata_destroy(metadata);
  return fmt::format("kafka {}: a cluster of {} brokers for the topics {}*",
                     options.connection.brokers, brokers, options.prefix);
}

}  // namespace leat::connector

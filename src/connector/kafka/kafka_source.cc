#include "connector/kafka/kafka_source.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "connector/kafka/discovery.h"

namespace leat::connector {
namespace kafka {
namespace {

/// How long the first `discover` waits for the cluster; after that it is looked for meanwhile.
constexpr std::chrono::milliseconds first_wait{3000};
/// How often the group is told of the positions.
constexpr std::chrono::milliseconds commit_every{1000};
/// How long its answer is waited for, also when reading ends.
constexpr int commit_wait_ms = 1000;

class KafkaSource final : public ReplayableSource {
 public:
  explicit KafkaSource(SourceOptions options) : options_(std::move(options)) {}

  Result<std::vector<std::unique_ptr<PartitionReader>>> discover() override;
  bool keeps_discovering() const override { return !options_.stop_at_end; }
  Result<std::optional<std::string>> probe(std::stop_token stop) override;

 private:
  void run(const std::stop_token& stop);
  void look(Discovery& discovery, const std::stop_token& stop);

  const SourceOptions options_;
  std::shared_ptr<ReadingClient> reading_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool looked_ = false;                  ///< once at least, whatever came of it
  std::optional<Error> failure_;         ///< of the last look
  std::vector<Discovery::Found> found_;  ///< and not given out yet
  std::jthread thread_;                  ///< last: it uses all of the above
};

Result<std::vector<std::unique_ptr<PartitionReader>>> KafkaSource::discover() {
  const bool first = !reading_;
  if (first) {
    reading_ = LEAT_TRY(ReadingClient::make(options_));
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }
  std::unique_lock lock(mutex_);
  if (first) {
    const std::chrono::milliseconds wait =
        options_.stop_at_end ? std::chrono::milliseconds(options_.connection.connect_timeout_ms)
                             : first_wait;
    changed_.wait_for(lock, wait, [&] { return looked_; });
    if (options_.stop_at_end && !looked_) {
      return std::unexpected(
          reading_->client().error(RD_KAFKA_RESP_ERR__TIMED_OUT, "no answer in time"));
    }
    // What may pass is waited for while everything else runs; what can't is said at once.
    const bool hopeless = failure_ && (!failure_->retryable || options_.stop_at_end);
    if (hopeless && found_.empty()) return std::unexpected(*failure_);
  } else if (failure_ && found_.empty()) {
    return std::unexpected(*failure_);
  }
  std::vector<std::unique_ptr<PartitionReader>> out;
  for (Discovery::Found& found : std::exchange(found_, {})) {
    out.push_back(std::make_unique<KafkaPartition>(reading_, std::move(found.partition),
                                                   std::move(found.state), options_.stop_at_end));
  }
  return out;
}

/// Looks for partitions, and tells the group how far they were read.
void KafkaSource::run(const std::stop_token& stop) {
  Discovery discovery(options_, reading_);
  auto next_look = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    if (std::chrono::steady_clock::now() >= next_look) {
      look(discovery, stop);
      std::lock_guard lock(mutex_);
      // A cluster that is away is asked again sooner.
      next_look =
          std::chrono::steady_clock::now() +
          (failure_ ? std::min(std::chrono::milliseconds(options_.discover_every_ms), commit_every)
                    : std::chrono::milliseconds(options_.discover_every_ms));
    }
    reading_->commit_positions(commit_wait_ms);
    reading_->client().serve(0);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop,
                      std::min(commit_every, std::chrono::milliseconds(options_.discover_every_ms)),
                      [] { return false; });
  }
  reading_->commit_positions(commit_wait_ms);
}

void KafkaSource::look(Discovery& discovery, const std::stop_token& stop) {
  reading_->client().forget_trouble();
  auto found = discovery.look(Deadline(stop, options_.connection.connect_timeout_ms));
  std::optional<Error> failure;
  if (found) reading_->set_trouble(std::nullopt);
  if (!found) {
    failure = found.error();
    reading_->set_trouble(failure);
  } else if (!discovery.missing().empty()) {
    failure = transient_error("kafka-topic-missing",
                              "kafka {}: there is no topic {} yet; it is waited for. Make it by "
                              "kafka-topics.sh --create --topic {}",
                              options_.connection.brokers, discovery.missing().front(),
                              discovery.missing().front())
                  .error();
  }
  std::lock_guard lock(mutex_);
  looked_ = true;
  failure_ = std::move(failure);
  if (found) std::ranges::move(*found, std::back_inserter(found_));
  changed_.notify_all();
}

Result<std::optional<std::string>> KafkaSource::probe(std::stop_token stop) {
  const auto reading = LEAT_TRY(ReadingClient::make(options_));
  Discovery discovery(options_, reading);
  const auto found =
      LEAT_TRY(discovery.look(Deadline(stop, options_.connection.connect_timeout_ms)));
  if (!discovery.missing().empty()) {
    return user_error("kafka-topic-missing",
                      "kafka {}: there is no topic {}; make it by kafka-topics.sh --create --topic "
                      "{}",
                      options_.connection.brokers, discovery.missing().front(),
                      discovery.missing().front());
  }
  std::set<std::string> topics;
  std::int64_t messages = 0;
  for (const Discovery::Found& partition : found) {
    topics.insert(partition.partition.first);
    messages += partition.state->high - partition.state->low;
  }
  return fmt::format("kafka {}: {} topics with {} partitions and some {} messages",
                     options_.connection.brokers, topics.size(), found.size(), messages);
}

}  // namespace
}  // namespace kafka

Result<std::unique_ptr<ReplayableSource>> make_kafka_source(const Settings& settings,
                                                            const Context& context) {
  return std::make_unique<kafka::KafkaSource>(
      LEAT_TRY(kafka::read_source_options(settings, context)));
}

}  // namespace leat::connector

#include "log/topics.h"

#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "base/check.h"
#include "io/file_system.h"
#include "log/checked_file.h"
#include "log/partition_log.h"
#include "log/topic_settings.h"

namespace leat::log {
namespace {

constexpr std::size_t topic_name_bytes_max = 249;
constexpr std::string_view settings_file = "settings";
constexpr int exit_status_external = 3;

/// What all topics of a directory share.
struct Shared {
  io::FileSystem& files;
  const std::string directory;
  const TopicsOptions options;
  std::function<void(Topic&, Partition)> notify;
};

class EmbeddedTopic final : public Topic {
 public:
  EmbeddedTopic(Shared& shared, std::string name)
      : shared_(shared), name_(std::move(name)), directory_(shared.directory + "/" + name_) {}

  const std::string& name() const override { return name_; }

  // Earlier settings are kept, because somebody may still look at them.
  const TopicConfig& config() const override {
    std::shared_lock lock(mutex_);
    return configs_.back();
  }

  PartitionLog& partition(Partition partition) override { return segmented(partition); }

  SegmentedLog& segmented(Partition partition) {
    std::shared_lock lock(mutex_);
    LEAT_CHECK(partition.value() >= 0 && std::cmp_less(partition.value(), partitions_.size()));
    return *partitions_[static_cast<std::size_t>(partition.value())];
  }

  /// An existing topic's; false: it was never made whole.
  Result<bool> load() {
    const auto text =
        LEAT_TRY(read_checked_file(shared_.files, directory_, std::string(settings_file)));
    if (!text) return false;
    // A killed process may have left the settings' name in the kernel's memory alone.
    LEAT_TRY(shared_.files.sync_directory(directory_));
    TopicConfig config =
        LEAT_TRY(parse_settings(*text, directory_ + "/" + std::string(settings_file)));
    LEAT_TRY(check_settings(name_, config));
    for (std::int32_t number = 0; number < config.partitions; ++number) {
      const std::string directory = partition_directory(number);
      if (!LEAT_TRY(shared_.files.exists(directory))) {
        return external_error("log-damaged",
                              "{} is missing, but topic {} has {} partitions; restore it from a "
                              "copy",
                              directory, name_, config.partitions);
      }
    }
    LEAT_TRY(add_config(std::move(config)));
    return true;
  }

  /// Makes the topic, or gives it new settings, durably.
  Status apply(const TopicConfig& config) {
    const std::int32_t before = configs_.empty() ? 0 : configs_.back().partitions;
    if (config.partitions < before) {
      return user_error("fewer-partitions",
                        "topic {} has {} partitions, so it can't have {}: partitions can only be "
                        "added; ask for {} or use another topic",
                        name_, before, config.partitions, before);
    }
    const std::string settings = write_settings(config);
    if (before > 0 && settings == write_settings(configs_.back())) return {};
    // The partitions' directories come before the settings that tell of them.
    for (std::int32_t number = before; number < config.partitions; ++number) {
      LEAT_TRY(shared_.files.create_directories(partition_directory(number)));
    }
    LEAT_TRY(shared_.files.sync_directory(directory_));
    LEAT_TRY(shared_.files.sync_directory(shared_.directory));
    LEAT_TRY(write_checked_file(shared_.files, directory_, std::string(settings_file), settings));
    return add_config(config);
  }

  Status housekeep(const CompactionRules& rules) {
    Status all;
    for (std::int32_t number = 0; number < partition_count(); ++number) {
      Status done = segmented(Partition(number)).housekeep(rules);
      if (!done && all) all = std::move(done);
    }
    return all;
  }

 private:
  std::string partition_directory(std::int32_t number) const {
    return directory_ + "/" + std::to_string(number);
  }

  Status add_config(TopicConfig config) {
    // Only this thread adds partitions; others see them together with the settings.
    std::vector<std::unique_ptr<SegmentedLog>> added;
    for (auto number = static_cast<std::int32_t>(partitions_.size()); number < config.partitions;
         ++number) {
      added.push_back(LEAT_TRY(SegmentedLog::open(surroundings(Partition(number)))));
    }
    std::lock_guard lock(mutex_);
    for (auto& partition : added) partitions_.push_back(std::move(partition));
    configs_.push_back(std::move(config));
    return {};
  }

  PartitionSurroundings surroundings(Partition partition) {
    return {&shared_.files,
            partition_directory(partition.value()),
            fmt::format("{}/{}", name_, partition),
            shared_.options.clock,
            [this] { return config(); },
            shared_.options.warn,
            shared_.options.disk_failed,
            [this, partition] {
              if (shared_.notify) shared_.notify(*this, partition);
            }};
  }

  Shared& shared_;
  const std::string name_;
  const std::string directory_;
  mutable std::shared_mutex mutex_;
  std::deque<TopicConfig> configs_;  ///< the last one holds
  std::vector<std::unique_ptr<SegmentedLog>> partitions_;
};

class EmbeddedTopics final : public Topics {
 public:
  EmbeddedTopics(io::FileSystem& files, std::string directory, TopicsOptions options)
      : shared_{files, std::move(directory), std::move(options), {}} {}

  ~EmbeddedTopics() override {
    housekeeper_.request_stop();
    if (housekeeper_.joinable()) housekeeper_.join();
  }

  Status load() {
    io::FileSystem& files = shared_.files;
    LEAT_TRY(files.create_directories(shared_.directory));
    LEAT_TRY(sync_parents());
    for (const std::string& name : LEAT_TRY(files.list(shared_.directory))) {
      if (!check_topic_name(name)) continue;  // not ours
      auto topic = std::make_unique<EmbeddedTopic>(shared_, name);
      if (LEAT_TRY(topic->load())) topics_.emplace(name, std::move(topic));
    }
    if (shared_.options.housekeeping.count() > 0) {
      housekeeper_ = std::jthread([this](std::stop_token stop) { keep_house(stop); });
    }
    return {};
  }

  Result<Topic*> open(const std::string& name, const TopicConfig& config) override {
    LEAT_TRY(check_topic_name(name));
    LEAT_TRY(check_settings(name, config));
    std::lock_guard lock(mutex_);
    const auto found = topics_.find(name);
    if (found != topics_.end()) {
      LEAT_TRY(found->second->apply(config));
      return static_cast<Topic*>(found->second.get());
    }
    auto topic = std::make_unique<EmbeddedTopic>(shared_, name);
    LEAT_TRY(topic->apply(config));
    return static_cast<Topic*>(topics_.emplace(name, std::move(topic)).first->second.get());
  }

  Topic* find(const std::string& name) override {
    std::lock_guard lock(mutex_);
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : found->second.get();
  }

  std::vector<Topic*> all() override {
    std::lock_guard lock(mutex_);
    std::vector<Topic*> topics;
    for (const auto& [name, topic] : topics_) topics.push_back(topic.get());
    return topics;
  }

  void on_durable(std::function<void(Topic&, Partition)> notify) override {
    shared_.notify = std::move(notify);
  }

  Status housekeep() override { return housekeep(0); }

 private:
  /// Makes the data directory's own name and the ones above it durable: up to two levels are ours.
  Status sync_parents() {
    std::string path = shared_.directory;
    LEAT_TRY(shared_.files.sync_directory(path));
    for (int level = 0; level < 2 && path != "/" && path != "."; ++level) {
      const std::size_t slash = path.rfind('/');
      path = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
      const Status synced = shared_.files.sync_directory(path);
      // A directory that we may not even read was there before us.
      if (!synced && synced.error().code != "permission-denied") return synced;
    }
    return {};
  }

  Status housekeep(double dirty_ratio) {
    const TopicsOptions& options = shared_.options;
    const CompactionRules rules{options.tombstone_delay.count(), options.compaction_bytes,
                                dirty_ratio};
    Status result;
    for (Topic* topic : all()) {
      Status done = static_cast<EmbeddedTopic*>(topic)->housekeep(rules);
      if (!done && result) result = std::move(done);
    }
    return result;
  }

  void keep_house(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait_for(lock, stop, shared_.options.housekeeping, [] { return false; });
      if (stop.stop_requested()) return;
      const Status done = housekeep(shared_.options.compaction_dirty_ratio);
      if (!done) shared_.options.warn("housekeeping of topics: " + done.error().message);
    }
  }

  Shared shared_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<EmbeddedTopic>> topics_;  ///< guarded by mutex_
  std::jthread housekeeper_;
};

}  // namespace

void end_process(const Error& error) {
  std::fprintf(stderr, "leat: error[%s]: %s\n", error.code.c_str(), error.message.c_str());
  // No destructors: nothing may be written any more.
  ::_exit(exit_status_external);
}

Status check_topic_name(std::string_view name) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  const bool good = !name.empty() && name.size() <= topic_name_bytes_max && name != "." &&
                    name != ".." && name.find_first_not_of(allowed) == std::string_view::npos;
  if (good) return {};
  return user_error("bad-topic-name",
                    "\"{}\" can't be a topic's name: take 1 to {} letters, digits, '.', '_' and "
                    "'-'",
                    name.substr(0, topic_name_bytes_max), topic_name_bytes_max);
}

Result<std::unique_ptr<Topics>> open_embedded_topics(io::FileSystem& files,
                                                     const std::string& directory,
                                                     const TopicsOptions& options) {
  TopicsOptions complete = options;
  if (!complete.warn) {
    complete.warn = [](const std::string& message) {
      std::fprintf(stderr, "leat: warning: %s\n", message.c_str());
    };
  }
  auto topics = std::make_unique<EmbeddedTopics>(files, directory, std::move(complete));
  LEAT_TRY(topics->load());
  return std::unique_ptr<Topics>(std::move(topics));
}

}  // namespace leat::log

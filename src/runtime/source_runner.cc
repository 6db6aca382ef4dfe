#include "runtime/source_runner.h"

#include <condition_variable>
#include <mutex>

#include <spdlog/spdlog.h>

#include "runtime/topic_copier.h"

namespace leat::runtime {
namespace {

/// How often a source that waits for room on the disk looks again.
constexpr std::chrono::milliseconds look_again{100};

}  // namespace

/// Writes what a live source received: each call's records into one partition, the partitions by
/// turns.
class SourceRunner::TopicWriter final : public connector::RecordWriter {
 public:
  TopicWriter(log::Topic& topic, const std::atomic<bool>& paused, std::stop_token stop,
              connector::SourceStatus& status)
      : topic_(topic), paused_(paused), stop_(std::move(stop)), status_(status) {}

  Status append(std::span<const Entry> entries) override {
    if (entries.empty()) return {};
    std::vector<log::NewRecord> records;
    records.reserve(entries.size());
    for (const Entry& entry : entries) {
      records.push_back({.key = entry.key, .value = entry.value, .has_key = entry.has_key});
    }
    log::PartitionLog& log = topic_.partition(Partition(turn_++ % topic_.partition_count()));
    while (true) {
      LEAT_TRY(wait_while_paused());
      const Result<log::AppendResult> appended = log.append(records, std::nullopt);
      if (appended) return log.sync(appended->last);
      if (appended.error().code != "disk-full") return std::unexpected(appended.error());
      status_.set_error(appended.error().message);
      wait(look_again);
    }
  }

 private:
  Status wait_while_paused() {
    while (paused_ && !stop_.stop_requested()) wait(look_again);
    if (stop_.stop_requested()) return transient_error("stopping", "the server is stopping");
    return {};
  }

  void wait(std::chrono::milliseconds time) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    never_.wait_for(lock, stop_, time, [] { return false; });
  }

  log::Topic& topic_;
  const std::atomic<bool>& paused_;
  const std::stop_token stop_;
  connector::SourceStatus& status_;
  std::condition_variable_any never_;
  std::int32_t turn_ = 0;
};

SourceRunner::SourceRunner(Assembly& assembly, std::function<void()> on_all_ended)
    : assembly_(assembly), on_all_ended_(std::move(on_all_ended)) {}

void SourceRunner::start() {
  std::vector<SourceSlot*> filling;
  for (SourceSlot& source : assembly_.sources) {
    if (source.live || source.node->copied) filling.push_back(&source);
  }
  // One more than there are, so that it can't reach zero before all have been started.
  running_ = filling.size() + 1;
  for (SourceSlot* source : filling) {
    threads_.emplace_back([this, source](std::stop_token stop) {
      source->live ? run_live(std::move(stop), *source) : run_copy(std::move(stop), *source);
      one_ended();
    });
  }
  one_ended();
}

void SourceRunner::one_ended() {
  if (--running_ == 0) on_all_ended_();
}

void SourceRunner::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void SourceRunner::set_paused(bool paused) { paused_ = paused; }

void SourceRunner::run_live(std::stop_token stop, SourceSlot& source) {
  log::Topic* topic = assembly_.topics->find(source.node->topic);
  TopicWriter writer(*topic, paused_, stop, *source.status);
  const Status status = source.live->run(stop, writer, *source.status);
  if (status || stop.stop_requested()) {
    source.status->set_state("ended");
    return;
  }
  source.status->set_state("failed");
  source.status->set_error(status.error().message);
  spdlog::error("source {} has stopped: {}", source.node->name, status.error().message);
}

void SourceRunner::run_copy(std::stop_token stop, SourceSlot& source) {
  log::Topic* topic = assembly_.topics->find(source.node->topic);
  TopicCopier copier(source.node->name, *source.replayable, *topic, *source.status);
  const Status status = copier.run(stop);
  source.status->set_state(status ? "ended" : "failed");
  if (status) return;
  source.status->set_error(status.error().message);
  spdlog::error("source {} has stopped: {}", source.node->name, status.error().message);
}

}  // namespace leat::runtime

#include "runtime/source_runner.h"

#include <condition_variable>
#include <mutex>

#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "runtime/topic_copier.h"
#include "runtime/topic_writer.h"

namespace leat::runtime {
namespace {

/// Waits of a copied source between tries.
constexpr std::int64_t copy_retry_first_ms = 100, copy_retry_max_ms = 5'000;
/// And where only somebody's hand can help.
constexpr std::chrono::milliseconds mended_by_hand{15'000};

void wait(const std::stop_token& stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace

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
  TopicWriter writer({.source = source.node->name,
                      .topic = *topic,
                      .store = *assembly_.store,
                      .cursors = *assembly_.cursors,
                      .paused = paused_,
                      .stop = stop,
                      .status = *source.status});
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
  Backoff backoff(copy_retry_first_ms, copy_retry_max_ms);
  Status status;
  TopicCopier copier(source.node->name, *source.replayable, *topic, *source.status);
  for (unsigned retry = 0; !stop.stop_requested(); ++retry) {
    status = copier.run(stop);
    if (status) break;
    const Error& error = status.error();
    const bool may_be_mended = source.replayable->keeps_discovering() && !assembly_.options.once;
    if (!error.retryable && !may_be_mended) break;
    ++source.status->retries;
    source.status->set_state(error.retryable ? "retrying" : "failed");
    source.status->set_error(error.message);
    wait(stop,
         error.retryable ? std::chrono::milliseconds(backoff.wait_ms(retry)) : mended_by_hand);
  }
  if (stop.stop_requested()) return source.status->set_state("ended");
  source.status->set_state(status ? "ended" : "failed");
  if (status) return;
  source.status->set_error(status.error().message);
  spdlog::error("source {} has stopped: {}", source.node->name, status.error().message);
}

}  // namespace leat::runtime

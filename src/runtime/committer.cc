#include "runtime/committer.h"

#include <spdlog/spdlog.h>

#include "base/check.h"

namespace leat::runtime {

Committer::Committer(Setup setup)
    : setup_(std::move(setup)),
      writer_(setup_.family, setup_.last),
      prepared_(setup_.last.sinks),
      committed_(setup_.last.epoch),
      committed_letters_(setup_.last.dead_letters.value()),
      counts_(setup_.sinks.size()) {
  thread_ = std::jthread([this](std::stop_token stop) { work(stop); });
}

Committer::~Committer() {
  thread_.request_stop();
  changed_.notify_all();
}

void Committer::write(std::size_t sink, std::string bytes, std::uint64_t rows) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_bytes_ < waiting_bytes_max || !failure_.has_value(); });
  waiting_bytes_ += bytes.size();
  items_.emplace_back(Write{sink, std::move(bytes), rows});
  changed_.notify_all();
}

void Committer::commit(Commit commit) {
  std::lock_guard lock(mutex_);
  LEAT_CHECK(!busy_);
  busy_ = true;
  items_.emplace_back(std::move(commit));
  changed_.notify_all();
}

bool Committer::busy() const {
  std::lock_guard lock(mutex_);
  return busy_;
}

void Committer::wait_until_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return (items_.empty() && !working_) || !failure_.has_value(); });
}

Epoch Committer::committed() const {
  std::lock_guard lock(mutex_);
  return committed_;
}

Status Committer::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

std::string Committer::waiting_for() const {
  std::lock_guard lock(mutex_);
  return waiting_for_;
}

Committer::SinkCounts Committer::counts(std::size_t sink) const {
  std::lock_guard lock(mutex_);
  return counts_[sink];
}

void Committer::work(const std::stop_token& stop) {
  while (true) {
    Item item;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [&] { return !items_.empty(); });
      if (items_.empty()) return;
      item = std::move(items_.front());
      items_.pop_front();
      working_ = true;
    }
    Status status = std::visit([&](auto& what) { return handle(what, stop); }, item);
    const bool was_commit = std::holds_alternative<Commit>(item);
    {
      std::lock_guard lock(mutex_);
      working_ = false;
      if (const Write* write = std::get_if<Write>(&item)) waiting_bytes_ -= write->bytes.size();
      if (was_commit) busy_ = false;
      if (!status) {
        failure_ = std::move(status);
        items_.clear();
      }
    }
    changed_.notify_all();
    if (was_commit) setup_.on_committed();
    if (!failure()) return;
  }
}

Status Committer::handle(Write& write, const std::stop_token& stop) {
  connector::EpochSink& sink = *setup_.sinks[write.sink].sink;
  LEAT_TRY(when_there_is_room(stop, [&] { return sink.write(write.bytes, write.rows); }));
  std::lock_guard lock(mutex_);
  counts_[write.sink].rows += write.rows;
  counts_[write.sink].bytes += write.bytes.size();
  return {};
}

Status Committer::handle(Commit& commit, const std::stop_token& stop) {
  const Latency::Stopwatch stopwatch(latency_);
  LEAT_TRY(prepare_sinks(commit));
  if (commit.record.dead_letters > setup_.dead_letters.durable_offset()) {
    LEAT_TRY(setup_.dead_letters.sync(Offset(commit.record.dead_letters.value() - 1)));
  }
  commit.record.sinks = prepared_;
  writer_.write(commit.record, *commit.batch);
  LEAT_TRY(when_there_is_room(stop, [&] { return setup_.store.commit(*commit.batch); }));
  setup_.timeline.committed(commit.record.epoch);
  committed_letters_ = commit.record.dead_letters.value();
  for (const SinkSlot& slot : setup_.sinks) {
    LEAT_TRY(when_there_is_room(stop, [&] { return slot.sink->committed(); }));
  }
  std::lock_guard lock(mutex_);
  committed_ = commit.record.epoch;
  return {};
}

Status Committer::prepare_sinks(Commit& commit) {
  for (const SinkSlot& slot : setup_.sinks) {
    if (commit.last) slot.sink->finish();
    prepared_[slot.name] = LEAT_TRY(slot.sink->prepare());
  }
  return {};
}

/// A full disk is waited out: what could not be written is tried again as it is, input waits
/// meanwhile, and nothing is lost.
Status Committer::when_there_is_room(const std::stop_token& stop,
                                     const std::function<Status()>& write) {
  while (true) {
    Status status = write();
    const bool full = !status && status.error().code == "disk-full";
    std::unique_lock lock(mutex_);
    if (full && waiting_for_.empty()) spdlog::error("commit: {}", status.error().message);
    waiting_for_ = full ? status.error().message : "";
    if (!full || stop.stop_requested()) return status;
    changed_.wait_for(lock, stop, disk_full_pause, [] { return false; });
  }
}

}  // namespace leat::runtime

#include "runtime/sink_runner.h"

#include <spdlog/spdlog.h>

#include "runtime/refused_row.h"

namespace leat::runtime {
namespace {

/// How long a sink that has written all waits before it looks by itself.
constexpr std::chrono::milliseconds look_again{1000};

}  // namespace

SinkRunner::SinkRunner(Setup setup)
    : setup_(std::move(setup)),
      reader_(setup_.input, setup_.topic, setup_.changelog),
      encoder_(setup_.input.schema),
      backoff_(setup_.waits.retry_first.count(), setup_.waits.retry_max.count()) {}

void SinkRunner::start() {
  // What waits to be written is shown although the system may be away; `open` knows better.
  if (auto noted = noted_position(); noted && *noted) {
    reader_.bring_into_range(**noted);
    stands_at(**noted);
  } else {
    stands_at(reader_.begin());
  }
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

void SinkRunner::stop() {
  thread_.request_stop();
  thread_ = {};
}

void SinkRunner::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
    all_written_ = false;
    if (position_) setup_.status.lag = reader_.lag(*position_);
  }
  changed_.notify_all();
}

Status SinkRunner::drain(std::stop_token stop) {
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
  }
  wake();
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested() && !all_written_ && !ended_) {
    const bool lost_patience =
        failing_since_ &&
        std::chrono::steady_clock::now() - *failing_since_ > setup_.waits.patience;
    if (lost_patience) break;
    changed_.wait_for(lock, stop, look_again, [&] { return all_written_ || ended_; });
  }
  if (all_written_ || stop.stop_requested()) return {};
  return external_error("sink-failed",
                        "sink {}: {}; {} rows are not written, they go out at the next start",
                        setup_.input.sink, last_failure_.message, setup_.status.lag.load());
}

void SinkRunner::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const Status status = write_until_it_fails(stop);
    if (status || stop.stop_requested()) break;
    on_failure(status.error(), stop);
    if (status.error().code == "sink-fenced") break;
  }
  std::lock_guard lock(mutex_);
  ended_ = true;
  if (stop.stop_requested()) setup_.status.set("ended", setup_.status.last_error());
  changed_.notify_all();
}

/// One session with the system. Returns well only when asked to stop.
Status SinkRunner::write_until_it_fails(const std::stop_token& stop) {
  SinkPosition position = LEAT_TRY(open(stop));
  while (!stop.stop_requested()) {
    SinkPosition after = position;
    auto batch = LEAT_TRY(reader_.next(after));
    if (!batch) {
      position = std::move(after);
      const SinkPosition durable = LEAT_TRY(settled(position, true, stop));
      succeeded();
      LEAT_TRY(note_position(durable, true));
      wait_for_rows(durable.offsets == position.offsets, stop);
      continue;
    }
    LEAT_TRY(write(*batch, after, stop));
    position = std::move(after);
    LEAT_TRY(note_position(LEAT_TRY(settled(position, false, stop)), false));
  }
  return note_position(*position_, true);
}

/// How far all is durable, where the sink has taken everything before `taken`.
Result<SinkPosition> SinkRunner::settled(const SinkPosition& taken, bool nothing_more,
                                         const std::stop_token& stop) {
  SinkPosition durable;
  bool all = false;
  {
    std::lock_guard lock(mutex_);
    all = draining_ && nothing_more;
    durable = *position_;
  }
  const std::optional<std::string> settled = LEAT_TRY(setup_.sink.settle(all, stop));
  if (!settled) {
    durable = taken;
  } else if (!settled->empty()) {
    auto position = SinkPosition::parse(*settled, setup_.identity);
    if (!position) {
      return internal_error("sink-position", "sink {}: \"{}\" is no position of its own",
                            setup_.input.sink, *settled);
    }
    durable = *std::move(position);
  }
  stands_at(durable);
  return durable;
}

Result<SinkPosition> SinkRunner::open(const std::stop_token& stop) {
  const std::optional<std::string> stored = LEAT_TRY(setup_.sink.open(stop));
  std::optional<SinkPosition> position;
  if (stored) position = SinkPosition::parse(*stored, setup_.identity);
  if (stored && !position) {
    spdlog::warn(
        "sink {}: what the system says of its position is of another data directory ({}); "
        "it goes on where this directory says",
        setup_.input.sink, *stored);
  }
  if (!position) position = LEAT_TRY(noted_position());
  if (!position) position = reader_.begin();
  const std::uint64_t missed = reader_.bring_into_range(*position);
  if (missed > 0) {
    setup_.status.missed += missed;
    spdlog::error(
        "sink {}: the topic's retention has removed {} records before they were written; "
        "keep records for longer (topics: retention)",
        setup_.input.sink, missed);
  }
  stands_at(*position);
  return *std::move(position);
}

/// Nothing: there is none, or it is of another data directory.
Result<std::optional<SinkPosition>> SinkRunner::noted_position() const {
  const auto noted = LEAT_TRY(setup_.store.get(setup_.cursors, setup_.input.sink));
  if (!noted) return std::optional<SinkPosition>();
  return SinkPosition::parse(*noted, setup_.identity);
}

void SinkRunner::stands_at(const SinkPosition& position) {
  std::lock_guard lock(mutex_);
  position_ = position;
  setup_.status.lag = reader_.lag(position);
}

void SinkRunner::succeeded() {
  std::lock_guard lock(mutex_);
  failures_ = 0;
  failing_since_.reset();
}

Status SinkRunner::write(connector::SinkBatch& batch, const SinkPosition& after,
                         const std::stop_token& stop) {
  batch.position = after.text(setup_.identity);
  batch.set_aside = [&](std::span<const connector::RefusedRow> refused) {
    return set_aside(batch, refused);
  };
  if (setup_.status.state() == "waiting") setup_.status.set("writing", "");
  {
    const Latency::Stopwatch stopwatch(setup_.status.batch_time);
    const auto refused = LEAT_TRY(setup_.sink.write(batch, stop));
    LEAT_TRY(set_aside(batch, refused));
  }
  setup_.status.rows += batch.rows;
  ++setup_.status.batches;
  setup_.status.set("writing", "");
  succeeded();
  return {};
}

Status SinkRunner::set_aside(const connector::SinkBatch& batch,
                             std::span<const connector::RefusedRow> refused) {
  if (refused.empty()) return {};
  std::vector<std::string> values;
  std::vector<log::NewRecord> records;
  values.reserve(refused.size());
  for (const connector::RefusedRow& row : refused) {
    const connector::SinkRows& part = batch.parts[row.part];
    values.push_back(refused_row_json({.sink = setup_.input.sink,
                                       .from = setup_.input.from,
                                       .topic = setup_.topic.name(),
                                       .partition = batch.partition,
                                       .offset = part.offsets[row.row],
                                       .weight = part.weights[row.row],
                                       .reason = row.reason},
                                      encoder_, part.rows, row.row));
    records.push_back({.value = values.back()});
  }
  const log::AppendResult appended = LEAT_TRY(setup_.letters.append(records, std::nullopt));
  LEAT_TRY(setup_.letters.sync(appended.last));
  setup_.status.refused += refused.size();
  return {};
}

/// What was written before the position need never be read again.
Status SinkRunner::note_position(const SinkPosition& position, bool now) {
  const auto time = std::chrono::steady_clock::now();
  if (!now && time - last_noted_ < note_position_every) return {};
  last_noted_ = time;
  std::string text = position.text(setup_.identity);
  if (text == noted_) return {};
  const auto batch = setup_.store.new_batch();
  batch->put(setup_.cursors, setup_.input.sink, text);
  LEAT_TRY(setup_.store.commit(*batch));
  noted_ = std::move(text);
  if (setup_.changelog == nullptr) return {};
  return setup_.changelog->log().remove_before(position.offsets.front());
}

void SinkRunner::wait_for_rows(bool all_written, const std::stop_token& stop) {
  setup_.status.set("waiting", "");
  std::unique_lock lock(mutex_);
  if (!woken_ && all_written) {
    all_written_ = true;
    changed_.notify_all();
  }
  changed_.wait_for(lock, stop, look_again, [&] { return woken_; });
  woken_ = false;
}

void SinkRunner::on_failure(const Error& error, const std::stop_token& stop) {
  ++setup_.status.failures;
  const bool fenced = error.code == "sink-fenced";
  unsigned failures = 0;
  {
    std::lock_guard lock(mutex_);
    if (!failing_since_) failing_since_ = std::chrono::steady_clock::now();
    last_failure_ = error;
    failures = failures_++;
  }
  // The first of a row of failures is worth a line; the rest are in the status.
  if (failures == 0 || fenced) spdlog::error("sink {}: {}", setup_.input.sink, error.message);
  setup_.status.set(error.retryable ? "retrying" : "failed", error.message);
  if (fenced) return;
  wait(error.retryable ? std::chrono::milliseconds(backoff_.wait_ms(failures))
                       : setup_.waits.mended_by_hand,
       stop);
}

void SinkRunner::wait(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace leat::runtime

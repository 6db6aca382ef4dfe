// What happens between epochs: waiting for input, committing, and the end.

#include <algorithm>

#include <spdlog/spdlog.h>

#include "runtime/bounded_input.h"
#include "runtime/epoch_loop.h"

namespace leat::runtime {
namespace {

/// How long the loop waits for input before it looks by itself: readers to ask again, partitions
/// gone idle.
constexpr std::chrono::milliseconds wait_max{10};
/// How often sources are asked for new partitions.
constexpr std::chrono::milliseconds discover_every{1000};
/// How often idle sinks are asked whether they want a commit.
constexpr std::chrono::milliseconds sinks_asked_every{1000};
/// Commits are at least this far apart, even when it is quiet: a pause, and after one that wrote
/// much a longer one, so that a trickle of input doesn't have the same keys written over and over.
constexpr std::chrono::milliseconds commit_spacing{10};
constexpr std::chrono::milliseconds pause_per_mib{500};
/// With this many commit intervals gone since the last commit, epochs wait for the one that runs.
constexpr int overdue_intervals = 2;

}  // namespace

bool EpochLoop::has_input() const {
  if (paused_ || !tables_ready_) return false;
  for (const auto& input : assembly_.inputs) {
    if (input->may_have_data() && !held_.contains(input.get())) return true;
  }
  return false;
}

/// Finds the partitions that are to wait for others. Where all wait for one another (two streams
/// see other rows of the same partitions), the furthest behind goes on.
void EpochLoop::hold_back() {
  held_.clear();
  hold_for_views();
  if (bounds_drift()) hold_in_step();
}

bool EpochLoop::bounds_drift() const {
  return std::ranges::any_of(assembly_.streams, [](const StreamSlot& slot) {
    return slot.watermark && slot.watermark->bounds_drift();
  });
}

/// Tells watermarks which partitions they may not take for idle, and which have ended.
void EpochLoop::note_unread() {
  for (StreamSlot& slot : assembly_.streams) {
    if (!slot.watermark) continue;
    for (const auto& input : assembly_.inputs) {
      if (input->topic() != slot.topic) continue;
      slot.watermark->set_waiting(input->id(), input->is_behind());
      if (input->ended()) slot.watermark->end(input->id());
    }
  }
}

/// For a turn without records, after hold_back(): which has noted what is unread if it needed that.
bool EpochLoop::time_passes() {
  if (!bounds_drift()) note_unread();
  return advance_watermarks();
}

/// By their streams' `max_drift`: behind the slowest partition of all streams that views read
/// together. One that has nothing unread is waited for until it is idle; one that waits for a view
/// itself, not at all.
void EpochLoop::hold_in_step() {
  const auto now = assembly_.options.context.clock.steady();
  const std::set<const InputPartition*> for_views = held_;
  // Without sources topics are pushed to; only a run that ends with them waits for nobody.
  const bool nothing_comes = assembly_.options.once && inputs_closed_;
  note_unread();
  std::map<std::size_t, Watermark::Slowest> slowest;  // by group
  for (std::size_t i = 0; i < assembly_.streams.size(); ++i) {
    StreamSlot& slot = assembly_.streams[i];
    if (!slot.watermark) continue;
    const bool waits = std::ranges::any_of(assembly_.inputs, [&](const auto& input) {
      return input->topic() == slot.topic && for_views.contains(input.get());
    });
    if (waits) continue;
    const bool with_silent = !nothing_comes && slot.watermark->leaves_when_idle();
    const Watermark::Slowest own = slot.watermark->slowest(now, with_silent);
    const auto group = slowest.try_emplace(step_groups_[i], own).first;
    if (own.time < group->second.time) group->second = own;
  }
  bool by_silence = false;
  for (std::size_t i = 0; i < assembly_.streams.size(); ++i) {
    const StreamSlot& slot = assembly_.streams[i];
    if (!slot.watermark || !slot.watermark->bounds_drift()) continue;
    const Watermark::Slowest behind = slowest[step_groups_[i]];
    by_silence |= behind.time != op::end_of_time && !behind.waiting;
    for (const auto& input : assembly_.inputs) {
      if (input->topic() != slot.topic) continue;
      if (slot.watermark->is_too_far_ahead(input->id(), behind)) held_.insert(input.get());
    }
  }
  if (held_.empty() || by_silence || has_input()) return;
  if (InputPartition* furthest = furthest_behind(); !for_views.contains(furthest)) {
    held_.erase(furthest);
  }
}

InputPartition* EpochLoop::furthest_behind() const {
  InputPartition* furthest = nullptr;
  op::EventTimeUs least = op::end_of_time;
  for (const auto& input : assembly_.inputs) {
    if (!input->may_have_data()) continue;
    const op::EventTimeUs reached = progress_of(*input).reached;
    if (furthest != nullptr && reached >= least) continue;
    furthest = input.get();
    least = reached;
  }
  return furthest;
}

bool EpochLoop::all_ended() const {
  if (!inputs_closed_ || !tables_ready_) return false;
  for (const auto& input : assembly_.inputs) {
    if (input->may_have_data()) return false;
    const bool in_log = dynamic_cast<const LogInput*>(input.get()) != nullptr;
    if (!in_log && !input->ended() && !input->failure()) return false;
  }
  for (const SourceSlot& source : assembly_.sources) {
    if (source.replayable && !source.node->copied && !source.discovered_all) return false;
  }
  return true;
}

Status EpochLoop::finish() {
  input_ended_ = true;
  LEAT_TRY(run_epoch(true));
  LEAT_TRY(commit_if_due(true, true));
  for (const auto& input : assembly_.inputs) {
    if (input->failure()) return std::unexpected(*input->failure());
  }
  return {};
}

/// Inputs whose length can't be told in records count in bytes; together they make a fair guess.
double EpochLoop::read_of_bound() const {
  double all = 0, read = 0;
  for (const auto& input : assembly_.inputs) {
    const auto* bounded = dynamic_cast<const BoundedInput*>(input.get());
    if (bounded == nullptr || bounded->end() <= bounded->begin()) continue;
    all += static_cast<double>(bounded->end() - bounded->begin());
    read += static_cast<double>(std::max<std::int64_t>(0, bounded->position() - bounded->begin()));
  }
  return all > 0 ? read / all : 1;
}

Status EpochLoop::catch_up(const std::stop_token& stop) {
  const auto is_read = [](const auto& input) {
    const auto* bounded = dynamic_cast<const BoundedInput*>(input.get());
    return bounded == nullptr || bounded->is_read();
  };
  while (!stop.stop_requested()) {
    LEAT_TRY(committer_.failure());
    if (assembly_.options.bound->progress) assembly_.options.bound->progress(read_of_bound());
    held_.clear();
    hold_for_views();
    if (!held_.empty() && !has_input()) held_.erase(furthest_behind());
    if (has_input()) {
      LEAT_TRY(run_epoch(false));
      LEAT_TRY(commit_if_due(false));
    } else if (std::ranges::all_of(assembly_.inputs, is_read)) {
      return commit_if_due(true);
    } else {
      wait_for_input(stop);
    }
    for (const auto& input : assembly_.inputs) {
      if (input->failure()) return std::unexpected(*input->failure());
    }
  }
  LEAT_TRY(commit_if_due(true));
  return transient_error("stopping",
                         "stopped while streams and views were computed anew; the next "
                         "start goes on with that");
}

unsigned EpochLoop::workers_for(std::size_t rows) const {
  return rows < assembly_.options.rows_for_all_workers ? 1 : pool_.size();
}

InputPlanner::Progress EpochLoop::progress_of(const InputPartition& input) const {
  InputPlanner::Progress progress;
  for (const StreamSlot& slot : assembly_.streams) {
    if (!slot.watermark || slot.topic != input.topic()) continue;
    progress.reached = slot.watermark->newest(input.id());
    progress.group = step_groups_[static_cast<std::size_t>(&slot - assembly_.streams.data())];
    if (slot.watermark->bounds_drift()) progress.drift_max = slot.watermark->max_drift_us();
  }
  const auto step = event_time_per_slice_.find(input.id());
  if (step != event_time_per_slice_.end()) progress.per_slice = step->second;
  return progress;
}

/// Sinks may have something due although nothing came: a part to close. Asked now and then, while
/// the committer is idle.
bool EpochLoop::sinks_want_commit(std::chrono::steady_clock::time_point now) {
  if (now - last_sinks_asked_ < sinks_asked_every) return false;
  last_sinks_asked_ = now;
  for (const SinkSlot& slot : assembly_.sinks) {
    if (slot.sink->wants_commit()) return true;
  }
  return false;
}

std::chrono::milliseconds EpochLoop::quiet_spacing() const {
  const auto pause = pause_per_mib * static_cast<std::int64_t>(last_commit_bytes_) / (1 << 20);
  return std::min(assembly_.options.commit_interval, commit_spacing + pause);
}

/// Views hold more than they may, as only a commit lets rows leave memory: nothing more is read
/// until there is one.
bool EpochLoop::rows_press() const {
  return assembly_.memory_cap && assembly_.budget->used() > assembly_.budget->bytes_max() &&
         assembly_.memory_cap->is_full();
}

/// What no commit has yet, and the commit itself, lie in memory: the less there is of that, the
/// less may come together.
std::chrono::milliseconds EpochLoop::loaded_spacing() const {
  const auto interval = assembly_.options.commit_interval;
  if (!assembly_.memory_cap) return interval;
  const double bytes_max = static_cast<double>(assembly_.memory_cap->commit_max());
  const double part = bytes_max / std::max(bytes_max, last_commit_rate_ * interval.count());
  return std::max(commit_spacing,
                  std::chrono::milliseconds(static_cast<int>(part * interval.count())));
}

/// There is more to read than one epoch took in at ease. Sinks wait for commits: for them a trickle
/// is not load, however steady it is.
bool EpochLoop::under_load() const {
  return has_input() &&
         (assembly_.sinks.empty() || rows_in_epoch_ >= assembly_.options.rows_for_all_workers);
}

/// When quiet soon, under load when the interval has passed; never two at a time.
Status EpochLoop::commit_if_due(bool force, bool last) {
  const auto now = std::chrono::steady_clock::now();
  const auto interval = assembly_.options.commit_interval;
  const bool presses = rows_press();
  if (force || presses || now - last_commit_ > overdue_intervals * interval) {
    committer_.wait_until_idle();
    LEAT_TRY(committer_.failure());
  }
  if (committer_.busy()) return {};
  if (!uncommitted_ && !last && !sinks_want_commit(now)) return {};
  const auto spacing = under_load() ? loaded_spacing() : quiet_spacing();
  if (!force && !presses && now - last_commit_ < spacing) return {};

  // Commits under load are about as large as the one before.
  auto batch = assembly_.store->new_batch(last_commit_bytes_ + last_commit_bytes_ / 4);
  for (ViewSlot& slot : assembly_.views) {
    for (unsigned shard = 0; shard < assembly_.shards; ++shard) {
      LEAT_TRY(slot.view->persist(shard, *batch));
    }
  }
  if (!std::exchange(definitions_committed_, true)) assembly_.put_definitions(*batch);
  CommitRecord record;
  record.epoch = Epoch(visible_.load());
  record.dead_letters = dead_letters_end_;
  for (const auto& input : assembly_.inputs) record.positions[input->id()] = input->position();
  for (const StreamSlot& slot : assembly_.streams) {
    CommitRecord::OfStream& stream = record.streams[slot.node->name];
    stream.tally = slot.tally;
    if (slot.watermark) stream.watermark = slot.watermark->state();
  }
  for (const ViewSlot& slot : assembly_.views) record.views[slot.part->name] = slot.counts;
  last_commit_bytes_ = batch->bytes();
  if (under_load()) {
    const std::chrono::duration<double, std::milli> span = now - last_commit_;
    last_commit_rate_ = static_cast<double>(last_commit_bytes_) / std::max(1.0, span.count());
  }
  committing_ = record.epoch;
  committing_positions_ = record.positions;
  committer_.commit({.batch = std::move(batch), .record = std::move(record), .last = last});
  uncommitted_ = false;
  last_commit_ = now;
  if (assembly_.memory_cap) assembly_.memory_cap->adjust(*assembly_.budget);
  if (force) {
    committer_.wait_until_idle();
    return committer_.failure();
  }
  return {};
}

/// Once a commit is durable, inputs learn how far it reaches: a Kafka group's lag is told so.
void EpochLoop::tell_committed() {
  if (committing_positions_.empty() || committer_.committed() != committing_) return;
  for (const auto& input : assembly_.inputs) {
    const auto found = committing_positions_.find(input->id());
    if (found != committing_positions_.end()) input->committed(found->second);
  }
  committing_positions_.clear();
}

void EpochLoop::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void EpochLoop::wait_for_input(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, wait_max, [&] { return woken_ || !actions_.empty(); });
  woken_ = false;
}

bool EpochLoop::between_epochs(const std::function<void()>& action,
                               std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  if (resting_) {
    action();  // the first epoch waits for it
    return true;
  }
  Action waiting{&action};
  actions_.push_back(&waiting);
  changed_.notify_all();
  const auto is_queued = [&] { return std::ranges::find(actions_, &waiting) != actions_.end(); };
  changed_.wait_for(lock, patience, [&] { return !is_queued(); });
  if (is_queued()) {
    std::erase(actions_, &waiting);
    return false;
  }
  changed_.wait(lock, [&] { return waiting.done; });
  return true;
}

void EpochLoop::run_actions() {
  std::unique_lock lock(mutex_);
  while (!actions_.empty()) {
    Action* action = actions_.front();
    actions_.pop_front();
    lock.unlock();
    (*action->run)();
    lock.lock();
    action->done = true;
    changed_.notify_all();
  }
}

Epoch EpochLoop::wait_for_epoch(Epoch seen, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return Epoch(visible_.load()) > seen; });
  return std::max(seen, Epoch(visible_.load()));
}

void EpochLoop::discover_partitions() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_discovery_ < discover_every) return;
  last_discovery_ = now;
  for (SourceSlot& source : assembly_.sources) {
    if (!source.replayable || source.node->copied || source.discovered_all) continue;
    Assembly::note_discovery(source, assembly_.discover(source));
  }
}

}  // namespace leat::runtime

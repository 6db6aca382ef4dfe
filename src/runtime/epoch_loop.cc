#include "runtime/epoch_loop.h"

#include <algorithm>
#include <numeric>

#include <spdlog/spdlog.h>

#include "model/chunk_copy.h"
#include "runtime/step_groups.h"

namespace leat::runtime {
namespace {

/// Slices that each worker takes in one epoch at most, when there is plenty.
constexpr std::size_t slices_per_worker = 4;
/// Slices are not made smaller than this for the sake of windows.
constexpr std::size_t slice_bytes_min = 16u << 10;

/// The most windows that a view puts a row into, but in panes. Until it has merged, a view holds
/// the row once for each, so that an epoch takes the less input the more there are.
std::size_t windows_per_row(const Assembly& assembly) {
  std::int64_t most = 1;
  for (const ViewSlot& slot : assembly.views) {
    const auto* aggregate = std::get_if<op::AggregateView>(&slot.part->definition);
    if (aggregate == nullptr || !aggregate->query.window || op::takes_panes(*aggregate)) continue;
    most = std::max(most, aggregate->query.window->windows_per_row_max());
  }
  return static_cast<std::size_t>(most);
}

std::size_t slice_bytes_of(const Assembly& assembly) {
  const std::size_t wanted = assembly.options.slice_bytes;
  const std::size_t parts = std::max<std::size_t>(1, windows_per_row(assembly) / slices_per_worker);
  return std::max(wanted / parts, std::min(wanted, slice_bytes_min));
}

std::size_t epoch_bytes_max_of(const Assembly& assembly) {
  const std::size_t slices = slices_per_worker * std::max(1u, assembly.workers);
  const std::size_t most =
      std::min(assembly.options.epoch_bytes_max, assembly.options.slice_bytes * slices);
  return std::max<std::size_t>(1, most / windows_per_row(assembly));
}

/// What users know that an input is, or is a part of.
const std::string& shown_input(const ViewSlot& slot, std::size_t input) {
  const std::string& name = slot.part->inputs[input];
  const bool inner =
      std::ranges::any_of(slot.node->parts, [&](const auto& part) { return part.name == name; });
  return inner ? slot.node->name : name;
}

std::vector<Committer::SinkSlot> sinks_of(const Assembly& assembly) {
  std::vector<Committer::SinkSlot> slots;
  for (const SinkSlot& slot : assembly.sinks) slots.push_back({slot.name, slot.sink.get()});
  return slots;
}

}  // namespace

EpochLoop::EpochLoop(Assembly& assembly)
    : assembly_(assembly),
      pool_(assembly.workers),
      slice_bytes_(slice_bytes_of(assembly)),
      epoch_bytes_max_(epoch_bytes_max_of(assembly)),
      committer_({.store = *assembly.store,
                  .timeline = *assembly.timeline,
                  .family = *assembly.family,
                  .dead_letters = *assembly.dead_letters,
                  .sinks = sinks_of(assembly),
                  .last = assembly.last_commit,
                  .on_committed =
                      [this] {
                        wake();
                        if (on_committed_) on_committed_();
                      }}),
      epoch_(assembly.first_epoch),
      step_groups_(step_groups(assembly)),
      dead_letters_end_(assembly.dead_letters->next_offset()),
      visible_(assembly.last_commit.epoch.value()) {
  assembly_.bell.on_ring([this] { wake(); });
  note_counts();
}

EpochLoop::~EpochLoop() { assembly_.bell.on_ring({}); }

Status EpochLoop::begin() {
  {
    std::lock_guard lock(mutex_);
    resting_ = false;
  }
  const bool says_something = std::ranges::any_of(assembly_.views, [](const ViewSlot& slot) {
    const auto* aggregate = std::get_if<op::AggregateView>(&slot.part->definition);
    const auto* keyed = std::get_if<op::KeyedView>(&slot.part->definition);
    return (aggregate != nullptr && aggregate->query.key_count == 0) ||
           (keyed != nullptr && keyed->query.key_count == 0);
  });
  if (assembly_.views_are_new && says_something) {
    begin_epoch();
    for (ViewSlot& slot : assembly_.views) slot.touched = epoch_;
    LEAT_TRY(update_views());
    LEAT_TRY(write_outputs());
    publish();
  }
  LEAT_TRY(fill_indexes());
  return first_look_at_tables();
}

Status EpochLoop::run(std::stop_token stop) {
  Status status = turn(stop);
  {
    std::lock_guard lock(mutex_);
    resting_ = true;
  }
  run_actions();
  return status;
}

Status EpochLoop::settle() {
  while (true) {
    if (!LEAT_TRY(step())) return commit_if_due(true);
  }
}

Result<bool> EpochLoop::step() {
  LEAT_TRY(committer_.failure());
  if (LEAT_TRY(take_tables())) return true;
  hold_back();
  const bool has_records = has_input();
  if (!has_records && !time_passes() && !rows_end()) return false;
  LEAT_TRY(run_epoch(!has_records));
  return true;
}

Status EpochLoop::turn(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    run_actions();
    discover_partitions();
    LEAT_TRY(committer_.failure());
    tell_committed();
    LEAT_TRY(take_tables());
    hold_back();
    const bool has_records = has_input();
    if (has_records || time_passes() || rows_end()) {
      const Status ran = run_epoch(!has_records);
      // It waited for a table, and is not to be committed: nothing but the start's recovery is.
      if (!ran && ran.error().code == "stopping" && stop.stop_requested()) return {};
      LEAT_TRY(Status(ran));
      LEAT_TRY(commit_if_due(false));
      continue;
    }
    if (assembly_.options.once && all_ended()) return finish();
    LEAT_TRY(commit_if_due(false));
    wait_for_input(stop);
  }
  return commit_if_due(true);
}

/// One turn: everything that has arrived, through all streams and views, to what queries see. Where
/// nothing has, there is no epoch, unless it is due.
Status EpochLoop::run_epoch(bool due) {
  const Latency::Stopwatch stopwatch(latency_);
  begin_epoch();
  LEAT_TRY(read_input());
  fold_slices();
  note_unread();
  const bool time_passed = advance_watermarks();
  if (rows_in_epoch_ == 0 && !time_passed && !due) {
    put_slices_back();
    note_counts();
    return {};
  }
  LEAT_TRY(update_views());
  LEAT_TRY(write_outputs());
  publish();
  return {};
}

void EpochLoop::begin_epoch() {
  rows_in_epoch_ = 0;
  for (StreamSlot& slot : assembly_.streams) {
    slot.stage->begin_epoch();
  }
  for (ViewSlot& slot : assembly_.views) {
    slot.context.epoch = epoch_;
    slot.context.now = assembly_.options.context.clock.now_ms() * 1000;
    slot.context.watermark = watermark_of(slot);
    slot.context.changes_wanted =
        !slot.dependents.empty() || !slot.sinks.empty() || slot.feed->followed();
  }
}

Status EpochLoop::read_input() {
  std::vector<InputPartition*> inputs;
  std::uint64_t lag = 0;
  for (const auto& input : assembly_.inputs) {
    if (held_.contains(input.get())) continue;
    inputs.push_back(input.get());
    lag += input->lag();
  }
  planner_.begin_epoch(inputs, epoch_bytes_max_,
                       [this](const auto& input) { return progress_of(input); });
  return pool_.run(workers_for(lag), [this](unsigned worker) { return read_slices(worker); });
}

/// A worker's part: slice after slice, until the epoch has all its input.
Status EpochLoop::read_slices(unsigned worker) {
  while (true) {
    const InputPlanner::Lease lease = planner_.lease();
    if (lease.partition == nullptr) return {};
    SliceWork* work = new_slice_work(worker);
    work->order = lease.order;
    work->input = lease.partition;
    const auto outcome = lease.partition->read(work->slice, slice_bytes_);
    const bool has_records = outcome && *outcome == InputPartition::Outcome::records;
    const std::size_t bytes = std::max(work->slice.bytes.size(), work->slice.bytes_meant);
    planner_.give_back(lease.partition, has_records ? bytes : 0, has_records);
    if (!outcome) return std::unexpected(outcome.error());
    if (has_records) LEAT_TRY(take_slice(*work));
  }
}

Status EpochLoop::take_slice(SliceWork& work) {
  for (const StreamSlot& slot : assembly_.streams) {
    if (!slot.node->from_topic || slot.node->input != work.input->topic()) continue;
    LEAT_TRY(slot.stage->take_slice(work));
  }
  return {};
}

/// Adds up what the workers noted, in the order of the input.
void EpochLoop::fold_slices() {
  std::sort(slices_.begin(), slices_.end(),
            [](const auto& a, const auto& b) { return a->order < b->order; });
  const auto now = assembly_.options.context.clock.steady();
  std::map<std::string, std::pair<op::EventTimeUs, std::int64_t>> advanced;
  for (const auto& work : slices_) {
    rows_in_epoch_ += work->slice.records.size();
    const std::string input = work->input == nullptr ? "" : work->input->id();
    for (std::size_t i = 0; i < assembly_.streams.size(); ++i) {
      StreamSlot& slot = assembly_.streams[i];
      slot.tally.add(work->streams[i].tally);
      if (!slot.watermark || work->streams[i].newest == op::no_watermark) continue;
      const op::EventTimeUs before = slot.watermark->newest(input);
      slot.watermark->saw(input, work->streams[i].newest, now);
      auto& [distance, count] = advanced[input];
      if (before != op::no_watermark) {
        distance += std::max<op::EventTimeUs>(0, work->streams[i].newest - before);
        ++count;
      }
    }
    for (std::size_t i = 0; i < assembly_.views.size(); ++i) {
      assembly_.views[i].counts.late += work->late_of_view[i];
    }
  }
  for (const auto& [input, step] : advanced) {
    if (step.second > 0) event_time_per_slice_[input] = step.first / step.second;
  }
  records_in_ += rows_in_epoch_;
}

/// True when a watermark has moved: by new rows, or because partitions fell idle or ended.
bool EpochLoop::advance_watermarks() {
  const auto now = assembly_.options.context.clock.steady();
  bool moved = false;
  for (StreamSlot& slot : assembly_.streams) {
    if (!slot.watermark) continue;
    const op::EventTimeUs before = slot.watermark->current();
    moved |= slot.watermark->advance(now) != before;
  }
  for (ViewSlot& slot : assembly_.views) {
    slot.context.watermark = watermark_of(slot);
  }
  return moved;
}

/// The least of the streams' that its rows come from; those without event time have no say.
op::EventTimeUs EpochLoop::watermark_of(const ViewSlot& slot) const {
  if (input_ended_) return op::end_of_time;
  std::optional<op::EventTimeUs> least;
  for (const std::size_t stream : slot.streams) {
    const auto& watermark = assembly_.streams[stream].watermark;
    if (watermark) least = std::min(least.value_or(op::end_of_time), watermark->current());
  }
  if (!least || *least == op::no_watermark) return op::no_watermark;
  return *least - slot.part->behind_us;
}

/// Whether some view has rows whose time to live is over by the clock.
bool EpochLoop::rows_end() const {
  const op::EventTimeUs now = assembly_.options.context.clock.now_ms() * 1000;
  return std::ranges::any_of(assembly_.views,
                             [&](const ViewSlot& slot) { return slot.view->wakes_at() <= now; });
}

/// Level by level: each view takes in the changes of those below it.
Status EpochLoop::update_views() {
  std::size_t levels = 0;
  for (const ViewSlot& slot : assembly_.views) levels = std::max(levels, slot.level + 1);
  for (std::size_t level = 0; level < levels; ++level) LEAT_TRY(update_level(level));
  return {};
}

Status EpochLoop::update_level(std::size_t level) {
  std::vector<ViewSlot*> views;
  for (ViewSlot& slot : assembly_.views) {
    if (slot.level != level) continue;
    views.push_back(&slot);
    note_touched(slot);
  }
  const std::size_t shards = assembly_.shards;
  LEAT_TRY(pool_.each(workers_for(rows_in_epoch_), views.size() * shards,
                      [&](unsigned, std::size_t task) -> Status {
                        ViewSlot& slot = *views[task / shards];
                        auto& output = slot.output[task % shards];
                        output.clear();
                        return slot.view->merge(static_cast<unsigned>(task % shards), slot.context,
                                                output);
                      }));
  struct Delivery {
    ViewSlot* to;
    std::size_t input;
    const ChangeChunk* changes;
  };
  std::vector<Delivery> deliveries;
  std::uint64_t order = 0;
  for (ViewSlot* slot : views) {
    slot->parts.clear();
    for (auto& shard : slot->output) {
      for (ChangeChunk& changes : shard) {
        slot->counts.changes += changes.rows.size();
        changes.order = order++;
        for (const ViewSlot::Dependent& to : slot->dependents) {
          deliveries.push_back({&assembly_.views[to.view], to.input, &changes});
        }
      }
    }
  }
  return pool_.each(workers_for(deliveries.size() * chunk_rows_max), deliveries.size(),
                    [&](unsigned worker, std::size_t i) {
                      const Delivery& delivery = deliveries[i];
                      return absorb_into(*delivery.to, worker, delivery.input, *delivery.changes);
                    });
}

/// Whether the epoch may have changed the view: rows came to it, or its windows may close.
void EpochLoop::note_touched(ViewSlot& slot) const {
  if (slot.view->wakes_at() <= slot.context.now) {
    slot.touched = epoch_;
    return;
  }
  for (const std::string& input : slot.part->inputs) {
    if (const auto view = assembly_.find_part(input)) {
      slot.touched = std::max(slot.touched, assembly_.views[*view].touched);
      continue;
    }
    const std::size_t stream = *assembly_.find_stream(input);
    const auto has_rows = [&](const auto& work) { return !work->streams[stream].rows.empty(); };
    const bool timed = assembly_.streams[stream].watermark.has_value() || input_ended_;
    if (timed || std::ranges::any_of(slices_, has_rows)) slot.touched = epoch_;
  }
}

/// What `late` of the view says of rows that were made by others, and that no stream counts.
void EpochLoop::set_late_aside(ViewSlot& slot, std::size_t input, const ChangeChunk& changes,
                               const std::vector<op::LateRow>& late) {
  std::vector<std::string> letters;
  const std::string& from = slot.part->inputs[input];
  for (const op::LateRow& row : late) {
    if (slot.drops_late) break;
    letters.push_back(LateRowLetters::json({slot.node->name, slot.part->name, from, row}, changes,
                                           assembly_.schema_of(from)));
  }
  const std::lock_guard lock(slots_mutex_);
  slot.counts.late += late.size();
  for (std::string& letter : letters) late_letters_.add(std::move(letter));
}

Status EpochLoop::absorb_into(ViewSlot& slot, unsigned worker, std::size_t input,
                              const ChangeChunk& changes) {
  std::vector<op::LateRow> late;
  const Status status = slot.view->absorb(worker, slot.context, input, changes, late);
  if (status && !late.empty()) set_late_aside(slot, input, changes, late);
  if (status || status.error().domain != Domain::user) return status;
  const std::size_t rows = changes.rows.size();
  if (rows > 1) {
    LEAT_TRY(absorb_into(slot, worker, input, part_of(slot, changes, 0, rows / 2)));
    return absorb_into(slot, worker, input, part_of(slot, changes, rows / 2, rows));
  }
  // Put in or taken back, the same row fails: the view is without it, as if its WHERE said so.
  const std::lock_guard lock(slots_mutex_);
  ++slot.rows_refused;
  slot.last_refusal = fmt::format("its SQL fails on a row of view {}: {}", shown_input(slot, input),
                                  status.error().message);
  return {};
}

/// A copy of some rows, which stays until the view has merged them.
const ChangeChunk& EpochLoop::part_of(ViewSlot& slot, const ChangeChunk& changes, std::size_t begin,
                                      std::size_t end) {
  std::vector<std::uint32_t> rows(end - begin);
  std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(begin));
  auto part = std::make_unique<ChangeChunk>();
  part->rows = copy_of(changes.rows, rows);
  if (!changes.weights.empty()) {
    part->weights.assign(changes.weights.begin() + static_cast<std::ptrdiff_t>(begin),
                         changes.weights.begin() + static_cast<std::ptrdiff_t>(end));
  }
  part->order = changes.order;
  const std::lock_guard lock(slots_mutex_);
  slot.parts.push_back(std::move(part));
  return *slot.parts.back();
}

Status EpochLoop::write_outputs() {
  for (const auto& work : slices_) {
    if (!work->dead_letters.empty()) {
      LEAT_TRY(write_dead_letters(*assembly_.dead_letters, work->dead_letters, work->slice,
                                  work->input->topic(), work->input->name()));
    }
    for (std::size_t i = 0; i < work->sinks.size(); ++i) {
      if (work->sinks[i].rows == 0) continue;
      committer_.write(i, std::move(work->sinks[i].bytes), work->sinks[i].rows);
    }
  }
  LEAT_TRY(late_letters_.write(*assembly_.dead_letters));
  dead_letters_end_ = assembly_.dead_letters->next_offset();
  for (ViewSlot& slot : assembly_.views) {
    if (!slot.sinks.empty()) LEAT_TRY(write_view_to_sinks(slot));
  }
  return {};
}

Status EpochLoop::write_view_to_sinks(ViewSlot& slot) {
  for (const std::size_t sink : slot.sinks) {
    std::string bytes;
    std::uint64_t rows = 0;
    std::vector<connector::RefusedRow> refused;
    for (const auto& shard : slot.output) {
      for (const ChangeChunk& changes : shard) {
        LEAT_TRY(assembly_.sinks[sink].sink->encode_or_refuse(changes, bytes, refused));
        rows += changes.rows.size();
      }
    }
    // Put in or taken back, the same row is refused: the sink is without it.
    for (const connector::RefusedRow& row : refused) {
      spdlog::error("sink {}: a row of view {} is left out: {}", assembly_.sinks[sink].node->name,
                    slot.node->name, row.reason);
    }
    if (rows > 0) committer_.write(sink, std::move(bytes), rows);
  }
  return {};
}

}  // namespace leat::runtime

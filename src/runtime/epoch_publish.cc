// The end of an epoch: its rows become visible, and its memory is freed.

#include <spdlog/spdlog.h>

#include "model/chunk_copy.h"
#include "runtime/epoch_loop.h"

namespace leat::runtime {
namespace {

constexpr std::chrono::minutes refusals_reported_every{1};

}  // namespace

void EpochLoop::publish() {
  for (StreamSlot& slot : assembly_.streams) publish_stream(slot);
  assembly_.timeline->publish(epoch_);
  for (ViewSlot& slot : assembly_.views) publish_view(slot);
  visible_ = epoch_.value();
  ++epoch_;
  uncommitted_ = true;
  put_slices_back();
  note_counts();
  changed_.notify_all();
}

void EpochLoop::put_slices_back() {
  for (auto& work : slices_) spare_slices_.push_back(std::move(work));
  slices_.clear();
}

void EpochLoop::publish_stream(StreamSlot& slot) {
  std::vector<ChangeChunk> followed;
  const bool wanted = slot.feed->followed();
  const std::size_t index = slot.stage->index();
  // Newest first, until there are enough; then shown in order.
  std::vector<Chunk> recent;
  std::uint64_t rows = 0;
  const auto rows_max = static_cast<std::uint64_t>(slot.node->recent_rows_max);
  for (auto work = slices_.rbegin(); work != slices_.rend(); ++work) {
    auto& kept = (*work)->streams[index].rows;
    for (auto changes = kept.rbegin(); changes != kept.rend() && rows < rows_max; ++changes) {
      rows += changes->rows.size();
      recent.push_back(copy_of(changes->rows));
    }
  }
  for (auto chunk = recent.rbegin(); chunk != recent.rend(); ++chunk) {
    slot.recent->add(epoch_, std::move(*chunk));
  }
  if (wanted) {
    for (const auto& work : slices_) {
      for (ChangeChunk& changes : work->streams[index].rows) {
        followed.push_back({.rows = copy_of(changes.rows),
                            .weights = {},
                            .order = changes.order,
                            .record_of = {}});
      }
    }
  }
  slot.feed->publish(epoch_, std::move(followed));
}

/// Says now and then that a view is without rows, as long as more of them fail.
void EpochLoop::report_refusals(ViewSlot& slot) {
  const std::uint64_t refused = slot.rows_refused + slot.view->refused();
  const auto now = std::chrono::steady_clock::now();
  if (refused == slot.refusals_reported || now < slot.next_report) return;
  spdlog::warn(
      "view {}: a row can't be computed, so the view is without it until it can be: {}; guard the "
      "expression (TRY_CAST, NULLIF, CASE) or take a wider type",
      slot.node->name, slot.view->refused() > 0 ? slot.view->last_refusal() : slot.last_refusal);
  slot.refusals_reported = refused;
  slot.next_report = now + refusals_reported_every;
}

void EpochLoop::publish_view(ViewSlot& slot) {
  report_refusals(slot);
  std::vector<ChangeChunk> changes;
  if (slot.feed->followed()) {
    for (auto& shard : slot.output) {
      for (ChangeChunk& chunk : shard) {
        // Rows come out of a program and own their texts; their order was of use inside the epoch
        // only.
        changes.push_back(std::move(chunk));
      }
    }
  }
  slot.feed->publish(epoch_, std::move(changes));
  for (auto& shard : slot.output) shard.clear();
}

SliceWork* EpochLoop::new_slice_work(unsigned worker) {
  std::lock_guard lock(slices_mutex_);
  std::unique_ptr<SliceWork> work;
  if (spare_slices_.empty()) {
    work = std::make_unique<SliceWork>();
  } else {
    work = std::move(spare_slices_.back());
    spare_slices_.pop_back();
  }
  work->reset(assembly_.streams.size(), assembly_.sinks.size(), assembly_.views.size());
  work->worker = worker;
  work->slice.records.clear();
  work->slice.bytes_meant = 0;
  slices_.push_back(std::move(work));
  return slices_.back().get();
}

void EpochLoop::note_counts() {
  Counts counts;
  for (const StreamSlot& slot : assembly_.streams) {
    counts.streams.push_back(slot.tally);
    counts.watermarks.push_back(slot.watermark ? slot.watermark->current() : op::no_watermark);
  }
  for (const ViewSlot& slot : assembly_.views) {
    counts.views.push_back(slot.counts);
    counts.views_touched.push_back(slot.touched);
    counts.views_refused.push_back({slot.rows_refused, slot.last_refusal});
  }
  for (const auto& input : assembly_.inputs) {
    counts.inputs.push_back({input->topic(), input->name(), input->number().value(),
                             input->position(), input->lag(), input->ended(), input->missed()});
  }
  std::lock_guard lock(mutex_);
  counts_ = std::move(counts);
}

EpochLoop::Counts EpochLoop::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace leat::runtime

// What comes into an epoch from tables that are kept, and what streams that look rows up in views
// wait for.

#include <algorithm>

#include <spdlog/spdlog.h>

#include "model/chunk_copy.h"
#include "runtime/epoch_loop.h"

namespace leat::runtime {

/// An epoch of its own, so that a query sees the old table or the new one, and streams join with
/// the new one from the next epoch on.
Status EpochLoop::run_changes(std::size_t view, std::span<const ChangeChunk> changes) {
  begin_epoch();
  ViewSlot& slot = assembly_.views[view];
  slot.touched = epoch_;
  for (const ChangeChunk& chunk : changes) {
    rows_in_epoch_ += chunk.rows.size();
    LEAT_TRY(absorb_into(slot, 0, 0, chunk));
  }
  LEAT_TRY(update_views());
  LEAT_TRY(write_outputs());
  publish();
  return {};
}

/// True when a table has changed.
Result<bool> EpochLoop::take_tables() {
  if (paused_) return false;
  bool any = false;
  for (ReferenceSlot& table : assembly_.reference_tables) {
    const std::vector<ChangeChunk> changes = table.loader->take();
    if (changes.empty()) continue;
    LEAT_TRY(run_changes(table.view, changes));
    table.loader->taken();
    any = true;
  }
  if (!tables_ready_) {
    tables_ready_ = std::ranges::all_of(assembly_.reference_tables, [&](const auto& table) {
      return table.loader->loaded() || assembly_.views[table.view].view->row_count() > 0;
    });
  }
  return any;
}

/// Before anything else is taken in: what the tables have become since the last commit.
Status EpochLoop::first_look_at_tables() {
  for (const ReferenceSlot& table : assembly_.reference_tables) {
    const Status found = table.loader->look();
    const bool has_rows = assembly_.views[table.view].view->row_count() > 0;
    if (!found && !has_rows && assembly_.options.once) {
      return user_error(found.error().code, "table {}: {}", table.node->name,
                        found.error().message);
    }
  }
  LEAT_TRY(take_tables());
  return {};
}

/// An index that is new gets what its view has already.
Status EpochLoop::fill_indexes() {
  for (const IndexSlot& index : assembly_.indexes) {
    const auto& made = static_cast<const op::IndexView&>(*assembly_.views[index.view].view);
    if (made.is_new()) LEAT_TRY(fill_index(index));
  }
  return {};
}

Status EpochLoop::fill_index(const IndexSlot& index) {
  const ViewSlot& view = assembly_.views[*assembly_.find_view(index.part.inputs.front())];
  std::vector<ChangeChunk> rows;
  LEAT_TRY(view.view->scan(*snapshot(), [&](const Chunk& chunk) {
    if (chunk.size() > 0) {
      rows.push_back(
          {.rows = copy_of(chunk), .weights = {}, .order = rows.size(), .record_of = {}});
    }
    return true;
  }));
  return rows.empty() ? Status() : run_changes(index.view, rows);
}

/// A stream that looks rows up in a view waits until all that was there for the view has been read
/// once, so that after a start it finds what came before it.
void EpochLoop::hold_for_views() {
  if (assembly_.indexes.empty()) return;
  for (const auto& input : assembly_.inputs) {
    if (!input->may_have_data()) caught_up_.insert(input.get());
  }
  const auto is_awaited = [&](const StreamSlot& reader, std::size_t stream) {
    const std::string& topic = assembly_.streams[stream].topic;
    return topic != reader.topic && std::ranges::any_of(assembly_.inputs, [&](const auto& input) {
             return input->topic() == topic && !caught_up_.contains(input.get());
           });
  };
  for (const StreamSlot& slot : assembly_.streams) {
    for (const sql::Lookup& lookup : slot.node->query.lookups) {
      if (!lookup.view) continue;
      const ViewSlot& view = assembly_.views[*assembly_.find_view(lookup.table)];
      const bool waits = std::ranges::any_of(
          view.streams, [&](std::size_t stream) { return is_awaited(slot, stream); });
      if (!waits) continue;
      for (const auto& input : assembly_.inputs) {
        if (input->topic() == slot.topic) held_.insert(input.get());
      }
    }
  }
}

}  // namespace leat::runtime

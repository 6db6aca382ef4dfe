#include "operator/detail_table.h"

#include "operator/definition_record.h"
#include "state/hash.h"

namespace leat::op {
namespace {

DetailTable::Head& head_of(state::Entry* entry) {
  return *reinterpret_cast<DetailTable::Head*>(entry->record());
}

}  // namespace

std::vector<state::Entry*> WindowIndex::take_until(EventTimeUs time) {
  std::vector<state::Entry*> taken;
  while (!windows_.empty() && windows_.begin()->first <= time) {
    auto& entries = windows_.begin()->second;
    taken.insert(taken.end(), entries.begin(), entries.end());
    windows_.erase(windows_.begin());
  }
  return taken;
}

DetailTable::DetailTable(state::TableOptions options, unsigned shards, bool windowed)
    : windowed_(windowed),
      table_(std::move(options), shards,
             [shards, windowed](std::string_view key, const std::byte* record) {
               Head head;
               std::memcpy(&head, record, sizeof head);
               const std::string_view group = key.substr(0, head.group_size);
               return state::KeyedTable::Place{
                   state::KeyedTable::shard_of(state::hash_bytes(group), shards), windowed};
             }),
      windows_(shards) {}

Status DetailTable::find(unsigned shard, const state::KeyedShard& group_table,
                         std::span<state::Entry* const> groups, Lookup& lookup) {
  lookup.keys.clear();
  std::size_t begin = 0;
  for (const std::size_t end : lookup.ends) {
    const std::string_view key(lookup.bytes.data() + begin, end - begin);
    lookup.keys.push_back({key, state::hash_bytes(key)});
    begin = end;
  }
  LEAT_TRY(table_.shard(shard).find_or_create(lookup.keys, lookup.entries));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    touch(shard, lookup.entries[i], group_table, groups[i]);
  }
  return {};
}

std::byte* DetailTable::touch(unsigned shard, state::Entry* entry,
                              const state::KeyedShard& group_table, const state::Entry* group) {
  state::KeyedShard& table = table_.shard(shard);
  const bool existed = entry->has(state::Entry::live);
  std::byte* record = table.touch(entry);
  if (existed) return record;
  Head& head = head_of(entry);
  head.group_size = static_cast<std::uint32_t>(group_table.key_of(group).size());
  if (windowed_) {
    std::memcpy(&head.window_end, group->record() + group_window_offset, sizeof head.window_end);
    if (!entry->has(state::Entry::pinned)) {
      table.pin(entry);
      windows_[shard].add(head.window_end, entry);
    }
  }
  return record;
}

void DetailTable::drop_windows(unsigned shard, EventTimeUs time) {
  state::KeyedShard& table = table_.shard(shard);
  for (state::Entry* entry : windows_[shard].take_until(time)) {
    table.remove(entry);
    table.unpin(entry);
  }
}

Status DetailTable::drop_group(unsigned shard, std::string_view group) {
  state::KeyedShard& table = table_.shard(shard);
  (void)LEAT_TRY(table.remove_range(group, state::end_of_prefix(group)));
  return {};
}

Status DetailTable::restore(std::uint64_t bytes_max_a_shard) {
  return table_.restore(bytes_max_a_shard, [&](unsigned shard, state::Entry* entry) {
    if (windowed_) windows_[shard].add(head_of(entry).window_end, entry);
  });
}

DetailTable& DetailTables::add(std::size_t record_size, bool ordered) {
  state::TableOptions options = base_;
  options.prefix = details_prefix_of(tables_.size());
  options.layout = {(record_size + 7) & ~std::size_t{7}, {}};
  options.versioned = false;
  options.ordered = ordered || droppable_;
  tables_.push_back(std::make_unique<DetailTable>(std::move(options), shards_, windowed_));
  return *tables_.back();
}

}  // namespace leat::op

// What an ordered table can be asked besides: its keys in their order.

#include "state/hash.h"
#include "state/keyed_shard.h"

namespace leat::state {

Result<std::optional<std::string>> KeyedShard::edge_in_store(std::string_view prefix, bool last) {
  const std::string begin = stored_key(prefix);
  const std::string end = end_of_prefix(begin);
  std::optional<std::string> found;
  // Keys that are in memory, alive or dead, are decided there.
  const auto row = [&](std::string_view stored, std::string_view) {
    const std::string_view key = stored.substr(options_.prefix.size());
    if (look_up({key, hash_bytes(key)}) != nullptr) return true;
    found = key;
    return false;
  };
  LEAT_TRY(last ? options_.store->for_each_backwards(*options_.family, begin, end, row)
                : options_.store->for_each(*options_.family, begin, end, row));
  return found;
}

Result<std::optional<std::string>> KeyedShard::first_in(std::string_view prefix) {
  std::optional<std::string> edge;
  const auto it = index_.lower_bound(prefix);
  if (it != index_.end() && key_of(*it).starts_with(prefix)) edge = key_of(*it);
  if (complete_) return edge;
  std::optional<std::string> stored = LEAT_TRY(edge_in_store(prefix, false));
  if (stored && (!edge || *stored < *edge)) edge = std::move(stored);
  return edge;
}

Result<std::optional<std::string>> KeyedShard::last_in(std::string_view prefix) {
  std::optional<std::string> edge;
  const std::string end = end_of_prefix(prefix);
  auto it = end.empty() ? index_.end() : index_.lower_bound(std::string_view(end));
  if (it != index_.begin() && key_of(*--it).starts_with(prefix)) edge = key_of(*it);
  if (complete_) return edge;
  std::optional<std::string> stored = LEAT_TRY(edge_in_store(prefix, true));
  if (stored && (!edge || *stored > *edge)) edge = std::move(stored);
  return edge;
}

void KeyedShard::for_each_in_memory(std::string_view begin, std::string_view end,
                                    const std::function<bool(std::string_view)>& visit) const {
  for_each_entry(begin, end, [&](Entry* entry) { return visit(key_of(entry)); });
}

void KeyedShard::for_each_entry(std::string_view begin, std::string_view end,
                                const std::function<bool(Entry*)>& visit) const {
  for (auto it = index_.lower_bound(begin); it != index_.end(); ++it) {
    if (!end.empty() && key_of(*it) >= end) return;
    if (!visit(*it)) return;
  }
}

Status KeyedShard::for_each_in_store(std::string_view begin, std::string_view end,
                                     const std::function<bool(std::string_view)>& visit) const {
  if (complete_) return {};
  // Keys that are in memory, alive or dead, are decided there.
  const auto row = [&](std::string_view stored, std::string_view) {
    const std::string_view key = stored.substr(options_.prefix.size());
    return look_up({key, hash_bytes(key)}) != nullptr || visit(key);
  };
  return options_.store->for_each(*options_.family, stored_key(begin),
                                  end.empty() ? end_of_prefix(options_.prefix) : stored_key(end),
                                  row);
}

}  // namespace leat::state

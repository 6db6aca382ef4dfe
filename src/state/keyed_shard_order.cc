// What an ordered table can be asked besides: its keys in their order.

#include "state/hash.h"
#include "state/keyed_shard.h"

namespace leat::state {
namespace {
constexpr std::size_t walked_rows = 64;  // that for_each_row reads together
}

/// The first or the last key in [begin, end) that is in the store alone.
Result<std::optional<std::string>> KeyedShard::edge_in_store(std::string_view begin,
                                                             std::string_view end,
                                                             bool last) const {
  const std::string from = stored_key(begin);
  const std::string to = end.empty() ? end_of_prefix(options_.prefix) : stored_key(end);
  std::optional<std::string> found;
  // Keys that are in memory, alive or dead, are decided there.
  const auto row = [&](std::string_view stored, std::string_view) {
    const std::string_view key = stored.substr(options_.prefix.size());
    if (look_up({key, hash_bytes(key)}) != nullptr) return true;
    found = key;
    return false;
  };
  LEAT_TRY(last ? options_.store->for_each_backwards(*options_.family, from, to, row)
                : options_.store->for_each(*options_.family, from, to, row));
  return found;
}

Status KeyedShard::load_keys(std::span<const std::string> keys, std::vector<Entry*>& entries) {
  std::vector<Key> wanted;
  for (const std::string& key : keys) wanted.push_back({key, hash_bytes(key)});
  return find_or_create(wanted, entries);
}

Result<Entry*> KeyedShard::first_entry(std::string_view begin, std::string_view end,
                                       const Wanted& wanted) {
  std::vector<Entry*> loaded;
  for (;;) {
    Entry* first = nullptr;
    for_each_entry(begin, end, [&](Entry* entry) {
      if (wanted(entry)) first = entry;
      return first == nullptr;
    });
    if (complete_) return first;
    const std::string before(first == nullptr ? end : key_of(first));
    const std::optional<std::string> stored = LEAT_TRY(edge_in_store(begin, before, false));
    if (!stored) return first;
    LEAT_TRY(load_keys({&*stored, 1}, loaded));
    if (wanted(loaded[0])) return loaded[0];
  }
}

Result<Entry*> KeyedShard::last_entry(std::string_view begin, std::string_view end,
                                      const Wanted& wanted) {
  std::vector<Entry*> loaded;
  for (;;) {
    Entry* last = nullptr;
    auto it = end.empty() ? index_.end() : index_.lower_bound(end);
    while (last == nullptr && it != index_.begin() && key_of(*--it) >= begin) {
      if (wanted(*it)) last = *it;
    }
    if (complete_) return last;
    const std::string behind(last == nullptr ? begin : key_of(last));
    const std::optional<std::string> stored = LEAT_TRY(edge_in_store(behind, end, true));
    if (!stored) return last;
    LEAT_TRY(load_keys({&*stored, 1}, loaded));
    if (wanted(loaded[0])) return loaded[0];
  }
}

Result<std::size_t> KeyedShard::load_range(std::string_view begin, std::string_view end,
                                           std::size_t rows_max) {
  std::vector<std::string> found;
  LEAT_TRY(for_each_in_store(begin, end, [&](std::string_view key) {
    found.emplace_back(key);
    return found.size() < rows_max;
  }));
  std::vector<Entry*> loaded;
  LEAT_TRY(load_keys(found, loaded));
  return found.size();
}

Result<std::vector<std::string>> KeyedShard::remove_range(
    std::string_view begin, std::string_view end,
    const std::function<bool(std::string_view)>& which) {
  std::vector<std::string> keys;
  const auto take = [&](std::string_view key) {
    if (!which || which(key)) keys.emplace_back(key);
    return true;
  };
  for_each_in_memory(begin, end, take);
  LEAT_TRY(for_each_in_store(begin, end, take));
  std::vector<Entry*> entries;
  LEAT_TRY(load_keys(keys, entries));
  for (Entry* entry : entries) remove(entry);
  return keys;
}

Result<std::optional<std::string>> KeyedShard::first_in(std::string_view prefix) {
  std::optional<std::string> edge;
  const auto it = index_.lower_bound(prefix);
  if (it != index_.end() && key_of(*it).starts_with(prefix)) edge = key_of(*it);
  if (complete_) return edge;
  std::optional<std::string> stored = LEAT_TRY(edge_in_store(prefix, end_of_prefix(prefix), false));
  if (stored && (!edge || *stored < *edge)) edge = std::move(stored);
  return edge;
}

Result<std::optional<std::string>> KeyedShard::last_in(std::string_view prefix) {
  std::optional<std::string> edge;
  const std::string end = end_of_prefix(prefix);
  auto it = end.empty() ? index_.end() : index_.lower_bound(std::string_view(end));
  if (it != index_.begin() && key_of(*--it).starts_with(prefix)) edge = key_of(*it);
  if (complete_) return edge;
  std::optional<std::string> stored = LEAT_TRY(edge_in_store(prefix, end, true));
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
  return for_each_stored(begin, end,
                         [&](std::string_view key, std::string_view) { return visit(key); });
}

Status KeyedShard::for_each_record_in_store(
    std::string_view begin, std::string_view end,
    const std::function<bool(std::string_view, const std::byte*)>& visit) const {
  std::vector<std::byte> record(options_.layout.size);
  Status parsed;
  LEAT_TRY(for_each_stored(begin, end, [&](std::string_view key, std::string_view stored) {
    parsed = options_.layout.parse(stored, record.data());
    return parsed && visit(key, record.data());
  }));
  return parsed;
}

Status KeyedShard::for_each_stored(
    std::string_view begin, std::string_view end,
    const std::function<bool(std::string_view, std::string_view)>& visit) const {
  if (complete_) return {};
  // Keys that are in memory, alive or dead, are decided there.
  const auto row = [&](std::string_view stored, std::string_view value) {
    const std::string_view key = stored.substr(options_.prefix.size());
    return look_up({key, hash_bytes(key)}) != nullptr || visit(key, value);
  };
  return options_.store->for_each(*options_.family, stored_key(begin),
                                  end.empty() ? end_of_prefix(options_.prefix) : stored_key(end),
                                  row);
}

Status KeyedShard::for_each_row(std::string_view begin, std::string_view end,
                                const std::function<bool(Entry*)>& visit) {
  std::string from(begin);
  std::vector<std::string> found;
  std::vector<Entry*> loaded;
  for (bool wanted = true; wanted;) {
    // A piece ends where so many rows were in memory, or where so many were not.
    std::string until(end);
    std::size_t in_memory = 0;
    for_each_entry(from, end, [&](Entry* entry) {
      if (complete_ || ++in_memory <= walked_rows) return !complete_;
      until = key_of(entry);
      return false;
    });
    found.clear();
    LEAT_TRY(for_each_in_store(from, until, [&](std::string_view key) {
      found.emplace_back(key);
      return found.size() < walked_rows;
    }));
    LEAT_TRY(load_keys(found, loaded));
    if (found.size() == walked_rows) until = found.back() + '\0';
    for_each_entry(from, until, [&](Entry* entry) { return wanted = visit(entry); });
    if (until == end) return {};
    from = std::move(until);
  }
  return {};
}

}  // namespace leat::state

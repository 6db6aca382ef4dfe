#include "runtime/lookup_cache.h"

#include <algorithm>

namespace leat::runtime {
namespace {

/// Of an answer beside its bytes: list, index and shared object.
constexpr std::size_t entry_bytes = 200;

std::size_t bytes_of(const std::string& key, const LookedUp& answer) {
  std::size_t bytes = entry_bytes + key.size() + answer.refusal.size();
  for (const std::string& row : answer.rows) bytes += sizeof row + row.size();
  return bytes;
}

}  // namespace

std::shared_ptr<const LookedUp> LookupCache::find(std::string_view key, Time now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  if (now >= found->second->until) {
    remove(found->second);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->answer;
}

void LookupCache::put(const std::string& key, std::shared_ptr<const LookedUp> answer, Time now) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) remove(found->second);
  const auto kept_for = answer->rows.empty() ? bounds_.missing_for : bounds_.found_for;
  if (kept_for.count() == 0) return;
  Entry entry{
      .key = key, .answer = std::move(answer), .until = now + kept_for, .rows = 1, .bytes = 0};
  entry.rows = std::max<std::size_t>(1, entry.answer->rows.size());
  entry.bytes = bytes_of(key, *entry.answer);
  rows_ += entry.rows;
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  by_key_.emplace(entries_.front().key, entries_.begin());
  while (!entries_.empty() && (rows_ > bounds_.rows_max || bytes_ > bounds_.bytes_max)) {
    remove(std::prev(entries_.end()));
  }
}

void LookupCache::remove(std::list<Entry>::iterator entry) {
  rows_ -= entry->rows;
  bytes_ -= entry->bytes;
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace leat::runtime

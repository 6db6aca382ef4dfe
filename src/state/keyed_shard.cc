#include "state/keyed_shard.h"

#include <algorithm>

#include "base/check.h"
#include "state/hash.h"

namespace leat::state {
namespace {
constexpr std::size_t slots_min = 64;
constexpr std::size_t prefetch_rows = 32;     // how far looking up runs ahead of itself
constexpr std::size_t doomed_at_once = 4096;  // dead entries looked at in one begin(), at least
constexpr std::uint64_t blob_overhead = 16;   // the allocator's own, about

std::size_t common_prefix(std::string_view left, std::string_view right) {
  const std::size_t size = std::min(left.size(), right.size());
  std::size_t common = 0;
  while (common < size && left[common] == right[common]) ++common;
  return common;
}

}  // namespace

KeyedShard::KeyedShard(const TableOptions& options)
    : options_(options), slots_(slots_min), index_(KeyOrder{options.layout.size}) {}

KeyedShard::~KeyedShard() {
  if (options_.layout.blobs.empty()) return;
  EntryPool::Position position;
  pool_.walk(position, SIZE_MAX, [&](Entry* entry) {
    if (!entry->has(Entry::live)) return;
    for (std::size_t i = 0; i < options_.layout.blobs.size(); ++i) {
      free_blob(*options_.layout.blob(entry->record(), i));
    }
  });
}

void KeyedShard::begin(Epoch epoch) {
  std::lock_guard lock(mutex_);
  LEAT_CHECK(epoch.value() >= epoch_);
  collect();
  epoch_ = epoch.value();
  touched_.clear();
  if (options_.versioned) undo_.begin(epoch);
}

void KeyedShard::collect() {
  if (options_.versioned) undo_.release(options_.timeline->oldest_visible());
  // A reader may still look a dead row up in its view of the store, where it lives on: so a row is
  // forgotten only when every view shows its end.
  const std::uint64_t durable = options_.versioned ? options_.timeline->oldest_committed().value()
                                                   : options_.timeline->last_committed().value();
  for (std::size_t left = std::min(doomed_.size(), doomed_at_once + doomed_.size() / 4); left > 0;
       --left) {
    Entry* entry = doomed_.front();
    doomed_.pop_front();
    if (entry->has(Entry::live) || entry->has(Entry::pinned)) {
      entry->clear(Entry::doomed);  // unpin() brings a dead one back here
    } else if (entry->epoch > durable || entry->has(Entry::dirty)) {
      doomed_.push_back(entry);
    } else {
      forget(entry);
    }
  }
}

Entry* KeyedShard::look_up(Key key) const {
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t tag = key.hash >> 48;
  for (std::size_t i = key.hash & mask;; i = (i + 1) & mask) {
    const std::uint64_t slot = slots_[i];
    if (slot == 0) return nullptr;
    if ((slot >> 48) != tag || slot == freed_slot) continue;
    Entry* entry = entry_in(slot);
    if (entry->hash == key.hash && key_of(entry) == key.bytes) return entry;
  }
}

void KeyedShard::resize_slots(std::size_t count) {
  std::vector<std::uint64_t> old = std::exchange(slots_, std::vector<std::uint64_t>(count));
  slots_taken_ = 0;
  const std::size_t mask = count - 1;
  for (const std::uint64_t slot : old) {
    if (slot <= freed_slot) continue;
    std::size_t i = entry_in(slot)->hash & mask;
    while (slots_[i] != 0) i = (i + 1) & mask;
    slots_[i] = slot;
    ++slots_taken_;
  }
}

Entry* KeyedShard::create(Key key) {
  if ((slots_taken_ + 1) * 3 > slots_.size() * 2) {
    // Mostly freed places: the same size does, cleaned up.
    resize_slots(entry_count_ * 3 > slots_.size() ? 2 * slots_.size() : slots_.size());
  }
  Entry* entry = pool_.allocate(sizeof(Entry) + options_.layout.size + key.bytes.size());
  LEAT_CHECK((reinterpret_cast<std::uintptr_t>(entry) & ~address_mask) == 0);
  entry->hash = key.hash;
  entry->serial = next_serial_++;
  entry->key_size = static_cast<std::uint32_t>(key.bytes.size());
  entry->flags = Entry::used | Entry::referenced;
  if (!key.bytes.empty()) {
    std::memcpy(entry->record() + options_.layout.size, key.bytes.data(), key.bytes.size());
  }
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = key.hash & mask;
  while (slots_[i] != 0) i = (i + 1) & mask;
  slots_[i] = reinterpret_cast<std::uint64_t>(entry) | ((key.hash >> 48) << 48);
  ++slots_taken_;
  ++entry_count_;
  return entry;
}

void KeyedShard::forget(Entry* entry) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = entry->hash & mask;
  while (slots_[i] <= freed_slot || entry_in(slots_[i]) != entry) i = (i + 1) & mask;
  slots_[i] = freed_slot;
  --entry_count_;
  pool_.free(entry, entry_size(entry));
}

void KeyedShard::prefetch(std::span<const Key> keys) const {
  const std::size_t mask = slots_.size() - 1;
  for (const Key& key : keys) __builtin_prefetch(&slots_[key.hash & mask]);
  for (const Key& key : keys) {
    const std::uint64_t slot = slots_[key.hash & mask];
    if (slot > freed_slot) {
      __builtin_prefetch(entry_in(slot));
      __builtin_prefetch(reinterpret_cast<const char*>(entry_in(slot)) + 64);
    }
  }
}

Status KeyedShard::find_or_create(std::span<const Key> keys, std::vector<Entry*>& entries) {
  entries.resize(keys.size());
  to_load_.clear();
  for (std::size_t begin = 0; begin < keys.size(); begin += prefetch_rows) {
    const std::size_t end = std::min(keys.size(), begin + prefetch_rows);
    prefetch(keys.subspan(begin, end - begin));
    for (std::size_t i = begin; i < end; ++i) {
      Entry* entry = look_up(keys[i]);
      if (entry == nullptr) {
        entry = create(keys[i]);
        if (!complete_) to_load_.push_back(entry);
      }
      entries[i] = entry;
    }
  }
  if (!to_load_.empty()) LEAT_TRY(load(to_load_));
  return {};
}

Result<Entry*> KeyedShard::find(Key key) {
  Entry* entry = look_up(key);
  if (entry == nullptr && !complete_) {
    std::vector<Entry*> entries;
    LEAT_TRY(find_or_create({&key, 1}, entries));
    entry = entries[0];
  }
  return entry != nullptr && entry->has(Entry::live) ? entry : nullptr;
}

Status KeyedShard::find(std::span<const Key> keys, std::vector<Entry*>& entries) {
  if (!complete_) {
    LEAT_TRY(find_or_create(keys, entries));
  } else {
    entries.resize(keys.size());
    for (std::size_t begin = 0; begin < keys.size(); begin += prefetch_rows) {
      const std::size_t end = std::min(keys.size(), begin + prefetch_rows);
      prefetch(keys.subspan(begin, end - begin));
      for (std::size_t i = begin; i < end; ++i) entries[i] = look_up(keys[i]);
    }
  }
  for (Entry*& entry : entries) {
    if (entry != nullptr && !entry->has(Entry::live)) entry = nullptr;
  }
  return {};
}

Status KeyedShard::load(std::span<Entry* const> entries) {
  std::vector<std::string> keys;
  keys.reserve(entries.size());
  for (const Entry* entry : entries) keys.push_back(stored_key(key_of(entry)));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::vector<std::optional<std::string>> values;
  LEAT_TRY(options_.store->get_many(*options_.family, views, values));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Entry* entry = entries[i];
    if (!values[i]) {
      // Not in the store either: remembered as dead for as long as this epoch needs it.
      doom(entry);
      continue;
    }
    LEAT_TRY(options_.layout.parse(*values[i], entry->record()));
    adopt_blobs(entry);
    entry->set(Entry::stored);
    bring_to_life(entry);
    --live_in_store_only_;
  }
  return {};
}

void KeyedShard::adopt_blobs(Entry* entry) {
  for (std::size_t i = 0; i < options_.layout.blobs.size(); ++i) {
    Blob& blob = *options_.layout.blob(entry->record(), i);
    if (!blob.has_block()) continue;
    char* block = new char[blob.size()];
    std::memcpy(block, blob.block(), blob.size());
    blob.assign_block(block, blob.size());
    blob_bytes_ += blob.size() + blob_overhead;
  }
}

void KeyedShard::bring_to_life(Entry* entry) {
  entry->set(Entry::live);
  ++live_in_memory_;
  if (options_.ordered) index_.insert(entry);
}

void KeyedShard::touch_slowly(Entry* entry) {
  if (entry->epoch != epoch_) {
    // An entry that was just created has nothing before it.
    const bool existed = entry->has(Entry::live) || entry->epoch != 0;
    if (options_.versioned && existed) {
      const bool live = entry->has(Entry::live);
      const std::size_t size = sizeof(Version) + (live ? options_.layout.size : 0);
      auto* version = reinterpret_cast<Version*>(undo_.allocate(size));
      *version = {entry->epoch, entry->undo, live};
      if (live) std::memcpy(version->record(), entry->record(), options_.layout.size);
      entry->undo = version;
    } else {
      entry->undo = nullptr;
    }
    entry->epoch = epoch_;
    if (options_.versioned) touched_.push_back(entry);
  }
  if (!entry->has(Entry::live)) {
    std::memset(entry->record(), 0, options_.layout.size);
    bring_to_life(entry);
  }
  if (!entry->has(Entry::dirty)) {
    entry->set(Entry::dirty);
    dirty_.push_back(entry);
  }
  entry->set(Entry::referenced);
}

void KeyedShard::free_blob(Blob& blob) {
  if (!blob.has_block()) return;
  delete[] blob.block();
  blob_bytes_ -= blob.size() + blob_overhead;
}

void KeyedShard::set_blob(Entry* entry, std::size_t index, std::string_view bytes) {
  Blob& blob = *options_.layout.blob(entry->record(), index);
  if (blob.has_block()) {
    const std::byte* old = before(entry);
    const Blob* seen = old == nullptr ? nullptr : options_.layout.blob(old, index);
    if (seen != nullptr && seen->has_block() && seen->block() == blob.block()) {
      undo_.retire(blob.block(), blob.size());
      blob_bytes_ -= blob.size() + blob_overhead;
    } else {
      free_blob(blob);
    }
  }
  if (bytes.size() <= Blob::inline_max) {
    blob.assign_inline(bytes);
    return;
  }
  char* block = new char[bytes.size()];
  std::memcpy(block, bytes.data(), bytes.size());
  blob.assign_block(block, bytes.size());
  blob_bytes_ += bytes.size() + blob_overhead;
}

void KeyedShard::remove(Entry* entry) {
  if (!entry->has(Entry::live)) return;
  touch(entry);
  for (std::size_t i = 0; i < options_.layout.blobs.size(); ++i) set_blob(entry, i, {});
  entry->clear(Entry::live);
  --live_in_memory_;
  if (options_.ordered) index_.erase(entry);
  doom(entry);
}

void KeyedShard::doom(Entry* entry) {
  if (entry->has(Entry::doomed)) return;
  entry->set(Entry::doomed);
  doomed_.push_back(entry);
}

void KeyedShard::unpin(Entry* entry) {
  entry->clear(Entry::pinned);
  if (!entry->has(Entry::live)) doom(entry);
}

/// In order the store takes rows several times as fast. Where keys differ they mostly do so within
/// sixteen bytes behind what all of them begin with (a window's start, zeros of a number): those
/// are looked up once a row.
void KeyedShard::sort_by_key(std::vector<Entry*>& entries) const {
  struct Place {
    unsigned __int128 begin;
    Entry* entry;
  };
  if (entries.empty()) return;
  const std::string_view first = key_of(entries.front());
  std::size_t common = first.size();
  for (const Entry* entry : entries) common = common_prefix(first.substr(0, common), key_of(entry));
  std::vector<Place> order;
  order.reserve(entries.size());
  for (Entry* entry : entries) {
    char begin[16] = {};
    key_of(entry).substr(common).copy(begin, sizeof begin);
    const auto high = static_cast<unsigned __int128>(__builtin_bswap64(load_u64(begin)));
    order.push_back({high << 64 | __builtin_bswap64(load_u64(begin + 8)), entry});
  }
  std::sort(order.begin(), order.end(), [this](const Place& left, const Place& right) {
    if (left.begin != right.begin) return left.begin < right.begin;
    return key_of(left.entry) < key_of(right.entry);
  });
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i] = order[i].entry;
}

void KeyedShard::persist(CommitBatch& batch) {
  std::lock_guard lock(mutex_);
  sort_by_key(dirty_);
  std::string key;
  for (Entry* entry : dirty_) {
    entry->clear(Entry::dirty);
    key = options_.prefix;
    key.append(key_of(entry));
    if (entry->has(Entry::live)) {
      scratch_.clear();
      options_.layout.serialise(entry->record(), scratch_);
      batch.put(*options_.family, key, scratch_);
      entry->set(Entry::stored);
    } else if (entry->has(Entry::stored)) {
      batch.remove(*options_.family, key);
      entry->clear(Entry::stored);
    }
  }
  dirty_.clear();
  collect();
  publish_counts();
}

Result<Entry*> KeyedShard::restore(Key key, std::string_view stored, bool must_stay) {
  if (!must_stay) {
    complete_ = false;
    ++live_in_store_only_;
    return nullptr;
  }
  Entry* entry = create(key);
  LEAT_TRY(options_.layout.parse(stored, entry->record()));
  adopt_blobs(entry);
  entry->set(Entry::stored);
  bring_to_life(entry);
  return entry;
}

std::uint64_t KeyedShard::evict(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  if (scans_ > 0) return 0;
  const std::uint64_t durable = options_.versioned ? options_.timeline->oldest_committed().value()
                                                   : options_.timeline->last_committed().value();
  const std::uint64_t before = pool_.used_bytes() + blob_bytes_;
  constexpr auto busy = static_cast<std::uint8_t>(Entry::dirty | Entry::pinned | Entry::doomed);
  for (int round = 0; round < 3;) {  // the rest of this turn, and two whole ones
    const bool more = pool_.walk(hand_, 1024, [&](Entry* entry) {
      if (!entry->has(Entry::live) || (entry->flags & busy) != 0 || entry->epoch > durable) return;
      if (entry->has(Entry::referenced)) {
        entry->clear(Entry::referenced);
        return;
      }
      for (std::size_t i = 0; i < options_.layout.blobs.size(); ++i) {
        free_blob(*options_.layout.blob(entry->record(), i));
      }
      if (options_.ordered) index_.erase(entry);
      --live_in_memory_;
      ++live_in_store_only_;
      complete_ = false;
      forget(entry);
    });
    if (before - (pool_.used_bytes() + blob_bytes_) >= bytes) break;
    if (!more) {
      hand_ = {};
      ++round;
    }
  }
  publish_counts();
  return before - (pool_.used_bytes() + blob_bytes_);
}

std::uint64_t KeyedShard::used_bytes() const {
  return pool_.used_bytes() + blob_bytes_ + slots_.size() * sizeof(slots_[0]) + undo_.bytes();
}

void KeyedShard::publish_counts() {
  row_count_.store(live_in_memory_ + live_in_store_only_, std::memory_order_relaxed);
  memory_bytes_.store(pool_.page_bytes() + blob_bytes_ + slots_.size() * sizeof(slots_[0]) +
                          undo_.bytes() + index_.size() * 48,
                      std::memory_order_relaxed);
}

const std::byte* KeyedShard::record_at(const Entry* entry, std::uint64_t epoch) const {
  if (entry->epoch <= epoch) return entry->has(Entry::live) ? entry->record() : nullptr;
  const Version* version = entry->undo;
  while (version != nullptr && version->epoch > epoch) version = version->older;
  return version != nullptr && version->live ? version->record() : nullptr;
}

KeyedShard::Scan::Scan(KeyedShard& shard, Epoch epoch) : shard_(shard), epoch_(epoch.value()) {
  LEAT_CHECK(shard.options_.versioned);
  std::lock_guard lock(shard_.mutex_);
  ++shard_.scans_;
  serials_end_ = shard_.next_serial_;
  complete_ = shard_.complete_;
}

KeyedShard::Scan::~Scan() {
  std::lock_guard lock(shard_.mutex_);
  --shard_.scans_;
}

bool KeyedShard::Scan::next(std::size_t rows_max, std::vector<std::string_view>& keys,
                            std::vector<std::byte>& records) {
  std::lock_guard lock(shard_.mutex_);
  return shard_.pool_.walk(position_, rows_max, [&](const Entry* entry) {
    if (entry->serial >= serials_end_) return;
    const std::byte* record = shard_.record_at(entry, epoch_);
    if (record == nullptr) return;
    keys.push_back(shard_.key_of(entry));
    records.insert(records.end(), record, record + shard_.record_size());
  });
}

bool KeyedShard::Scan::covers(Key key) const {
  std::lock_guard lock(shard_.mutex_);
  const Entry* entry = shard_.look_up(key);
  return entry != nullptr && entry->serial < serials_end_;
}

}  // namespace leat::state

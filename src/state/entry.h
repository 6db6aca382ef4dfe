#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

namespace leat::state {

/// A record as it was before an epoch changed it; lies in that epoch's UndoLog, the record's bytes
/// right behind it (none when the row did not exist).
struct Version {
  std::uint64_t epoch;  ///< the epoch that made it
  Version* older;       ///< only to be followed by readers of epochs before `epoch`
  bool live;

  std::byte* record() { return reinterpret_cast<std::byte*>(this + 1); }
  const std::byte* record() const { return reinterpret_cast<const std::byte*>(this + 1); }
};

/// One row of a keyed table in memory: this header, the record, the key's bytes. It never moves.
struct Entry {
  enum Flag : std::uint8_t {
    used = 1,         ///< the cell holds an entry at all
    live = 2,         ///< the row exists (a dead one is remembered until nobody can ask for it)
    dirty = 4,        ///< differs from what was last persisted
    stored = 8,       ///< the store may have the key
    referenced = 16,  ///< was used since the evicting hand last came by
    pinned = 32,      ///< never evicted
    doomed = 64,      ///< is in the list of dead entries
  };
  std::uint64_t hash;
  std::uint64_t epoch;   ///< of the last change; 0: as loaded from the store
  std::uint64_t serial;  ///< rises with each entry that comes into the shard's memory
  Version* undo;
  std::uint32_t key_size;
  std::uint8_t flags;

  bool has(Flag flag) const { return (flags & flag) != 0; }
  void set(Flag flag) { flags = static_cast<std::uint8_t>(flags | flag); }
  void clear(Flag flag) { flags = static_cast<std::uint8_t>(flags & ~flag); }
  std::byte* record() { return reinterpret_cast<std::byte*>(this + 1); }
  const std::byte* record() const { return reinterpret_cast<const std::byte*>(this + 1); }
  std::string_view key(std::size_t record_size) const {
    return {reinterpret_cast<const char*>(this + 1) + record_size, key_size};
  }
};
static_assert(sizeof(Entry) == 40);

/// Memory for entries: pages of equal cells, one list of pages for each size. Cells that are free
/// have no `used` flag, so that all entries can be walked through; a place in the walk stays valid
/// whatever is added or freed. Used by one thread at a time.
class EntryPool {
 public:
  /// Where a walk stands. Begin with the default.
  struct Position {
    std::size_t cell_size = 0;
    std::size_t page = 0;
    std::size_t cell = 0;
  };

  /// A zeroed cell of at least `size` bytes.
  Entry* allocate(std::size_t size);
  void free(Entry* entry, std::size_t size);

  /// Calls `visit` for used cells from `position` on until `cells_max` cells were looked at; false
  /// when the end was reached.
  template <class Visit>
  bool walk(Position& position, std::size_t cells_max, Visit&& visit);

  std::uint64_t page_bytes() const { return page_bytes_; }
  std::uint64_t used_bytes() const { return used_bytes_; }

 private:
  struct Page {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t cells;
  };
  struct SizeClass {
    std::vector<Page> pages;
    std::size_t cells_used_of_last = 0;
    Entry* free = nullptr;  // chained through Entry::undo
  };
  static std::size_t cell_size_of(std::size_t size);
  SizeClass& class_of(std::size_t cell_size);

  std::map<std::size_t, SizeClass> classes_;
  std::size_t recent_size_ = 0;
  SizeClass* recent_ = nullptr;
  std::uint64_t page_bytes_ = 0;
  std::uint64_t used_bytes_ = 0;
};

template <class Visit>
bool EntryPool::walk(Position& position, std::size_t cells_max, Visit&& visit) {
  auto it = classes_.lower_bound(position.cell_size);
  for (; it != classes_.end(); ++it) {
    const auto& [cell_size, cells] = *it;
    if (cell_size != position.cell_size) position = {cell_size, 0, 0};
    for (; position.page < cells.pages.size(); ++position.page, position.cell = 0) {
      const Page& page = cells.pages[position.page];
      for (; position.cell < page.cells; ++position.cell) {
        if (cells_max-- == 0) return true;
        auto* entry = reinterpret_cast<Entry*>(page.bytes.get() + position.cell * cell_size);
        if (entry->has(Entry::used)) visit(entry);
      }
    }
    position.page = cells.pages.size();
  }
  return false;
}

}  // namespace leat::state

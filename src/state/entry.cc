#include "state/entry.h"

#include <algorithm>

namespace leat::state {
namespace {
constexpr std::size_t page_bytes_max = 256u << 10;
constexpr std::size_t first_page_bytes = 2u << 10;  // a table of a few rows takes little
}  // namespace

std::size_t EntryPool::cell_size_of(std::size_t size) {
  if (size <= 1024) return (size + 7) & ~std::size_t{7};
  std::size_t cell = 1024;  // long keys: steps of a quarter bound both waste and number of classes
  while (cell < size) cell += (cell / 4 + 7) & ~std::size_t{7};
  return cell;
}

EntryPool::SizeClass& EntryPool::class_of(std::size_t cell_size) {
  if (recent_ == nullptr || recent_size_ != cell_size) {
    recent_ = &classes_[cell_size];
    recent_size_ = cell_size;
  }
  return *recent_;
}

Entry* EntryPool::allocate(std::size_t size) {
  const std::size_t cell_size = cell_size_of(size);
  SizeClass& cells = class_of(cell_size);
  used_bytes_ += cell_size;
  if (cells.free != nullptr) {
    Entry* entry = cells.free;
    cells.free = reinterpret_cast<Entry*>(entry->undo);
    std::memset(static_cast<void*>(entry), 0, cell_size);
    return entry;
  }
  if (cells.pages.empty() || cells.cells_used_of_last == cells.pages.back().cells) {
    const std::size_t wanted =
        cells.pages.empty() ? first_page_bytes
                            : std::min(page_bytes_max, 2 * cells.pages.back().cells * cell_size);
    const std::size_t count = std::max<std::size_t>(1, wanted / cell_size);
    cells.pages.push_back({std::make_unique<std::byte[]>(count * cell_size), count});
    cells.cells_used_of_last = 0;
    page_bytes_ += count * cell_size;
  }
  return reinterpret_cast<Entry*>(cells.pages.back().bytes.get() +
                                  cells.cells_used_of_last++ * cell_size);
}

void EntryPool::free(Entry* entry, std::size_t size) {
  const std::size_t cell_size = cell_size_of(size);
  SizeClass& cells = class_of(cell_size);
  used_bytes_ -= cell_size;
  entry->flags = 0;
  entry->undo = reinterpret_cast<Version*>(cells.free);
  cells.free = entry;
}

}  // namespace leat::state

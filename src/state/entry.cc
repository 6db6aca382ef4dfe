#include "state/entry.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace leat::state {
namespace {
constexpr std::size_t first_page_bytes = 2u << 10;  // a table of a few rows takes little
// The size of the processor's large pages: one is cleared at once, and one entry of its table of
// addresses serves all of it.
constexpr std::size_t page_bytes_max = 2u << 20;
}  // namespace

void EntryPool::Free::operator()(std::byte* bytes) const { std::free(bytes); }

std::unique_ptr<std::byte, EntryPool::Free> EntryPool::zeroed_page(std::size_t bytes) {
  const bool large = bytes > page_bytes_max / 2 && bytes <= page_bytes_max;
  auto* page = static_cast<std::byte*>(large ? std::aligned_alloc(page_bytes_max, page_bytes_max)
                                             : std::calloc(1, bytes));
  if (page == nullptr) throw std::bad_alloc();
  if (large) {
    // Where the system does not know them it is as good as without.
    (void)madvise(page, page_bytes_max, MADV_HUGEPAGE);
    std::memset(page, 0, bytes);
  }
  return std::unique_ptr<std::byte, Free>(page);
}

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
    cells.pages.push_back({zeroed_page(count * cell_size), count});
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

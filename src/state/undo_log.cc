#include "state/undo_log.h"

namespace leat::state {
namespace {
constexpr std::size_t page_bytes = 32u << 10;
constexpr std::size_t spare_pages_max = 16;
}  // namespace

UndoLog::~UndoLog() {
  for (EpochLog& log : logs_) release(log);
}

void UndoLog::begin(Epoch epoch) {
  if (!logs_.empty() && logs_.back().epoch == epoch) return;
  logs_.emplace_back();
  logs_.back().epoch = epoch;
}

std::byte* UndoLog::allocate(std::size_t size) {
  EpochLog& log = logs_.back();
  size = (size + 7) & ~std::size_t{7};
  if (size > page_bytes) {
    log.large.push_back(std::make_unique<std::byte[]>(size));
    log.bytes += size;
    bytes_ += size;
    return log.large.back().get();
  }
  if (log.pages.empty() || log.used_of_last + size > page_bytes) {
    if (spare_.empty()) {
      log.pages.push_back(std::make_unique_for_overwrite<std::byte[]>(page_bytes));
    } else {
      log.pages.push_back(std::move(spare_.back()));
      spare_.pop_back();
    }
    log.used_of_last = 0;
    log.bytes += page_bytes;
    bytes_ += page_bytes;
  }
  std::byte* place = log.pages.back().get() + log.used_of_last;
  log.used_of_last += size;
  return place;
}

void UndoLog::retire(char* block, std::size_t size) {
  logs_.back().retired.push_back({block, size});
  logs_.back().bytes += size;
  bytes_ += size;
}

void UndoLog::release(EpochLog& log) {
  for (const Block& block : log.retired) delete[] block.bytes;
  bytes_ -= log.bytes;
  for (auto& page : log.pages) {
    if (spare_.size() < spare_pages_max) spare_.push_back(std::move(page));
  }
}

void UndoLog::release(Epoch oldest_visible) {
  while (!logs_.empty() && logs_.front().epoch <= oldest_visible) {
    release(logs_.front());
    logs_.pop_front();
  }
}

}  // namespace leat::state

#include "runtime/recent_rows.h"

#include <memory>
#include <vector>

namespace leat::runtime {

void RecentRows::add(Epoch epoch, Chunk rows) {
  std::lock_guard lock(mutex_);
  rows_ += rows.size();
  entries_.push_back({epoch, std::make_shared<const Chunk>(std::move(rows))});
  while (!entries_.empty() && rows_ - entries_.front().rows->size() >= rows_max_) {
    rows_ -= entries_.front().rows->size();
    entries_.pop_front();
  }
}

void RecentRows::scan(Epoch epoch, const std::function<bool(const Chunk&)>& row_sink) const {
  std::vector<std::shared_ptr<const Chunk>> visible;
  {
    std::lock_guard lock(mutex_);
    for (const Entry& entry : entries_) {
      if (entry.epoch <= epoch) visible.push_back(entry.rows);
    }
  }
  for (const auto& rows : visible) {
    if (!row_sink(*rows)) return;
  }
}

}  // namespace leat::runtime

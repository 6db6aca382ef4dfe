#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "base/ids.h"
#include "model/chunk.h"
#include "model/schema.h"

namespace leat::runtime {

/// A stream's newest rows, in memory, so that SQL can look at them. Written by the epoch's thread,
/// read by any.
class RecentRows {
 public:
  RecentRows(Schema schema, std::size_t rows_max)
      : schema_(std::move(schema)), rows_max_(rows_max) {}

  /// Rows that become visible with this epoch, in order of arrival; older ones give way. The chunk
  /// owns its texts.
  void add(Epoch epoch, Chunk rows);
  /// The newest rows as of an epoch, oldest first, until `row_sink` says false.
  void scan(Epoch epoch, const std::function<bool(const Chunk&)>& row_sink) const;
  const Schema& schema() const { return schema_; }

 private:
  struct Entry {
    Epoch epoch;
    std::shared_ptr<const Chunk> rows;
  };
  const Schema schema_;
  const std::size_t rows_max_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
  std::size_t rows_ = 0;
};

}  // namespace leat::runtime

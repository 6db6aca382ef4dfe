#pragma once

#include <cstddef>
#include <vector>

#include "connector/sink.h"
#include "model/row_codec.h"

namespace leat::connector {

/// What a batch leaves of one key.
struct KeyChange {
  std::size_t part = 0, row = 0;  ///< its newest row in the batch
  bool deleted = false;           ///< that row was taken back, and none came in its place
};

/// Finds what a batch comes to for each key, for sinks that write rows by key: many changes of a
/// key are one write. Not thread-safe; reused from batch to batch.
class NetChanges {
 public:
  /// `key`: indices of the columns that identify a row; none: there is one row in all.
  NetChanges(const Schema& schema, std::vector<std::size_t> key);

  /// One entry a key, in the order of their newest rows. Valid until the next call.
  const std::vector<KeyChange>& fold(const SinkBatch& batch);

 private:
  std::vector<std::size_t> key_;
  KeyCodec codec_;
  std::vector<EncodedRows> encoded_;
  std::vector<KeyChange> changes_;
};

}  // namespace leat::connector

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/changes.h"
#include "model/row_codec.h"
#include "operator/stored_row_count.h"
#include "state/keyed_table.h"

namespace leat::op {

/// The rows that a keyed query gave for a key or a session. The record of a table that is asked for
/// a view's rows begins with it, and the blob is the record's only one.
struct KeyedOutput {
  std::uint64_t row_count;
  state::Blob rows;  ///< a RowList

  static state::RecordLayout layout() {
    return {sizeof(KeyedOutput), {offsetof(KeyedOutput, rows)}};
  }
  static KeyedOutput& of(std::byte* record) { return *reinterpret_cast<KeyedOutput*>(record); }
  static const KeyedOutput& of(const std::byte* record) {
    return *reinterpret_cast<const KeyedOutput*>(record);
  }
  /// Of a record that is not there: none.
  static std::string_view rows_of(const std::byte* record) {
    return record == nullptr ? std::string_view() : of(record).rows.view();
  }
};

/// Sets the rows of one shard's outputs, and counts them. The shard's lock is held.
class KeyedOutputWriter {
 public:
  KeyedOutputWriter(state::KeyedShard& table, StoredRowCount& count)
      : table_(table), count_(count) {}

  /// Sorts `rows` and makes them those of the entry, touching it only where they change. Error
  /// `too-many-rows` (user) where they take more than 4 GiB; then nothing has changed.
  Status replace(state::Entry* entry, std::vector<std::string_view>& rows);
  /// Ends the entry, dead or alive.
  void end(state::Entry* entry);

 private:
  state::KeyedShard& table_;
  StoredRowCount& count_;
  std::string list_;
};

/// Appends what an epoch changed of a shard's outputs; where an output may lose a row that another
/// has gained, it is `added_up` by row.
Status write_output_changes(const state::KeyedShard& outputs, const RowCodec& codec,
                            const Schema& schema, bool added_up, std::vector<ChangeChunk>& out);

/// Hands the rows of all records of a snapshot to `row_sink`, until it says false.
Status scan_outputs(const state::KeyedTable& table, std::size_t record_size, const Schema& schema,
                    const RowCodec& codec, const state::Snapshot& snapshot,
                    const std::function<bool(const Chunk&)>& row_sink);

}  // namespace leat::op

#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/mongodb/batch_cursor.h"
#include "connector/mongodb/change_record.h"
#include "connector/mongodb/client.h"
#include "connector/mongodb/source_plan.h"
#include "connector/mongodb/source_position.h"
#include "connector/source.h"

namespace leat::connector::mongodb {

/// One connection's worth of a source: reads on from a position until something fails, and appends
/// what comes. Used by one thread; what it is made of outlives it.
class ChangeFeed {
 public:
  ChangeFeed(Client& client, const SourcePlan& plan, RecordWriter& writer, SourceStatus& status,
             std::stop_token stop);

  /// Where a source begins that has no position: with the collection as it is, or with now.
  Result<SourcePosition> beginning(bool snapshot);
  /// Opens the change stream and closes it again: whether this user may follow it.
  Status try_to_watch();
  /// Moves `position` on with what was appended. Returns only with an Error: that of the server, of
  /// the writer, or `stopped`.
  Status follow(SourcePosition& position);

 private:
  Status read_snapshot(SourcePosition& position);
  Status read_collection(const std::string& name, SourcePosition& position);
  Status read_changes(SourcePosition& position);
  Result<std::vector<std::string>> collections();
  std::string find_command(const std::string& name, const SourcePosition& position) const;
  std::string watch_command(const SourcePosition& position) const;
  Status append_events(const CursorBatch& batch, SourcePosition& position);
  /// Appends the records and moves the position; `records` is empty afterwards.
  Status append(std::vector<ChangeRecord>& records, const SourcePosition& position);
  Status append_one_by_one(std::span<const RecordWriter::Entry> entries,
                           const std::string& position);

  Client& client_;
  const SourcePlan& plan_;
  RecordWriter& writer_;
  SourceStatus& status_;
  const std::stop_token stop_;
};

}  // namespace leat::connector::mongodb

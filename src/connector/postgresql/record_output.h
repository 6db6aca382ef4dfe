#pragma once

#include <stop_token>
#include <string>

#include "base/error.h"
#include "connector/postgresql/change_records.h"
#include "connector/source.h"

namespace leat::connector::postgresql {

/// Waits; false when `stop` came first.
bool wait_for(std::int64_t wait_ms, const std::stop_token& stop);

/// Hands a source's records to its topic for as long as it takes: the server is told that they are
/// ours only afterwards. Refers to what the source's `run` was given.
class RecordOutput {
 public:
  RecordOutput(RecordWriter& writer, SourceStatus& status, const std::stop_token& stop)
      : writer_(writer), status_(status), stop_(stop) {}

  /// Appends the records with the position after them, and empties them. Error `stopped` where they
  /// could not be appended before the stop.
  Status append(ChangeRecords& records, const std::string& position);
  RecordWriter& writer() { return writer_; }
  SourceStatus& status() { return status_; }
  const std::stop_token& stop() const { return stop_; }

 private:
  Status append_entries(std::span<const RecordWriter::Entry> entries, const std::string& position);

  RecordWriter& writer_;
  SourceStatus& status_;
  const std::stop_token& stop_;
};

}  // namespace leat::connector::postgresql

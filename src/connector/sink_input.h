#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/schema.h"

namespace leat::connector {

/// What a sink reads, as `leat check` and the sink itself see it. Pure data.
struct SinkInput {
  enum class Kind {
    stream,  ///< rows that are only ever added, also those of a view where they have no key
    view,    ///< rows that come and go: see `key` and `rows_change`
    topic,   ///< records as received, in the columns of `record_schema()`
  };
  std::string sink;  ///< the sink's own name
  std::string from;  ///< of the stream, view or topic
  Kind kind = Kind::stream;
  Schema schema;
  /// Columns that identify a row of a view. Empty: a stream, a topic, or a view of one row.
  std::vector<std::size_t> key;
  /// Rows are taken back, too: a view that is not append-only.
  bool rows_change = false;
  /// All rows so far can be had at any time and written once more without harm: of a view that
  /// keeps them, by its key.
  bool written_anew = false;
  /// The user asks for every change with its weight instead of what the rows are now.
  bool changes = false;
};

/// Columns of a topic's records: `key` BLOB (NULL: none), `value` BLOB (NULL: a tombstone),
/// `timestamp` TIMESTAMP WITH TIME ZONE, `partition` INTEGER, `offset` BIGINT, `headers` BLOB
/// (encoded as in a Kafka record; NULL: none). A sink that writes documents or messages takes the
/// value as it is.
Schema record_schema();
enum RecordColumn : std::size_t {
  record_key,
  record_value,
  record_timestamp,
  record_partition,
  record_offset,
  record_headers,
};

}  // namespace leat::connector

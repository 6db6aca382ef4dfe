#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/mongodb/endpoint.h"
#include "connector/mongodb/index_plan.h"
#include "connector/mongodb/row_document.h"
#include "connector/sink_input.h"
#include "connector/spec.h"

namespace leat::connector::mongodb {

/// What becomes of a row.
enum class Writing : std::uint8_t {
  insert,  ///< a document of its own, with an `_id` that it has at every replay
  by_key,  ///< the document of its key: put in its place, or taken away
};

/// Where a document's `_id` comes from.
enum class Identity : std::uint8_t {
  position,    ///< name, partition and offset of the row
  own,         ///< the column `_id`
  columns,     ///< the key's columns
  name,        ///< of the view: it has one row
  record_key,  ///< of a topic's record
  pointers,    ///< JSON pointers into a topic's record
};

/// What a topic's record holds.
enum class ValueForm : std::uint8_t { json, text, binary };

struct TimeToLive {
  std::string field;
  std::int64_t after_s = 0;
};

struct TimeSeries {
  std::string time;
  std::string meta;                 ///< empty: none
  std::string granularity;          ///< seconds, minutes or hours
  std::int64_t expire_after_s = 0;  ///< 0: never
};

/// All that a sink does, as input and settings say it together. Pure data.
struct SinkPlan {
  SinkInput input;
  CollectionName collection;
  Writing writing = Writing::insert;
  Identity identity = Identity::position;
  std::vector<std::size_t> key_columns;
  struct KeyPointer {
    std::string name;  ///< of the field in an `_id` of several parts
    std::vector<std::string> tokens;
    std::string written;
  };
  std::vector<KeyPointer> key_pointers;
  ValueForm value = ValueForm::json;
  std::string metadata;  ///< field for a topic's partition, offset, timestamp and key; empty: none
  TimestampForm timestamps = TimestampForm::date;
  bool replace_taken = false;  ///< another document that has the `_id` already is replaced
  bool transactions = false;
  std::string positions;  ///< collection of the positions, in the same database
  bool create = true;
  std::vector<IndexPlan> indexes;
  std::optional<TimeToLive> time_to_live;
  std::optional<TimeSeries> time_series;
};

/// Errors (user): those of read_collection_name, `bad-key`, `bad-index`, `name-clash`,
/// `bad-time-series`, `bad-ttl`, `bad-transactions`.
Result<SinkPlan> read_sink_plan(const SinkInput& input, const Settings& settings);

}  // namespace leat::connector::mongodb

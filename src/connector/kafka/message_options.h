#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connector/sink_input.h"
#include "connector/spec.h"

namespace leat::connector::kafka {

/// What becomes of a row when it is written as a message: the sink's settings with its input's
/// columns found. Pure data.
struct MessageOptions {
  enum class Value {
    json,    ///< an object of all columns
    csv,     ///< a CSV row of all columns
    column,  ///< one column's text or bytes
    record,  ///< a topic's records, value, key and headers as they were
  };
  enum class Shape {
    rows,      ///< every row is a message
    upserts,   ///< the newest row of each key, or a tombstone
    weights,   ///< every change, with its weight
    envelope,  ///< before and after of each key
  };
  Value value = Value::json;
  Shape shape = Shape::rows;
  std::size_t column = 0;  ///< of Value::column
  bool has_key = false;    ///< a key may have no columns: of a view of one row
  bool key_as_json = false;
  std::vector<std::size_t> key;                              ///< columns
  std::vector<std::pair<std::string, std::size_t>> headers;  ///< name and column
  std::optional<std::size_t> timestamp;                      ///< column
  bool tombstones = true;  ///< of an envelope: a delete is followed by a tombstone
};

/// Errors `kafka-column`, `kafka-key`, `kafka-format` (user).
Result<MessageOptions> read_message_options(const SinkInput& input, const Settings& settings);

}  // namespace leat::connector::kafka

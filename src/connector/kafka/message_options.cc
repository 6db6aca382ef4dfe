#include "connector/kafka/message_options.h"

#include <algorithm>

#include "model/vector_shape.h"

namespace leat::connector::kafka {
namespace {

using Value = MessageOptions::Value;
using Shape = MessageOptions::Shape;

Result<std::size_t> find_column(const SinkInput& input, const std::string& name,
                                std::string_view setting) {
  if (const auto found = input.schema.find(name)) return *found;
  std::string known;
  for (const Column& column : input.schema) known += (known.empty() ? "" : ", ") + column.name;
  return user_error("kafka-column", "`{}`: {} has no column {}; there are {}", setting, input.from,
                    name, known);
}

/// A column that can be written as one text: nothing nested.
Result<std::size_t> find_scalar(const SinkInput& input, const std::string& name,
                                std::string_view setting) {
  const std::size_t column = LEAT_TRY(find_column(input, name, setting));
  const Type& type = input.schema[column].type;
  if (type.is_nested() || !VectorShape::supports(type)) {
    return user_error("kafka-column",
                      "`{}`: {} is {}, which has no form as text; make it text in the SQL, for "
                      "example to_json({})::text",
                      setting, name, type.to_sql(), name);
  }
  return column;
}

Result<Value> read_value(const SinkInput& input, const Settings& settings, std::size_t& column) {
  const std::string& format = settings.text("format");
  const bool one = format == "text" || format == "raw";
  if (one != settings.has("column")) {
    return one ? user_error("kafka-format", "`format: {}` writes one column; name it by `column`",
                            format)
               : user_error("kafka-format",
                            "`column` is for `format: text` and `format: raw`; {} writes all "
                            "columns",
                            format);
  }
  if (format == "csv") return Value::csv;
  if (!one) return Value::json;
  column = LEAT_TRY(find_scalar(input, settings.text("column"), "column"));
  const auto id = input.schema[column].type.id();
  if (format == "raw" && id != DUCKDB_TYPE_BLOB && id != DUCKDB_TYPE_VARCHAR) {
    return user_error("kafka-format",
                      "`format: raw` writes bytes, but {} is {}; use `format: text`, or make it a "
                      "BLOB in the SQL",
                      settings.text("column"), input.schema[column].type.to_sql());
  }
  return Value::column;
}

Result<Shape> read_shape(const SinkInput& input, const Settings& settings, Value value) {
  if (settings.text("envelope") == "debezium") {
    if (value != Value::json || input.changes) {
      return user_error("kafka-format",
                        "`envelope: debezium` is JSON and holds both states of a row; leave {} "
                        "out",
                        input.changes ? "`changes`" : "`format`");
    }
    return Shape::envelope;
  }
  if (input.changes) {
    if (value != Value::column) return Shape::weights;
    return user_error("kafka-format",
                      "`changes: true` writes each change with its weight, which `format: {}` has "
                      "no place for; use json or csv",
                      settings.text("format"));
  }
  return input.rows_change ? Shape::upserts : Shape::rows;
}

Status read_key(const SinkInput& input, const Settings& settings, MessageOptions& out) {
  const bool keyed = input.rows_change && out.shape != Shape::weights;
  if (settings.has("key")) {
    for (const std::string& name : settings.list("key")) {
      out.key.push_back(LEAT_TRY(find_scalar(input, name, "key")));
    }
    out.has_key = !out.key.empty();
    if (keyed && !std::ranges::is_permutation(out.key, input.key)) {
      return user_error("kafka-key",
                        "`key`: rows of the view {} come and go, so the messages' key must be the "
                        "view's own; leave `key` out, or write `changes: true` for every change as "
                        "a message of its own",
                        input.from);
    }
  } else if (input.kind == SinkInput::Kind::view) {
    for (const std::size_t column : input.key) {
      out.key.push_back(LEAT_TRY(find_scalar(input, input.schema[column].name, "key")));
    }
    out.has_key = input.rows_change || !out.key.empty();
  }
  out.key_as_json =
      settings.has("key_format") ? settings.text("key_format") == "json" : out.key.size() != 1;
  if (out.has_key && !out.key_as_json && out.key.size() != 1) {
    return user_error("kafka-key",
                      "`key_format: text` takes one column, but the key has {}; use json",
                      out.key.size());
  }
  return {};
}

Status read_extras(const SinkInput& input, const Settings& settings, MessageOptions& out) {
  for (const auto& [name, column] : settings.map("headers")) {
    out.headers.emplace_back(name, LEAT_TRY(find_scalar(input, column, "headers")));
  }
  out.tombstones = settings.flag("tombstones");
  if (!settings.has("timestamp")) return {};
  out.timestamp = LEAT_TRY(find_column(input, settings.text("timestamp"), "timestamp"));
  const Type& type = input.schema[*out.timestamp].type;
  switch (type.id()) {
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_BIGINT:
      return {};
    default:
      return user_error("kafka-column",
                        "`timestamp`: {} is {}; a TIMESTAMP is wanted, or a BIGINT with "
                        "milliseconds since 1970",
                        settings.text("timestamp"), type.to_sql());
  }
}

/// Records of a topic go as they are: settings that say otherwise would be ignored.
Result<MessageOptions> record_options(const SinkInput& input, const Settings& settings) {
  for (const std::string_view name : {"key", "key_format", "column", "headers", "timestamp"}) {
    if (!settings.has(name)) continue;
    return user_error("kafka-format",
                      "`{}` is for streams and views; the records of topic {} are written as they "
                      "are. For another form read the topic by a stream",
                      name, input.from);
  }
  if (settings.text("format") != "json" || settings.text("envelope") != "none") {
    return user_error("kafka-format",
                      "the records of topic {} are written as they are; leave `format` and "
                      "`envelope` out, or read the topic by a stream",
                      input.from);
  }
  MessageOptions out;
  out.value = Value::record;
  out.timestamp = record_timestamp;
  return out;
}

}  // namespace

Result<MessageOptions> read_message_options(const SinkInput& input, const Settings& settings) {
  if (input.kind == SinkInput::Kind::topic) return record_options(input, settings);
  MessageOptions out;
  out.value = LEAT_TRY(read_value(input, settings, out.column));
  out.shape = LEAT_TRY(read_shape(input, settings, out.value));
  LEAT_TRY(read_key(input, settings, out));
  LEAT_TRY(read_extras(input, settings, out));
  for (const Column& column : input.schema) {
    if (VectorShape::supports(column.type)) continue;
    return user_error("kafka-column",
                      "column {} is {}, which can't be written; convert it in the "
                      "SQL, for example {}::text",
                      column.name, column.type.to_sql(), column.name);
  }
  return out;
}

}  // namespace leat::connector::kafka

#include "format/record_decoder.h"

#include <cstring>

#include "base/check.h"

namespace leat::format {
namespace {

using Outcome = JsonValueReader::Outcome;

}  // namespace

DefaultValue::DefaultValue(const DecodedColumn& column, std::size_t bytes)
    : bytes_(std::make_unique<char[]>(bytes + slice_padding)),
      reader_(column.type, {column.numbers_from_text, column.time_unit}) {
  std::memcpy(bytes_.get(), column.default_json->data(), bytes);
}

Result<DefaultValue> DefaultValue::make(const DecodedColumn& column) {
  const std::string& json = *column.default_json;
  DefaultValue value(column, json.size());
  std::size_t at = 0;
  if (!value.text_.index({value.bytes_.get(), json.size()}) || !value.text_.check(at) ||
      !value.text_.check_end(at)) {
    return user_error("default", "column {}: the default {} is {}", column.name, json,
                      value.text_.fault());
  }
  // Tried once, so that what can't be read is told now.
  const VectorShape shape = VectorShape::of(column.type);
  Chunk chunk(Schema({{column.name, column.type}}));
  VectorWriter writer(shape, chunk.vector(0));
  TextArena arena;
  at = 0;
  if (value.reader_.read(value.text_, at, arena, writer, 0) == Outcome::refused) {
    return user_error("default", "column {}: the default {}", column.name, value.reader_.problem());
  }
  return value;
}

bool DefaultValue::write(TextArena& arena, VectorWriter& out, std::size_t row) {
  std::size_t at = 0;
  out.set_valid(row);
  return reader_.read(text_, at, arena, out, row) == Outcome::value;
}

Status RecordDecoder::take_columns(std::vector<DecodedColumn> definitions,
                                   const std::vector<bool>& reads) {
  LEAT_CHECK(reads.empty() || reads.size() == definitions.size());
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    LEAT_TRY(take_column(std::move(definitions[i]), reads.empty() || reads[i]));
  }
  return {};
}

Status RecordDecoder::take_column(DecodedColumn definition, bool read) {
  const std::size_t index = columns_.size();
  ColumnPlan& column = columns_.emplace_back();
  column.read = read;
  column.definition = std::move(definition);
  const DecodedColumn& of = column.definition;
  if (!VectorShape::supports(of.type) || !JsonValueReader::supports(of.type)) {
    return user_error("column-type",
                      "column {}: records have no form for {}; read it as TEXT and CAST it",
                      of.name, of.type.to_sql());
  }
  if (!of.time_unit.empty() && !ScalarParser::knows_unit(of.time_unit)) {
    return user_error("time-unit", "column {}: \"{}\" is no time unit; there are s, ms, us and ns",
                      of.name, of.time_unit);
  }
  shapes_.push_back(VectorShape::of(of.type));
  if (MetadataReader::is_metadata(of.field)) {
    column.metadata.emplace(LEAT_TRY(MetadataReader::make(of)));
    if (read || of.required) metadata_columns_.push_back(index);
    takes_tombstones_ |= column.metadata->is_tombstone();
  } else if (of.default_json) {
    column.default_value.emplace(LEAT_TRY(DefaultValue::make(of)));
  }
  return {};
}

std::size_t RecordDecoder::decode(const Slice& slice, const Origin& origin, std::size_t begin,
                                  duckdb_data_chunk out, std::vector<std::uint32_t>& record_of,
                                  std::vector<Refused>& refused) {
  writers_.clear();
  writers_.reserve(columns_.size());
  writer_of_.assign(columns_.size(), nullptr);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!columns_[i].read) continue;
    writer_of_[i] = &writers_.emplace_back(shapes_[i], duckdb_data_chunk_get_vector(out, i));
  }
  record_of.clear();
  std::size_t at = begin;
  for (; at < slice.records.size() && record_of.size() < chunk_rows_max; ++at) {
    const Record& record = slice.records[at];
    const std::size_t row = record_of.size();
    if (decode_value(record, row) && decode_metadata(record, origin, row)) {
      record_of.push_back(static_cast<std::uint32_t>(at));
    } else {
      refusal_.record = static_cast<std::uint32_t>(at);
      refused.push_back(std::move(refusal_));
    }
  }
  duckdb_data_chunk_set_size(out, record_of.size());
  return at;
}

bool RecordDecoder::decode_metadata(const Record& record, const Origin& origin, std::size_t row) {
  for (const std::size_t index : metadata_columns_) {
    const ColumnPlan& column = columns_[index];
    if (column.definition.required && !column.metadata->present(record)) {
      return refuse(column.definition.name, "missing, and the column is required");
    }
    if (!column.read) continue;
    auto reason = column.metadata->read(record, origin, arena_, writer(index), row);
    if (reason) return refuse(column.definition.name, std::move(*reason));
  }
  return true;
}

bool RecordDecoder::decode_tombstone(std::size_t row) {
  if (!takes_tombstones_) {
    return refuse("",
                  "tombstone: the record has no value; a column with `field: $tombstone` lets "
                  "such records in");
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].read && !columns_[i].metadata) writer(i).set_null(row);
  }
  return true;
}

bool RecordDecoder::refuse(std::string column, std::string reason) {
  refusal_.column = std::move(column);
  refusal_.reason = std::move(reason);
  return false;
}

bool RecordDecoder::fill_missing(std::size_t index, bool null, std::size_t row) {
  ColumnPlan& column = columns_[index];
  if (column.default_value && column.read &&
      column.default_value->write(arena_, writer(index), row)) {
    return true;
  }
  if (column.definition.required) {
    return refuse(column.definition.name,
                  fmt::format("{}, and the column is required", null ? "null" : "missing"));
  }
  if (column.read) writer(index).set_null(row);
  return true;
}

}  // namespace leat::format

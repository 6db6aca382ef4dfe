#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "format/decoder.h"
#include "format/encoder.h"

namespace leat::format {

/// A slice of these values, one record each, with the padding that a slice has. A value that begins
/// with `tombstone` is none.
inline constexpr std::string_view tombstone = "\x01tombstone";

inline Slice slice_of(const std::vector<std::string>& values) {
  Slice slice;
  std::size_t bytes = slice_padding;
  for (const std::string& value : values) bytes += value.size() + 1;
  slice.bytes.reserve(bytes);
  for (const std::string& value : values) {
    Record record;
    record.offset = Offset(static_cast<std::int64_t>(slice.records.size()));
    record.timestamp = 1'700'000'000'123;
    if (value != tombstone) {
      record.value = {slice.bytes.data() + slice.bytes.size(), value.size()};
      slice.bytes.insert(slice.bytes.end(), value.begin(), value.end());
      // What follows must never be taken for a part of the record.
      slice.bytes.push_back('}');
    }
    slice.records.push_back(record);
  }
  slice.bytes.resize(bytes, '1');
  return slice;
}

/// Rows as JSON arrays, and the refused as "record: column: reason".
struct Decoded {
  std::vector<std::string> rows;
  std::vector<std::uint32_t> record_of;
  std::vector<std::string> refused;
};

inline Schema schema_of(const std::vector<DecodedColumn>& columns) {
  std::vector<Column> out;
  for (const DecodedColumn& column : columns) out.push_back({column.name, column.type});
  return Schema(std::move(out));
}

/// Rows have the columns that `reads` marks; empty: all.
inline Decoded decode_slice(Decoder& decoder, const Schema& schema, const Slice& slice,
                            const std::vector<bool>& reads = {}) {
  Decoded decoded;
  std::vector<Column> shown;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    if (!reads.empty() && !reads[i]) continue;
    shown.push_back(schema[i]);
    places.push_back(i);
  }
  const Schema shown_schema(std::move(shown));
  const RowEncoder encoder(shown_schema);
  std::vector<Refused> refused;
  for (std::size_t at = 0; at < slice.records.size();) {
    Chunk chunk(schema);
    std::vector<std::uint32_t> record_of;
    at = decoder.decode(slice, {"clicks", Partition(3)}, at, chunk.handle(), record_of, refused);
    EXPECT_EQ(record_of.size(), chunk.size());
    Chunk picked(shown_schema);
    for (std::size_t i = 0; i < places.size(); ++i) {
      duckdb_vector_reference_vector(picked.vector(i), chunk.vector(places[i]));
    }
    picked.set_size(chunk.size());
    for (std::size_t row = 0; row < picked.size(); ++row) {
      encoder.append_json_array(picked, row, decoded.rows.emplace_back());
    }
    decoded.record_of.insert(decoded.record_of.end(), record_of.begin(), record_of.end());
  }
  for (const Refused& one : refused) {
    decoded.refused.push_back(std::to_string(one.record) + ": " + one.column + ": " + one.reason);
  }
  return decoded;
}

inline Decoded decode_all(Decoder& decoder, const Schema& schema, const Slice& slice) {
  decoder.begin_slice();
  return decode_slice(decoder, schema, slice);
}

inline DecodedColumn column(std::string name, std::string_view type, std::string pointer) {
  DecodedColumn out;
  out.name = std::move(name);
  out.type = *Type::parse(type);
  out.pointer = std::move(pointer);
  return out;
}

}  // namespace leat::format

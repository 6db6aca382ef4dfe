#include "pipeline/typed_rows.h"

#include "format/decoder.h"
#include "model/chunk_copy.h"
#include "pipeline/scalar.h"

namespace leat::pipeline {
namespace {

Slice slice_of(std::span<const std::string> rows) {
  Slice slice;
  std::size_t bytes = 0;
  for (const std::string& row : rows) bytes += row.size();
  slice.bytes.reserve(bytes + slice_padding);
  for (const std::string& row : rows) {
    const char* begin = slice.bytes.data() + slice.bytes.size();
    slice.bytes.insert(slice.bytes.end(), row.begin(), row.end());
    Record record;
    record.offset = Offset(static_cast<std::int64_t>(slice.records.size()));
    record.value = {begin, row.size()};
    slice.records.push_back(record);
  }
  slice.bytes.resize(bytes + slice_padding);
  return slice;
}

}  // namespace

std::vector<DecodedColumn> columns_by_name(const Schema& schema) {
  std::vector<DecodedColumn> columns;
  for (const Column& column : schema) {
    DecodedColumn& decoded = columns.emplace_back();
    decoded.name = column.name;
    decoded.type = column.type;
    decoded.pointer = json_pointer_to(column.name);
  }
  return columns;
}

Result<std::vector<Chunk>> read_rows(const Schema& schema, std::span<const std::string> rows,
                                     std::vector<RowFault>& faults) {
  const auto decoder = LEAT_TRY(format::make_json_decoder(columns_by_name(schema)));
  const Slice slice = slice_of(rows);
  std::vector<Chunk> chunks;
  std::vector<format::Refused> refused;
  for (std::size_t next = 0; next < slice.records.size();) {
    Chunk chunk(schema);
    std::vector<std::uint32_t> record_of;
    decoder->begin_slice();
    next = decoder->decode(slice, {}, next, chunk.handle(), record_of, refused);
    if (!record_of.empty()) chunks.push_back(copy_of(chunk));
  }
  for (format::Refused& row : refused) {
    faults.push_back({row.record, std::move(row.column), std::move(row.reason)});
  }
  return chunks;
}

}  // namespace leat::pipeline

// Any bytes as a JSON record: no crash, and a row or a reason for each. The first byte chooses the
// columns.
#include <cstdint>

#include "base/check.h"
#include "format/decoder.h"
#include "format/encoder.h"
#include "format/json_body.h"

namespace {

using namespace leat;
using namespace leat::format;

std::vector<DecodedColumn> columns_of(std::uint8_t choice) {
  static constexpr const char* types[] = {
      "JSON",    "VARCHAR",   "INTEGER", "DOUBLE",         "DECIMAL(20,4)",
      "HUGEINT", "TIMESTAMP", "DATE",    "UUID",           "BLOB",
      "BOOLEAN", "TIME",      "INT[]",   "MAP(TEXT, INT)", "STRUCT(a INT, b TEXT[])"};
  std::vector<DecodedColumn> columns;
  for (const char* pointer : {"/a", "/b/a", "/a/0", "/a", ""}) {
    DecodedColumn& column = columns.emplace_back();
    column.name = "c" + std::to_string(columns.size());
    column.type = *Type::parse(types[(choice + 4 * columns.size()) % std::size(types)]);
    column.pointer = pointer;
    column.numbers_from_text = choice % 2 == 0;
    if (choice % 3 == 0) column.time_unit = "ms";
  }
  return columns;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto columns = columns_of(data[0]);
  std::vector<Column> schema;
  for (const DecodedColumn& column : columns) schema.push_back({column.name, column.type});
  auto decoder = make_json_decoder(columns);
  LEAT_CHECK(decoder.has_value());

  Slice slice;
  slice.bytes.assign(data + 1, data + size);
  slice.bytes.resize(size - 1 + slice_padding);
  slice.records.resize(1);
  slice.records[0].value = {slice.bytes.data(), size - 1};
  Chunk chunk{Schema(schema)};
  std::vector<std::uint32_t> record_of;
  std::vector<Refused> refused;
  (*decoder)->decode(slice, {"t", Partition(0)}, 0, chunk.handle(), record_of, refused);
  LEAT_CHECK(record_of.size() + refused.size() == 1);

  std::string json;
  RowEncoder(Schema(schema)).append_json_lines(chunk, json);
  const std::size_t length = json.size();
  json.resize(length + slice_padding);
  JsonBody body;
  std::vector<std::string_view> records;
  if (length != 0) {
    LEAT_CHECK(body.records({json.data(), length}, JsonBody::Form::ndjson, records).has_value());
  }
  (void)body.records(slice.records[0].value, JsonBody::Form::json, records);
  (void)body.text_at(slice.records[0].value, "/a/0");
  return 0;
}

// Any bytes as a CSV file: the splitter gives the same records however the file is cut, and each
// becomes a row or a reason.
#include <cstdint>

#include "base/check.h"
#include "format/decoder.h"
#include "format/record_splitter.h"

namespace {

using namespace leat;
using namespace leat::format;

std::vector<std::string> split(std::string_view file, std::size_t piece) {
  RecordSplitter splitter({.csv = true});
  std::vector<std::string> records;
  std::string buffer;
  for (std::size_t at = 0; at <= file.size(); at += piece) {
    buffer += file.substr(at, piece);
    std::vector<RecordSpan> spans;
    const std::size_t done = splitter.split(buffer, at + piece > file.size(), spans);
    for (const RecordSpan& span : spans) records.push_back(buffer.substr(span.begin, span.length));
    buffer.erase(0, done);
  }
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const auto records = split(file, file.size() + 1);
  LEAT_CHECK(records == split(file, 3));

  std::vector<DecodedColumn> columns;
  std::vector<Column> schema;
  for (const char* type : {"VARCHAR", "INTEGER", "TIMESTAMP", "JSON", "DOUBLE[]"}) {
    DecodedColumn& column = columns.emplace_back();
    column.name = "c" + std::to_string(columns.size());
    column.type = *Type::parse(type);
    schema.push_back({column.name, column.type});
  }
  auto decoder = make_csv_decoder(columns, {});
  LEAT_CHECK(decoder.has_value());
  Slice slice;
  for (const std::string& record : records) {
    slice.bytes.insert(slice.bytes.end(), record.begin(), record.end());
  }
  slice.bytes.resize(slice.bytes.size() + slice_padding);
  const char* at = slice.bytes.data();
  for (const std::string& record : records) {
    slice.records.emplace_back().value = {at, record.size()};
    at += record.size();
  }
  std::vector<Refused> refused;
  std::size_t rows = 0;
  for (std::size_t begin = 0; begin < records.size();) {
    Chunk chunk{Schema(schema)};
    std::vector<std::uint32_t> record_of;
    begin =
        (*decoder)->decode(slice, {"t", Partition(0)}, begin, chunk.handle(), record_of, refused);
    rows += record_of.size();
  }
  LEAT_CHECK(rows + refused.size() == records.size());
  return 0;
}

// Any bytes as a stored key or row: refused, or a row that encodes again and comes back the same.
#include <cstdint>

#include "base/check.h"
#include "model/row_codec.h"

namespace {

using namespace leat;

constexpr const char* types_of_columns[] = {
    "INTEGER",        "VARCHAR", "DOUBLE",  "INTERVAL", "VARCHAR[]", "STRUCT(a BIGINT[], b BLOB)",
    "MAP(INT, TEXT)", "INT[3]",  "HUGEINT", "TIMETZ"};

template <class Codec>
void round_trip(const Codec& codec, const Schema& schema, std::string_view bytes) {
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < schema.size(); ++i) columns.push_back(i);
  Chunk first(schema);
  if (!codec.decode({&bytes, 1}, columns, first, 0)) return;
  first.set_size(1);
  EncodedRows encoded;
  codec.encode(first, columns, encoded);
  const std::string once(encoded[0]);
  const std::string_view view = once;
  Chunk second(schema);
  LEAT_CHECK(codec.decode({&view, 1}, columns, second, 0).has_value());
  second.set_size(1);
  codec.encode(second, columns, encoded);
  LEAT_CHECK(once == encoded[0]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<Type> types;
  std::vector<Column> columns;
  for (std::size_t i = 0; i <= data[0] % 3u; ++i) {
    types.push_back(
        *Type::parse(types_of_columns[(data[0] / 3 + i) % std::size(types_of_columns)]));
    columns.push_back({"c" + std::to_string(i), types.back()});
  }
  const Schema schema(columns);
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  round_trip(KeyCodec(types), schema, bytes);
  const RowCodec rows(types);
  round_trip(rows, schema, bytes);
  // What is left out is passed over exactly where it would be taken.
  const std::vector<std::size_t> nowhere(types.size(), RowCodec::left_out);
  Chunk whole(schema);
  Chunk none(schema);
  LEAT_CHECK(rows.decode({&bytes, 1}, whole, 0).has_value() ==
             rows.decode({&bytes, 1}, nowhere, none, 0).has_value());
  return 0;
}

#include "model/vector_shape.h"

#include <algorithm>

#include "base/check.h"

namespace leat {
namespace {

std::uint8_t decimal_bytes(unsigned width) {
  if (width <= 4) return 2;
  if (width <= 9) return 4;
  return width <= 18 ? 8 : 16;
}

/// 0: not of fixed width.
std::uint8_t fixed_bytes(const Type& type) {
  switch (type.id()) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_UTINYINT:
      return 1;
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_USMALLINT:
      return 2;
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DATE:
      return 4;
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIME_NS:
    case DUCKDB_TYPE_TIME_TZ:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return 8;
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_UUID:
    case DUCKDB_TYPE_INTERVAL:
      return 16;
    case DUCKDB_TYPE_DECIMAL:
      return decimal_bytes(type.decimal_width());
    default:
      return 0;
  }
}

bool is_text(duckdb_type id) {
  return id == DUCKDB_TYPE_VARCHAR || id == DUCKDB_TYPE_BLOB || id == DUCKDB_TYPE_BIT ||
         id == DUCKDB_TYPE_BIGNUM;
}

}  // namespace

bool VectorShape::supports(const Type& type) {
  switch (type.id()) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
      return supports(type.element());
    case DUCKDB_TYPE_MAP:
      return supports(type.map_key()) && supports(type.map_value());
    case DUCKDB_TYPE_STRUCT:
      return std::ranges::all_of(type.fields(),
                                 [](const Type::Field& field) { return supports(field.type); });
    default:
      return is_text(type.id()) || fixed_bytes(type) != 0;
  }
}

VectorShape VectorShape::of(const Type& type) {
  LEAT_CHECK(supports(type));
  VectorShape shape{.id = type.id(), .children = {}};
  switch (type.id()) {
    case DUCKDB_TYPE_LIST:
      shape.kind = Kind::list;
      shape.children.push_back(of(type.element()));
      break;
    case DUCKDB_TYPE_ARRAY:
      shape.kind = Kind::array;
      shape.array_size = type.array_size();
      shape.children.push_back(of(type.element()));
      break;
    case DUCKDB_TYPE_MAP: {
      shape.kind = Kind::list;
      VectorShape entry{.id = DUCKDB_TYPE_STRUCT, .kind = Kind::structure, .children = {}};
      entry.children = {of(type.map_key()), of(type.map_value())};
      shape.children.push_back(std::move(entry));
      break;
    }
    case DUCKDB_TYPE_STRUCT:
      shape.kind = Kind::structure;
      for (const Type::Field& field : type.fields()) shape.children.push_back(of(field.type));
      break;
    default:
      shape.kind = is_text(type.id()) ? Kind::text : Kind::fixed;
      shape.width = fixed_bytes(type);
  }
  return shape;
}

std::vector<VectorShape> VectorShape::of(const std::vector<Type>& types) {
  std::vector<VectorShape> shapes;
  shapes.reserve(types.size());
  for (const Type& type : types) shapes.push_back(of(type));
  return shapes;
}

}  // namespace leat

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <duckdb.h>

#include "base/error.h"

namespace leat {

/// Owns a DuckDB logical type handle.
struct LogicalTypeDeleter {
  void operator()(duckdb_logical_type handle) const { duckdb_destroy_logical_type(&handle); }
};
using LogicalType = std::unique_ptr<std::remove_pointer_t<duckdb_logical_type>, LogicalTypeDeleter>;

/// The type of a column, as a value: a DuckDB type, with children for lists, structs, maps and
/// arrays. Cheap to copy.
class Type {
 public:
  struct Field;

  /// From SQL text, case-insensitive, with DuckDB's aliases: "integer", "DECIMAL(10,2)",
  /// "varchar[]", "STRUCT(a INTEGER, b VARCHAR)", "MAP(VARCHAR, DOUBLE)", "timestamptz", "json",
  /// "text". Error `unknown-type` (user), with the nearest known name.
  static Result<Type> parse(std::string_view text);
  static Type of(duckdb_type id);
  static Type decimal(unsigned width, unsigned scale);
  static Type list_of(Type element);
  static Type array_of(Type element, std::size_t size);
  static Type struct_of(std::vector<Field> fields);
  static Type map_of(Type key, Type value);
  /// Raw JSON text: stored as VARCHAR with the alias JSON.
  static Type json();
  /// From a handle that stays the caller's.
  static Type from_logical(duckdb_logical_type handle);

  duckdb_type id() const;
  bool is_json() const;
  unsigned decimal_width() const;
  unsigned decimal_scale() const;
  const Type& element() const;     ///< of a list or an array
  std::size_t array_size() const;  ///< of an array
  const Type& map_key() const;
  const Type& map_value() const;
  const std::vector<Field>& fields() const;  ///< of a struct
  bool is_integer() const;
  bool is_numeric() const;
  bool is_temporal() const;

  /// A list, array, struct or map.
  bool is_nested() const;

  /// SQL text that parses back to the same type.
  std::string to_sql() const;
  LogicalType logical() const;
  bool operator==(const Type& other) const;

 private:
  struct Node;
  explicit Type(std::shared_ptr<const Node> node);
  std::shared_ptr<const Node> node_;
};

struct Type::Field {
  std::string name;
  Type type;
};

}  // namespace leat

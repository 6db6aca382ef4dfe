#include "model/type.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"

namespace leat {

struct Type::Node {
  duckdb_type id = DUCKDB_TYPE_INVALID;
  bool json = false;
  unsigned width = 0;
  unsigned scale = 0;
  std::size_t array_size = 0;
  /// A list's or array's element; a map's key and value; a struct's fields.
  std::vector<Field> children;
};

namespace {

/// Text that DuckDB allocated.
struct DuckText {
  explicit DuckText(char* text) : text_(text) {}
  ~DuckText() { duckdb_free(text_); }
  DuckText(const DuckText&) = delete;
  DuckText& operator=(const DuckText&) = delete;
  std::string str() const { return text_ == nullptr ? std::string() : std::string(text_); }

 private:
  char* text_;
};

std::string_view scalar_name(duckdb_type id) {
  switch (id) {
    case DUCKDB_TYPE_BOOLEAN:
      return "BOOLEAN";
    case DUCKDB_TYPE_TINYINT:
      return "TINYINT";
    case DUCKDB_TYPE_SMALLINT:
      return "SMALLINT";
    case DUCKDB_TYPE_INTEGER:
      return "INTEGER";
    case DUCKDB_TYPE_BIGINT:
      return "BIGINT";
    case DUCKDB_TYPE_HUGEINT:
      return "HUGEINT";
    case DUCKDB_TYPE_UTINYINT:
      return "UTINYINT";
    case DUCKDB_TYPE_USMALLINT:
      return "USMALLINT";
    case DUCKDB_TYPE_UINTEGER:
      return "UINTEGER";
    case DUCKDB_TYPE_UBIGINT:
      return "UBIGINT";
    case DUCKDB_TYPE_UHUGEINT:
      return "UHUGEINT";
    case DUCKDB_TYPE_FLOAT:
      return "FLOAT";
    case DUCKDB_TYPE_DOUBLE:
      return "DOUBLE";
    case DUCKDB_TYPE_TIMESTAMP:
      return "TIMESTAMP";
    case DUCKDB_TYPE_TIMESTAMP_S:
      return "TIMESTAMP_S";
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return "TIMESTAMP_MS";
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return "TIMESTAMP_NS";
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return "TIMESTAMP WITH TIME ZONE";
    case DUCKDB_TYPE_DATE:
      return "DATE";
    case DUCKDB_TYPE_TIME:
      return "TIME";
    case DUCKDB_TYPE_TIME_NS:
      return "TIME_NS";
    case DUCKDB_TYPE_TIME_TZ:
      return "TIME WITH TIME ZONE";
    case DUCKDB_TYPE_INTERVAL:
      return "INTERVAL";
    case DUCKDB_TYPE_VARCHAR:
      return "VARCHAR";
    case DUCKDB_TYPE_BLOB:
      return "BLOB";
    case DUCKDB_TYPE_UUID:
      return "UUID";
    case DUCKDB_TYPE_BIT:
      return "BIT";
    case DUCKDB_TYPE_BIGNUM:
      return "BIGNUM";
    case DUCKDB_TYPE_ENUM:
      return "ENUM";
    case DUCKDB_TYPE_UNION:
      return "UNION";
    case DUCKDB_TYPE_SQLNULL:
      return "\"NULL\"";
    default:
      return "INVALID";
  }
}

void append_quoted(std::string_view name, std::string& out) {
  out += '"';
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

Type::Type(std::shared_ptr<const Node> node) : node_(std::move(node)) {}

Type Type::of(duckdb_type id) {
  // Without children a nested type would be half a value: those have makers of their own.
  LEAT_CHECK(id != DUCKDB_TYPE_LIST && id != DUCKDB_TYPE_STRUCT && id != DUCKDB_TYPE_MAP &&
             id != DUCKDB_TYPE_ARRAY);
  if (id == DUCKDB_TYPE_DECIMAL) return decimal(18, 3);
  return Type(std::make_shared<Node>(Node{.id = id, .children = {}}));
}

Type Type::decimal(unsigned width, unsigned scale) {
  LEAT_CHECK(width >= 1 && width <= 38 && scale <= width);
  return Type(std::make_shared<Node>(
      Node{.id = DUCKDB_TYPE_DECIMAL, .width = width, .scale = scale, .children = {}}));
}

Type Type::list_of(Type element) {
  return Type(std::make_shared<Node>(
      Node{.id = DUCKDB_TYPE_LIST, .children = {Field{"", std::move(element)}}}));
}

Type Type::array_of(Type element, std::size_t size) {
  LEAT_CHECK(size >= 1);
  return Type(std::make_shared<Node>(Node{
      .id = DUCKDB_TYPE_ARRAY, .array_size = size, .children = {Field{"", std::move(element)}}}));
}

Type Type::struct_of(std::vector<Field> fields) {
  LEAT_CHECK(!fields.empty());
  return Type(
      std::make_shared<Node>(Node{.id = DUCKDB_TYPE_STRUCT, .children = std::move(fields)}));
}

Type Type::map_of(Type key, Type value) {
  return Type(std::make_shared<Node>(
      Node{.id = DUCKDB_TYPE_MAP,
           .children = {Field{"key", std::move(key)}, Field{"value", std::move(value)}}}));
}

Type Type::json() {
  return Type(
      std::make_shared<Node>(Node{.id = DUCKDB_TYPE_VARCHAR, .json = true, .children = {}}));
}

Type Type::from_logical(duckdb_logical_type handle) {
  const duckdb_type id = duckdb_get_type_id(handle);
  switch (id) {
    case DUCKDB_TYPE_DECIMAL:
      return decimal(duckdb_decimal_width(handle), duckdb_decimal_scale(handle));
    case DUCKDB_TYPE_LIST:
      return list_of(from_logical(LogicalType(duckdb_list_type_child_type(handle)).get()));
    case DUCKDB_TYPE_ARRAY:
      return array_of(from_logical(LogicalType(duckdb_array_type_child_type(handle)).get()),
                      duckdb_array_type_array_size(handle));
    case DUCKDB_TYPE_MAP:
      return map_of(from_logical(LogicalType(duckdb_map_type_key_type(handle)).get()),
                    from_logical(LogicalType(duckdb_map_type_value_type(handle)).get()));
    case DUCKDB_TYPE_STRUCT: {
      std::vector<Field> fields;
      for (idx_t i = 0; i < duckdb_struct_type_child_count(handle); ++i) {
        fields.push_back(
            Field{DuckText(duckdb_struct_type_child_name(handle, i)).str(),
                  from_logical(LogicalType(duckdb_struct_type_child_type(handle, i)).get())});
      }
      return struct_of(std::move(fields));
    }
    case DUCKDB_TYPE_VARCHAR:
      return DuckText(duckdb_logical_type_get_alias(handle)).str() == "JSON" ? json() : of(id);
    default:
      return of(id);
  }
}

duckdb_type Type::id() const { return node_->id; }
bool Type::is_json() const { return node_->json; }
unsigned Type::decimal_width() const { return node_->width; }
unsigned Type::decimal_scale() const { return node_->scale; }
std::size_t Type::array_size() const { return node_->array_size; }

const Type& Type::element() const {
  LEAT_CHECK(id() == DUCKDB_TYPE_LIST || id() == DUCKDB_TYPE_ARRAY);
  return node_->children[0].type;
}

const Type& Type::map_key() const {
  LEAT_CHECK(id() == DUCKDB_TYPE_MAP);
  return node_->children[0].type;
}

const Type& Type::map_value() const {
  LEAT_CHECK(id() == DUCKDB_TYPE_MAP);
  return node_->children[1].type;
}

const std::vector<Type::Field>& Type::fields() const {
  LEAT_CHECK(id() == DUCKDB_TYPE_STRUCT);
  return node_->children;
}

bool Type::is_integer() const {
  switch (id()) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_UHUGEINT:
      return true;
    default:
      return false;
  }
}

bool Type::is_numeric() const {
  return is_integer() || id() == DUCKDB_TYPE_FLOAT || id() == DUCKDB_TYPE_DOUBLE ||
         id() == DUCKDB_TYPE_DECIMAL;
}

bool Type::is_temporal() const {
  switch (id()) {
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIME_NS:
    case DUCKDB_TYPE_TIME_TZ:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return true;
    default:
      return false;
  }
}

bool Type::is_nested() const {
  return id() == DUCKDB_TYPE_LIST || id() == DUCKDB_TYPE_ARRAY || id() == DUCKDB_TYPE_STRUCT ||
         id() == DUCKDB_TYPE_MAP;
}

std::string Type::to_sql() const {
  switch (id()) {
    case DUCKDB_TYPE_DECIMAL:
      return fmt::format("DECIMAL({},{})", node_->width, node_->scale);
    case DUCKDB_TYPE_LIST:
      return element().to_sql() + "[]";
    case DUCKDB_TYPE_ARRAY:
      return fmt::format("{}[{}]", element().to_sql(), array_size());
    case DUCKDB_TYPE_MAP:
      return fmt::format("MAP({}, {})", map_key().to_sql(), map_value().to_sql());
    case DUCKDB_TYPE_STRUCT: {
      std::string text = "STRUCT(";
      for (const Field& field : fields()) {
        if (text.back() != '(') text += ", ";
        append_quoted(field.name, text);
        text += ' ';
        text += field.type.to_sql();
      }
      return text + ")";
    }
    default:
      return is_json() ? "JSON" : std::string(scalar_name(id()));
  }
}

LogicalType Type::logical() const {
  switch (id()) {
    case DUCKDB_TYPE_DECIMAL:
      return LogicalType(duckdb_create_decimal_type(static_cast<std::uint8_t>(node_->width),
                                                    static_cast<std::uint8_t>(node_->scale)));
    case DUCKDB_TYPE_LIST:
      return LogicalType(duckdb_create_list_type(element().logical().get()));
    case DUCKDB_TYPE_ARRAY:
      return LogicalType(duckdb_create_array_type(element().logical().get(), array_size()));
    case DUCKDB_TYPE_MAP:
      return LogicalType(
          duckdb_create_map_type(map_key().logical().get(), map_value().logical().get()));
    case DUCKDB_TYPE_STRUCT: {
      std::vector<LogicalType> types;
      std::vector<duckdb_logical_type> handles;
      std::vector<const char*> names;
      for (const Field& field : fields()) {
        types.push_back(field.type.logical());
        handles.push_back(types.back().get());
        names.push_back(field.name.c_str());
      }
      return LogicalType(duckdb_create_struct_type(handles.data(), names.data(), handles.size()));
    }
    default: {
      LogicalType type(duckdb_create_logical_type(id()));
      if (is_json()) duckdb_logical_type_set_alias(type.get(), "JSON");
      return type;
    }
  }
}

bool Type::operator==(const Type& other) const {
  if (node_ == other.node_) return true;
  const Node& a = *node_;
  const Node& b = *other.node_;
  return a.id == b.id && a.json == b.json && a.width == b.width && a.scale == b.scale &&
         a.array_size == b.array_size &&
         std::ranges::equal(a.children, b.children, [](const Field& x, const Field& y) {
           return x.name == y.name && x.type == y.type;
         });
}

}  // namespace leat

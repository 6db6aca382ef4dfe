#include "connector/cassandra/cql_type.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace leat::connector::cql {
namespace {

using Kind = CqlType::Kind;

constexpr unsigned depth_max = 32;  ///< of types within types
constexpr std::string_view class_prefix = "org.apache.cassandra.db.marshal.";

struct Scalar {
  Kind kind;
  std::string_view name;
  std::string_view java_class;
};

constexpr Scalar scalars[] = {
    {Kind::ascii, "ascii", "AsciiType"},
    {Kind::bigint, "bigint", "LongType"},
    {Kind::blob, "blob", "BytesType"},
    {Kind::boolean, "boolean", "BooleanType"},
    {Kind::counter, "counter", "CounterColumnType"},
    {Kind::decimal, "decimal", "DecimalType"},
    {Kind::double_, "double", "DoubleType"},
    {Kind::float_, "float", "FloatType"},
    {Kind::int_, "int", "Int32Type"},
    {Kind::timestamp, "timestamp", "TimestampType"},
    {Kind::uuid, "uuid", "UUIDType"},
    {Kind::text, "text", "UTF8Type"},
    {Kind::varint, "varint", "IntegerType"},
    {Kind::timeuuid, "timeuuid", "TimeUUIDType"},
    {Kind::inet, "inet", "InetAddressType"},
    {Kind::date, "date", "SimpleDateType"},
    {Kind::time, "time", "TimeType"},
    {Kind::smallint, "smallint", "ShortType"},
    {Kind::tinyint, "tinyint", "ByteType"},
    {Kind::duration, "duration", "DurationType"},
};

constexpr std::string_view reserved_words[] = {
    "add",    "allow",       "alter",  "and",          "apply",    "asc",      "authorize",
    "batch",  "begin",       "by",     "columnfamily", "create",   "default",  "delete",
    "desc",   "describe",    "drop",   "entries",      "execute",  "from",     "full",
    "grant",  "if",          "in",     "index",        "infinity", "insert",   "into",
    "is",     "keyspace",    "limit",  "materialized", "mbean",    "mbeans",   "modify",
    "nan",    "norecursive", "not",    "null",         "of",       "on",       "or",
    "order",  "primary",     "rename", "replace",      "revoke",   "schema",   "select",
    "set",    "table",       "to",     "token",        "truncate", "unlogged", "unset",
    "update", "use",         "using",  "view",         "where",    "with"};

/// What a class name such as "VectorType(org.apache.cassandra.db.marshal.FloatType , 3)" says.
class ClassParser {
 public:
  explicit ClassParser(std::string_view text) : text_(text) {}

  /// A custom type of that name where the class is not known.
  CqlType whole() {
    const std::string_view all = text_;
    CqlType type = parse(depth_max);
    skip_spaces();
    if (failed_ || !text_.empty()) return custom(all);
    return type;
  }

 private:
  static CqlType custom(std::string_view name) {
    CqlType type{.kind = Kind::custom};
    type.name = std::string(name);
    return type;
  }

  CqlType parse(unsigned depth) {
    if (depth == 0) return fail();
    std::string_view name = word();
    if (name.starts_with(class_prefix)) name.remove_prefix(class_prefix.size());
    for (const Scalar& scalar : scalars) {
      if (name == scalar.java_class) return {.kind = scalar.kind};
    }
    if (name == "VectorType") return vector(depth);
    CqlType type;
    if (name == "ListType") {
      type.kind = Kind::list;
    } else if (name == "SetType") {
      type.kind = Kind::set;
    } else if (name == "MapType") {
      type.kind = Kind::map;
    } else if (name == "TupleType") {
      type.kind = Kind::tuple;
    } else if (name == "FrozenType" || name == "ReversedType") {
      type.kind = Kind::custom;
    } else {
      return fail();
    }
    expect('(');
    do {
      type.parameters.push_back(parse(depth - 1));
    } while (!failed_ && skip(','));
    expect(')');
    const std::size_t wanted = type.kind == Kind::map ? 2 : 1;
    if (type.kind != Kind::tuple && type.parameters.size() != wanted) return fail();
    if (type.kind == Kind::custom) return CqlType(type.parameters[0]);
    return type;
  }

  CqlType vector(unsigned depth) {
    CqlType type{.kind = Kind::vector};
    expect('(');
    type.parameters.push_back(parse(depth - 1));
    expect(',');
    const std::string_view digits = word();
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), type.dimension);
    if (error != std::errc() || end != digits.data() + digits.size()) return fail();
    expect(')');
    return type;
  }

  CqlType fail() {
    failed_ = true;
    return {.kind = Kind::custom};
  }
  void skip_spaces() {
    while (text_.starts_with(' ')) text_.remove_prefix(1);
  }
  bool skip(char character) {
    skip_spaces();
    if (!text_.starts_with(character)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char character) {
    if (!skip(character)) failed_ = true;
  }
  std::string_view word() {
    skip_spaces();
    const std::size_t end = std::min(text_.find_first_of("(), "), text_.size());
    const std::string_view found = text_.substr(0, end);
    text_.remove_prefix(end);
    return found;
  }

  std::string_view text_;
  bool failed_ = false;
};

CqlType read_type(WireReader& reader, unsigned depth) {
  CqlType type;
  if (depth == 0) {
    reader.fail();
    return type;
  }
  const std::uint16_t number = reader.read_short();
  type.kind = static_cast<Kind>(number);
  switch (type.kind) {
    case Kind::custom:
      return ClassParser(reader.read_string()).whole();
    case Kind::list:
    case Kind::set:
      type.parameters.push_back(read_type(reader, depth - 1));
      return type;
    case Kind::map:
      type.parameters.push_back(read_type(reader, depth - 1));
      type.parameters.push_back(read_type(reader, depth - 1));
      return type;
    case Kind::user_type:
      type.keyspace = reader.read_string();
      type.name = reader.read_string();
      for (std::uint16_t i = reader.read_short(); i > 0 && reader.ok(); --i) {
        type.field_names.emplace_back(reader.read_string());
        type.parameters.push_back(read_type(reader, depth - 1));
      }
      return type;
    case Kind::tuple:
      for (std::uint16_t i = reader.read_short(); i > 0 && reader.ok(); --i) {
        type.parameters.push_back(read_type(reader, depth - 1));
      }
      return type;
    default:
      break;
  }
  const bool known = std::ranges::any_of(
      scalars, [&type](const Scalar& scalar) { return scalar.kind == type.kind; });
  if (!known) {
    type = {.kind = Kind::custom};
    type.name = fmt::format("number {:#06x}", number);
  }
  return type;
}

std::string parameter_text(const CqlType& type) {
  const std::string text = type.to_cql();
  switch (type.kind) {
    case Kind::list:
    case Kind::set:
    case Kind::map:
    case Kind::user_type:
      return "frozen<" + text + ">";
    default:
      return text;  // a tuple and a vector are frozen anyway
  }
}

}  // namespace

CqlType CqlType::read(WireReader& reader) { return read_type(reader, depth_max); }

std::string CqlType::to_cql() const {
  for (const Scalar& scalar : scalars) {
    if (scalar.kind == kind) return std::string(scalar.name);
  }
  std::string inner;
  for (const CqlType& parameter : parameters) {
    inner += (inner.empty() ? "" : ", ") + parameter_text(parameter);
  }
  switch (kind) {
    case Kind::list:
      return "list<" + inner + ">";
    case Kind::set:
      return "set<" + inner + ">";
    case Kind::map:
      return "map<" + inner + ">";
    case Kind::tuple:
      return "tuple<" + inner + ">";
    case Kind::vector:
      return fmt::format("vector<{}, {}>", inner, dimension);
    case Kind::user_type:
      return quoted_name(name);
    default:
      return quoted_text(name);
  }
}

std::size_t CqlType::fixed_bytes() const {
  switch (kind) {
    case Kind::boolean:
      return 1;
    case Kind::int_:
    case Kind::float_:
      return 4;
    case Kind::bigint:
    case Kind::double_:
    case Kind::timestamp:
      return 8;
    case Kind::uuid:
    case Kind::timeuuid:
      return 16;
    case Kind::vector:
      return parameters[0].fixed_bytes() * dimension;
    default:
      // Cassandra counts the small integers, date and time among those of variable length.
      return 0;
  }
}

std::string quoted_name(std::string_view name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z' && std::ranges::all_of(name, is_plain) &&
      std::ranges::find(reserved_words, name) == std::end(reserved_words)) {
    return std::string(name);
  }
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + '"';
}

std::string quoted_text(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += c;
    quoted += c;
  }
  return quoted + '\'';
}

}  // namespace leat::connector::cql

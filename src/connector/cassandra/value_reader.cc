#include "connector/cassandra/value_reader.h"

#include <strings.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "format/parse_number.h"

namespace leat::connector::cql {
namespace {

using Kind = CqlType::Kind;
using format::Int128;
using format::Uint128;

constexpr std::size_t varint_bytes_max = 16;

std::unexpected<Error> mismatch(const CqlType& from, const Type& to) {
  const std::string better = sql_type_for(from);
  return user_error("type-mismatch", "is {} in Cassandra and {} in the pipeline; {}", from.to_cql(),
                    to.to_sql(), better.empty() ? "leave it out" : "declare it as " + better);
}

/// Bytes of a signed number, the highest first. At most 16.
Int128 signed_number(std::string_view bytes) {
  Int128 number = !bytes.empty() && (bytes[0] & 0x80) != 0 ? -1 : 0;
  for (const char byte : bytes) {
    number =
        static_cast<Int128>((static_cast<Uint128>(number) << 8) | static_cast<unsigned char>(byte));
  }
  return number;
}

/// Bytes that a value of this kind takes, where a number's size is its kind's; else 0.
std::size_t integer_bytes(Kind kind) {
  switch (kind) {
    case Kind::tinyint:
      return 1;
    case Kind::smallint:
      return 2;
    case Kind::int_:
      return 4;
    case Kind::bigint:
    case Kind::counter:
      return 8;
    default:
      return 0;
  }
}

/// Of a signed integer type; else 0.
std::size_t signed_bytes(duckdb_type id) {
  switch (id) {
    case DUCKDB_TYPE_TINYINT:
      return 1;
    case DUCKDB_TYPE_SMALLINT:
      return 2;
    case DUCKDB_TYPE_INTEGER:
      return 4;
    case DUCKDB_TYPE_BIGINT:
      return 8;
    case DUCKDB_TYPE_HUGEINT:
      return 16;
    default:
      return 0;
  }
}

/// Into a number of `width` bytes; false: it does not fit.
bool set_number(VectorWriter& out, std::size_t row, std::size_t width, Int128 number) {
  const auto fits = [number]<class Number>(Number) {
    return number >= std::numeric_limits<Number>::min() &&
           number <= std::numeric_limits<Number>::max();
  };
  switch (width) {
    case 1:
      out.set(row, static_cast<std::int8_t>(number));
      return fits(std::int8_t{});
    case 2:
      out.set(row, static_cast<std::int16_t>(number));
      return fits(std::int16_t{});
    case 4:
      out.set(row, static_cast<std::int32_t>(number));
      return fits(std::int32_t{});
    case 8:
      out.set(row, static_cast<std::int64_t>(number));
      return fits(std::int64_t{});
    default:
      out.set(row, number);
      return true;
  }
}

bool wrong_length(const CqlType& type, std::string_view bytes, std::string& reason) {
  reason = fmt::format("a value of {} bytes is no {}", bytes.size(), type.to_cql());
  return false;
}

}  // namespace

struct ValueReader::Functions {
  static bool any_scalar(const Type& to) {
    for (auto number = static_cast<std::uint16_t>(Kind::ascii);
         number <= static_cast<std::uint16_t>(Kind::duration); ++number) {
      if (scalar_reader({.kind = static_cast<Kind>(number)}, to) != nullptr) return true;
    }
    return false;
  }
  static bool text(const ValueReader&, std::string_view bytes, VectorWriter& out, std::size_t row,
                   std::string&) {
    out.set_text(row, bytes);
    return true;
  }
  static bool inet(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                   std::size_t row, std::string& reason) {
    const std::string address = inet_text(bytes);
    if (address.empty()) return wrong_length(self.from_, bytes, reason);
    out.set_text(row, address);
    return true;
  }
  static bool boolean(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                      std::size_t row, std::string& reason) {
    if (bytes.size() != 1) return wrong_length(self.from_, bytes, reason);
    out.set<std::uint8_t>(row, bytes[0] != 0 ? 1 : 0);
    return true;
  }
  static bool integer(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                      std::size_t row, std::string& reason) {
    const bool good = self.from_.kind == Kind::varint
                          ? bytes.size() <= varint_bytes_max
                          : bytes.size() == integer_bytes(self.from_.kind);
    if (!good && self.from_.kind != Kind::varint) return wrong_length(self.from_, bytes, reason);
    if (good && set_number(out, row, signed_bytes(self.to_), signed_number(bytes))) return true;
    reason = fmt::format("a {} of {} bytes is beyond what {} can hold", self.from_.to_cql(),
                         bytes.size(), Type::of(self.to_).to_sql());
    return false;
  }
  static bool decimal(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                      std::size_t row, std::string& reason) {
    WireReader reader(bytes);
    const std::int64_t scale = reader.read_int();
    const auto wanted = static_cast<std::int64_t>(self.scale_);
    bool good = reader.ok() && reader.rest().size() <= varint_bytes_max;
    Int128 number = good ? signed_number(reader.rest()) : 0;
    for (std::int64_t i = scale; good && number != 0 && i < wanted; ++i) {
      good = !__builtin_mul_overflow(number, Int128{10}, &number);
    }
    for (std::int64_t i = scale; good && number != 0 && i > wanted; --i) {
      good = number % 10 == 0;
      number /= 10;
    }
    Int128 bound = 1;
    for (unsigned i = 0; i < self.width_; ++i) bound *= 10;
    good = good && number < bound && number > -bound;
    if (good) return set_number(out, row, out.shape().width, number);
    reason = fmt::format(
        "a decimal with {} digits after the point is beyond what DECIMAL({}, {}) "
        "can hold",
        scale, self.width_, self.scale_);
    return false;
  }
  static bool float_(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                     std::size_t row, std::string& reason) {
    if (bytes.size() != 4) return wrong_length(self.from_, bytes, reason);
    const auto value = std::bit_cast<float>(WireReader(bytes).read_int());
    if (self.to_ == DUCKDB_TYPE_FLOAT) {
      out.set(row, value);
    } else {
      out.set(row, static_cast<double>(value));
    }
    return true;
  }
  static bool double_(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                      std::size_t row, std::string& reason) {
    if (bytes.size() != 8) return wrong_length(self.from_, bytes, reason);
    out.set(row, std::bit_cast<double>(WireReader(bytes).read_long()));
    return true;
  }
  static bool timestamp(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                        std::size_t row, std::string& reason) {
    if (bytes.size() != 8) return wrong_length(self.from_, bytes, reason);
    std::int64_t time = WireReader(bytes).read_long();
    const std::int64_t factor = self.to_ == DUCKDB_TYPE_TIMESTAMP_MS ? 1 : 1000;
    if (__builtin_mul_overflow(time, factor, &time)) {
      reason = "a timestamp is too far away for microseconds";
      return false;
    }
    out.set(row, time);
    return true;
  }
  static bool date(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                   std::size_t row, std::string& reason) {
    if (bytes.size() != 4) return wrong_length(self.from_, bytes, reason);
    const auto days = static_cast<std::uint32_t>(WireReader(bytes).read_int()) - 0x8000'0000U;
    out.set(row, static_cast<std::int32_t>(days));
    return true;
  }
  static bool time(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                   std::size_t row, std::string& reason) {
    if (bytes.size() != 8) return wrong_length(self.from_, bytes, reason);
    const std::int64_t ns = WireReader(bytes).read_long();
    out.set(row, self.to_ == DUCKDB_TYPE_TIME ? ns / 1000 : ns);
    return true;
  }
  static bool duration(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                       std::size_t row, std::string& reason) {
    WireReader reader(bytes);
    const std::int64_t months = reader.read_vint();
    const std::int64_t days = reader.read_vint();
    const std::int64_t ns = reader.read_vint();
    if (!reader.done()) return wrong_length(self.from_, bytes, reason);
    out.set(row, duckdb_interval{static_cast<std::int32_t>(months), static_cast<std::int32_t>(days),
                                 ns / 1000});
    return true;
  }
  static bool uuid(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                   std::size_t row, std::string& reason) {
    if (bytes.size() != 16) return wrong_length(self.from_, bytes, reason);
    out.set(row, static_cast<Uint128>(signed_number(bytes)) ^ (Uint128{1} << 127));
    return true;
  }

  static bool list(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                   std::size_t row, std::string& reason) {
    WireReader reader(bytes);
    const std::size_t count = reader.read_count(4);
    const std::size_t first = out.begin_list(row, count);
    for (std::size_t i = 0; i < count; ++i) {
      if (!self.parts_[0].read(reader.read_bytes(), out.child(), first + i, reason)) return false;
    }
    return reader.done() || wrong_length(self.from_, bytes, reason);
  }
  static bool map(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                  std::size_t row, std::string& reason) {
    WireReader reader(bytes);
    const std::size_t count = reader.read_count(8);
    const std::size_t first = out.begin_list(row, count);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t part = 0; part < 2; ++part) {
        VectorWriter& child = out.child().child(part);
        if (!self.parts_[part].read(reader.read_bytes(), child, first + i, reason)) return false;
      }
    }
    return reader.done() || wrong_length(self.from_, bytes, reason);
  }
  static bool fields(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                     std::size_t row, std::string& reason) {
    WireReader reader(bytes);
    for (std::size_t i = 0; i < self.parts_.size(); ++i) {
      // Values that were written before the type gained a field end before it.
      const Cell cell = reader.rest().empty() ? Cell() : reader.read_bytes();
      if (self.field_of_[i] < 0) continue;
      VectorWriter& child = out.child(static_cast<std::size_t>(self.field_of_[i]));
      if (!self.parts_[i].read(cell, child, row, reason)) return false;
    }
    return reader.ok() || wrong_length(self.from_, bytes, reason);
  }
  static bool vector(const ValueReader& self, std::string_view bytes, VectorWriter& out,
                     std::size_t row, std::string& reason) {
    WireReader reader(bytes);
    const std::size_t count = self.from_.dimension;
    const std::size_t fixed = self.from_.parameters[0].fixed_bytes();
    const std::size_t first =
        self.to_ == DUCKDB_TYPE_ARRAY ? row * count : out.begin_list(row, count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t length = fixed > 0 ? fixed : reader.read_unsigned_vint();
      const Cell cell = reader.take(length);
      if (!self.parts_[0].read(cell, out.child(), first + i, reason)) return false;
    }
    return reader.done() || wrong_length(self.from_, bytes, reason);
  }

  /// Null: there is no way.
  static Get scalar_reader(const CqlType& from, const Type& to) {
    const duckdb_type id = to.id();
    switch (from.kind) {
      case Kind::ascii:
      case Kind::text:
        return id == DUCKDB_TYPE_VARCHAR && !to.is_json() ? text : nullptr;
      case Kind::inet:
        return id == DUCKDB_TYPE_VARCHAR && !to.is_json() ? inet : nullptr;
      case Kind::blob:
      case Kind::custom:
        return id == DUCKDB_TYPE_BLOB ? text : nullptr;
      case Kind::boolean:
        return id == DUCKDB_TYPE_BOOLEAN ? boolean : nullptr;
      case Kind::tinyint:
      case Kind::smallint:
      case Kind::int_:
      case Kind::bigint:
      case Kind::counter:
        return signed_bytes(id) >= integer_bytes(from.kind) ? integer : nullptr;
      case Kind::varint:
        return signed_bytes(id) > 0 ? integer : nullptr;
      case Kind::decimal:
        return id == DUCKDB_TYPE_DECIMAL ? decimal : nullptr;
      case Kind::float_:
        return id == DUCKDB_TYPE_FLOAT || id == DUCKDB_TYPE_DOUBLE ? float_ : nullptr;
      case Kind::double_:
        return id == DUCKDB_TYPE_DOUBLE ? double_ : nullptr;
      case Kind::timestamp:
        return id == DUCKDB_TYPE_TIMESTAMP || id == DUCKDB_TYPE_TIMESTAMP_TZ ||
                       id == DUCKDB_TYPE_TIMESTAMP_MS
                   ? timestamp
                   : nullptr;
      case Kind::date:
        return id == DUCKDB_TYPE_DATE ? date : nullptr;
      case Kind::time:
        return id == DUCKDB_TYPE_TIME || id == DUCKDB_TYPE_TIME_NS ? time : nullptr;
      case Kind::duration:
        return id == DUCKDB_TYPE_INTERVAL ? duration : nullptr;
      case Kind::uuid:
      case Kind::timeuuid:
        return id == DUCKDB_TYPE_UUID ? uuid : nullptr;
      default:
        return nullptr;
    }
  }
};

Result<ValueReader> ValueReader::make(const CqlType& from, const Type& to) {
  if (!from.parameters.empty() || from.kind == Kind::user_type) return make_nested(from, to);
  ValueReader reader;
  reader.from_ = from;
  reader.to_ = to.id();
  if (to.id() == DUCKDB_TYPE_DECIMAL) {
    reader.width_ = to.decimal_width();
    reader.scale_ = to.decimal_scale();
  }
  reader.get_ = Functions::scalar_reader(from, to);
  if (reader.get_ == nullptr) return mismatch(from, to);
  return reader;
}

Result<ValueReader> ValueReader::make_nested(const CqlType& from, const Type& to) {
  ValueReader reader;
  reader.from_ = from;
  reader.to_ = to.id();
  const bool list = to.id() == DUCKDB_TYPE_LIST;
  switch (from.kind) {
    case Kind::map:
      if (to.id() != DUCKDB_TYPE_MAP) return mismatch(from, to);
      reader.parts_.push_back(LEAT_TRY(make(from.parameters[0], to.map_key())));
      reader.parts_.push_back(LEAT_TRY(make(from.parameters[1], to.map_value())));
      reader.get_ = Functions::map;
      return reader;
    case Kind::vector:
      if (!list && (to.id() != DUCKDB_TYPE_ARRAY || to.array_size() != from.dimension)) {
        return mismatch(from, to);
      }
      reader.parts_.push_back(LEAT_TRY(make(from.parameters[0], to.element())));
      reader.get_ = Functions::vector;
      return reader;
    case Kind::list:
    case Kind::set:
      if (!list) return mismatch(from, to);
      reader.parts_.push_back(LEAT_TRY(make(from.parameters[0], to.element())));
      reader.get_ = Functions::list;
      return reader;
    default:
      break;
  }
  if (to.id() != DUCKDB_TYPE_STRUCT) return mismatch(from, to);
  const auto& fields = to.fields();
  if (from.kind == Kind::tuple && fields.size() != from.parameters.size()) {
    return mismatch(from, to);
  }
  std::size_t found = 0;
  for (std::size_t i = 0; i < from.parameters.size(); ++i) {
    std::size_t field = i;
    if (from.kind == Kind::user_type) {
      const auto same = [&](const Type::Field& one) {
        return strcasecmp(one.name.c_str(), from.field_names[i].c_str()) == 0;
      };
      field = static_cast<std::size_t>(std::ranges::find_if(fields, same) - fields.begin());
    }
    const bool there = field < fields.size();
    found += there ? 1 : 0;
    reader.field_of_.push_back(there ? static_cast<int>(field) : -1);
    reader.parts_.push_back(there ? LEAT_TRY(make(from.parameters[i], fields[field].type))
                                  : ValueReader());
  }
  if (found < fields.size()) return mismatch(from, to);
  reader.get_ = Functions::fields;
  return reader;
}

bool ValueReader::read(Cell cell, VectorWriter& out, std::size_t row, std::string& reason) const {
  const bool may_be_empty = from_.is_text() || from_.kind == Kind::blob ||
                            from_.kind == Kind::custom || from_.kind == Kind::tuple ||
                            from_.kind == Kind::user_type;
  // Cassandra's old empty values of types that have none.
  if (!cell || (cell->empty() && !may_be_empty)) {
    out.set_null(row);
    return true;
  }
  out.set_valid(row);
  return get_(*this, *cell, out, row, reason);
}

bool ValueReader::can_read(const Type& type) {
  switch (type.id()) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
      return can_read(type.element());
    case DUCKDB_TYPE_MAP:
      return can_read(type.map_key()) && can_read(type.map_value());
    case DUCKDB_TYPE_STRUCT:
      return std::ranges::all_of(type.fields(),
                                 [](const Type::Field& field) { return can_read(field.type); });
    default:
      return Functions::any_scalar(type);
  }
}

std::string sql_type_for(const CqlType& type) {
  const auto part = [&](std::size_t i) { return sql_type_for(type.parameters[i]); };
  switch (type.kind) {
    case Kind::ascii:
    case Kind::text:
    case Kind::inet:
      return "text";
    case Kind::blob:
    case Kind::custom:
      return "blob";
    case Kind::int_:
      return "integer";
    case Kind::counter:
      return "bigint";
    case Kind::varint:
      return "hugeint";
    case Kind::decimal:
      return "decimal(18, 3)";
    case Kind::duration:
      return "interval";
    case Kind::timeuuid:
      return "uuid";
    case Kind::list:
    case Kind::set:
      return part(0) + "[]";
    case Kind::vector:
      return fmt::format("{}[{}]", part(0), type.dimension);
    case Kind::map:
      return fmt::format("map({}, {})", part(0), part(1));
    case Kind::tuple:
    case Kind::user_type: {
      std::string fields;
      for (std::size_t i = 0; i < type.parameters.size(); ++i) {
        const std::string name =
            type.kind == Kind::tuple ? fmt::format("f{}", i + 1) : type.field_names[i];
        fields += fmt::format("{}{} {}", i == 0 ? "" : ", ", name, part(i));
      }
      return "struct(" + fields + ")";
    }
    default:
      return type.to_cql();  // the same in both
  }
}

}  // namespace leat::connector::cql

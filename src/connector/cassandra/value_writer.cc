#include "connector/cassandra/value_writer.h"

#include <arpa/inet.h>
#include <strings.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "format/parse_number.h"
#include "format/value_text.h"

namespace leat::connector::cql {
namespace {

using Kind = CqlType::Kind;
using format::Int128;
using format::Uint128;

constexpr std::int64_t day_ns = 86'400'000'000'000;

std::unexpected<Error> mismatch(const Type& from, const CqlType& to) {
  return user_error("type-mismatch",
                    "{} can't be written as Cassandra's {}; cast the column in the SELECT, or make "
                    "the table's column another type",
                    from.to_sql(), to.to_cql());
}

/// The bytes of a varint: two's complement, as few as can be, of a number of 128 bits and its sign.
void put_varint(std::string& out, Uint128 bits, bool negative) {
  char bytes[17];
  bytes[0] = negative ? '\xff' : '\0';
  for (unsigned i = 0; i < 16; ++i) bytes[i + 1] = static_cast<char>(bits >> (8 * (15 - i)));
  unsigned first = 0;
  // A byte that only repeats the sign is not needed.
  while (first < 16 && bytes[first] == bytes[0] && ((bytes[first + 1] ^ bytes[0]) & 0x80) == 0) {
    ++first;
  }
  out.append(bytes + first, sizeof bytes - first);
}

Int128 integer_at(duckdb_type id, const VectorReader& reader, std::size_t row) {
  switch (id) {
    case DUCKDB_TYPE_TINYINT:
      return reader.value<std::int8_t>(row);
    case DUCKDB_TYPE_SMALLINT:
      return reader.value<std::int16_t>(row);
    case DUCKDB_TYPE_INTEGER:
      return reader.value<std::int32_t>(row);
    case DUCKDB_TYPE_BIGINT:
      return reader.value<std::int64_t>(row);
    case DUCKDB_TYPE_UTINYINT:
      return reader.value<std::uint8_t>(row);
    case DUCKDB_TYPE_USMALLINT:
      return reader.value<std::uint16_t>(row);
    case DUCKDB_TYPE_UINTEGER:
      return reader.value<std::uint32_t>(row);
    case DUCKDB_TYPE_UBIGINT:
      return reader.value<std::uint64_t>(row);
    default:
      return reader.value<Int128>(row);
  }
}

/// A decimal's digits as a number.
Int128 unscaled_at(const VectorReader& reader, std::size_t row) {
  switch (reader.shape().width) {
    case 2:
      return reader.value<std::int16_t>(row);
    case 4:
      return reader.value<std::int32_t>(row);
    case 8:
      return reader.value<std::int64_t>(row);
    default:
      return reader.value<Int128>(row);
  }
}

/// Units of a TIMESTAMP of this type in a millisecond, as a fraction.
struct Unit {
  std::int64_t multiply = 1, divide = 1;
};
Unit unit_of(duckdb_type id) {
  switch (id) {
    case DUCKDB_TYPE_TIMESTAMP_S:
      return {1000, 1};
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return {1, 1};
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return {1, 1'000'000};
    default:
      return {1, 1000};
  }
}

}  // namespace

struct ValueWriter::Functions {
  static bool text(const ValueWriter&, const VectorReader& reader, std::size_t row,
                   std::string& out, std::string&) {
    out += reader.text(row);
    return true;
  }
  static bool ascii(const ValueWriter&, const VectorReader& reader, std::size_t row,
                    std::string& out, std::string& reason) {
    const std::string_view value = reader.text(row);
    if (std::ranges::any_of(value, [](char c) { return (c & 0x80) != 0; })) {
      reason = "the text has characters that are not ASCII";
      return false;
    }
    out += value;
    return true;
  }
  static bool scalar_text(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                          std::string& out, std::string&) {
    format::append_scalar(reader, row, self.scale_, out);
    return true;
  }
  static bool boolean(const ValueWriter&, const VectorReader& reader, std::size_t row,
                      std::string& out, std::string&) {
    put_byte(out, reader.value<std::uint8_t>(row) != 0 ? 1 : 0);
    return true;
  }

  template <class Number>
  static bool integer(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                      std::string& out, std::string& reason) {
    const Int128 value = integer_at(self.from_, reader, row);
    const bool large = self.from_ == DUCKDB_TYPE_UHUGEINT && value < 0;
    if (large || value < std::numeric_limits<Number>::min() ||
        value > std::numeric_limits<Number>::max()) {
      std::string digits;
      format::append_scalar(reader, row, 0, digits);
      reason = fmt::format("{} is beyond what {} can hold", digits, self.to_.to_cql());
      return false;
    }
    put_number(out, static_cast<std::make_unsigned_t<Number>>(value));
    return true;
  }
  static bool varint(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                     std::string& out, std::string&) {
    const Int128 value = integer_at(self.from_, reader, row);
    put_varint(out, static_cast<Uint128>(value), value < 0 && self.from_ != DUCKDB_TYPE_UHUGEINT);
    return true;
  }
  static bool decimal(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                      std::string& out, std::string& reason) {
    put_int(out, static_cast<std::int32_t>(self.scale_));
    if (self.from_ != DUCKDB_TYPE_DECIMAL) return varint(self, reader, row, out, reason);
    const Int128 value = unscaled_at(reader, row);
    put_varint(out, static_cast<Uint128>(value), value < 0);
    return true;
  }

  static double number_at(const ValueWriter& self, const VectorReader& reader, std::size_t row) {
    switch (self.from_) {
      case DUCKDB_TYPE_FLOAT:
        return reader.value<float>(row);
      case DUCKDB_TYPE_DOUBLE:
        return reader.value<double>(row);
      case DUCKDB_TYPE_DECIMAL:
        return static_cast<double>(unscaled_at(reader, row)) / std::pow(10.0, self.scale_);
      case DUCKDB_TYPE_UHUGEINT:
        return static_cast<double>(reader.value<Uint128>(row));
      default:
        return static_cast<double>(integer_at(self.from_, reader, row));
    }
  }
  static bool double_(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                      std::string& out, std::string&) {
    put_number(out, std::bit_cast<std::uint64_t>(number_at(self, reader, row)));
    return true;
  }
  static bool float_(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                     std::string& out, std::string&) {
    const auto value = static_cast<float>(number_at(self, reader, row));
    put_number(out, std::bit_cast<std::uint32_t>(value));
    return true;
  }

  static bool timestamp(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                        std::string& out, std::string& reason) {
    const auto value = reader.value<std::int64_t>(row);
    if (value == std::numeric_limits<std::int64_t>::max() ||
        value == -std::numeric_limits<std::int64_t>::max()) {
      reason = "Cassandra has no infinite timestamp";
      return false;
    }
    const Unit unit = unit_of(self.from_);
    // Down, before 1970 too.
    const std::int64_t ms = value / unit.divide - (value % unit.divide < 0 ? 1 : 0);
    put_long(out, ms * unit.multiply);
    return true;
  }
  static bool timestamp_of_date(const ValueWriter&, const VectorReader& reader, std::size_t row,
                                std::string& out, std::string& reason) {
    const auto days = reader.value<std::int32_t>(row);
    if (std::abs(static_cast<std::int64_t>(days)) == std::numeric_limits<std::int32_t>::max()) {
      reason = "Cassandra has no infinite timestamp";
      return false;
    }
    put_long(out, std::int64_t{days} * 86'400'000);
    return true;
  }
  static bool date(const ValueWriter&, const VectorReader& reader, std::size_t row,
                   std::string& out, std::string& reason) {
    const auto days = reader.value<std::int32_t>(row);
    if (std::abs(static_cast<std::int64_t>(days)) == std::numeric_limits<std::int32_t>::max()) {
      reason = "Cassandra has no infinite date";
      return false;
    }
    put_number(out, static_cast<std::uint32_t>(days) + 0x8000'0000U);
    return true;
  }
  static bool time(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                   std::string& out, std::string& reason) {
    auto ns = reader.value<std::int64_t>(row);
    if (self.from_ == DUCKDB_TYPE_TIME) ns *= 1000;
    if (ns >= day_ns) {
      reason = "Cassandra's time ends before 24:00";
      return false;
    }
    put_long(out, ns);
    return true;
  }
  static bool duration(const ValueWriter&, const VectorReader& reader, std::size_t row,
                       std::string& out, std::string& reason) {
    const auto interval = reader.value<duckdb_interval>(row);
    std::int64_t ns = 0;
    if (__builtin_mul_overflow(interval.micros, std::int64_t{1000}, &ns)) {
      reason = "the interval is longer than a duration's nanoseconds can say";
      return false;
    }
    put_vint(out, interval.months);
    put_vint(out, interval.days);
    put_vint(out, ns);
    return true;
  }
  static bool uuid(const ValueWriter&, const VectorReader& reader, std::size_t row,
                   std::string& out, std::string&) {
    const auto bits = reader.value<Uint128>(row) ^ (Uint128{1} << 127);
    put_number(out, static_cast<std::uint64_t>(bits >> 64));
    put_number(out, static_cast<std::uint64_t>(bits));
    return true;
  }
  static bool inet(const ValueWriter&, const VectorReader& reader, std::size_t row,
                   std::string& out, std::string& reason) {
    const std::string text(reader.text(row));
    char address[16];
    if (inet_pton(AF_INET, text.c_str(), address) == 1) {
      out.append(address, 4);
    } else if (inet_pton(AF_INET6, text.c_str(), address) == 1) {
      out.append(address, 16);
    } else {
      reason = fmt::format("`{}` is no IP address", text.substr(0, 60));
      return false;
    }
    return true;
  }

  static bool elements(const ValueWriter& self, const VectorReader& reader, std::size_t begin,
                       std::size_t count, std::string& out, std::string& reason) {
    put_int(out, static_cast<std::int32_t>(count));
    for (std::size_t i = begin; i < begin + count; ++i) {
      if (!self.parts_[0].append(reader.child(), i, out, reason)) return false;
    }
    return true;
  }
  static bool list(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                   std::string& out, std::string& reason) {
    const duckdb_list_entry entry = reader.list(row);
    return elements(self, reader, entry.offset, entry.length, out, reason);
  }
  static bool array(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                    std::string& out, std::string& reason) {
    const std::size_t size = reader.shape().array_size;
    return elements(self, reader, row * size, size, out, reason);
  }
  static bool map(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                  std::string& out, std::string& reason) {
    const duckdb_list_entry entry = reader.list(row);
    const VectorReader& entries = reader.child();
    put_int(out, static_cast<std::int32_t>(entry.length));
    for (std::size_t i = entry.offset; i < entry.offset + entry.length; ++i) {
      if (!self.parts_[0].append(entries.child(0), i, out, reason)) return false;
      if (!self.parts_[1].append(entries.child(1), i, out, reason)) return false;
    }
    return true;
  }
  static bool fields(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                     std::string& out, std::string& reason) {
    for (std::size_t i = 0; i < self.parts_.size(); ++i) {
      if (self.field_of_[i] < 0) {
        put_null(out);
        continue;
      }
      const auto field = static_cast<std::size_t>(self.field_of_[i]);
      if (!self.parts_[i].append(reader.child(field), row, out, reason)) return false;
    }
    return true;
  }

  static bool vector_elements(const ValueWriter& self, const VectorReader& reader,
                              std::size_t begin, std::string& out, std::string& reason) {
    const ValueWriter& element = self.parts_[0];
    const bool fixed = self.to_.parameters[0].fixed_bytes() > 0;
    std::string value;
    for (std::size_t i = begin; i < begin + self.to_.dimension; ++i) {
      if (!reader.child().valid(i)) {
        reason = "a vector can't have NULL elements";
        return false;
      }
      if (fixed) {
        if (!element.put_(element, reader.child(), i, out, reason)) return false;
        continue;
      }
      value.clear();
      if (!element.put_(element, reader.child(), i, value, reason)) return false;
      put_unsigned_vint(out, value.size());
      out += value;
    }
    return true;
  }
  static bool vector_of_array(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                              std::string& out, std::string& reason) {
    return vector_elements(self, reader, row * self.to_.dimension, out, reason);
  }
  static bool vector_of_list(const ValueWriter& self, const VectorReader& reader, std::size_t row,
                             std::string& out, std::string& reason) {
    const duckdb_list_entry entry = reader.list(row);
    if (entry.length != self.to_.dimension) {
      reason = fmt::format("a list of {} elements is no {}", entry.length, self.to_.to_cql());
      return false;
    }
    return vector_elements(self, reader, entry.offset, out, reason);
  }

  static bool is_timestamp(duckdb_type id) {
    switch (id) {
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

  /// Null: there is no way.
  static Put text_writer(const Type& from, bool ascii_only) {
    if (from.is_nested()) return nullptr;
    if (from.id() == DUCKDB_TYPE_VARCHAR) return ascii_only ? ascii : text;
    if (from.id() == DUCKDB_TYPE_BLOB) return text;  // the server looks whether it is UTF-8
    return scalar_text;
  }
  static Put number_writer(const Type& from, const CqlType& to) {
    switch (to.kind) {
      case Kind::tinyint:
        return from.is_integer() ? integer<std::int8_t> : nullptr;
      case Kind::smallint:
        return from.is_integer() ? integer<std::int16_t> : nullptr;
      case Kind::int_:
        return from.is_integer() ? integer<std::int32_t> : nullptr;
      case Kind::bigint:
        return from.is_integer() ? integer<std::int64_t> : nullptr;
      case Kind::varint:
        return from.is_integer() ? varint : nullptr;
      case Kind::decimal:
        return from.is_integer() || from.id() == DUCKDB_TYPE_DECIMAL ? decimal : nullptr;
      case Kind::double_:
        return from.is_numeric() ? double_ : nullptr;
      default:
        return from.is_numeric() ? float_ : nullptr;
    }
  }
  static Put scalar_writer(const Type& from, const CqlType& to) {
    const duckdb_type id = from.id();
    switch (to.kind) {
      case Kind::ascii:
      case Kind::text:
        return text_writer(from, to.kind == Kind::ascii);
      case Kind::boolean:
        return id == DUCKDB_TYPE_BOOLEAN ? boolean : nullptr;
      case Kind::blob:
      case Kind::custom:
        return id == DUCKDB_TYPE_BLOB || id == DUCKDB_TYPE_VARCHAR ? text : nullptr;
      case Kind::timestamp:
        if (id == DUCKDB_TYPE_DATE) return timestamp_of_date;
        return is_timestamp(id) ? timestamp : nullptr;
      case Kind::date:
        return id == DUCKDB_TYPE_DATE ? date : nullptr;
      case Kind::time:
        return id == DUCKDB_TYPE_TIME || id == DUCKDB_TYPE_TIME_NS ? time : nullptr;
      case Kind::duration:
        return id == DUCKDB_TYPE_INTERVAL ? duration : nullptr;
      case Kind::uuid:
      case Kind::timeuuid:
        return id == DUCKDB_TYPE_UUID ? uuid : nullptr;
      case Kind::inet:
        return id == DUCKDB_TYPE_VARCHAR ? inet : nullptr;
      case Kind::counter:
        return nullptr;
      default:
        return from.id() == DUCKDB_TYPE_BIGNUM ? nullptr : number_writer(from, to);
    }
  }
};

Result<ValueWriter> ValueWriter::make(const Type& from, const CqlType& to) {
  if (!to.parameters.empty() || to.kind == Kind::user_type) return make_nested(from, to);
  ValueWriter writer;
  writer.from_ = from.id();
  writer.to_ = to;
  if (from.id() == DUCKDB_TYPE_DECIMAL) writer.scale_ = from.decimal_scale();
  writer.put_ = Functions::scalar_writer(from, to);
  if (writer.put_ == nullptr) return mismatch(from, to);
  return writer;
}

Result<ValueWriter> ValueWriter::make_nested(const Type& from, const CqlType& to) {
  ValueWriter writer;
  writer.from_ = from.id();
  writer.to_ = to;
  const bool list = from.id() == DUCKDB_TYPE_LIST;
  const bool array = from.id() == DUCKDB_TYPE_ARRAY;
  if (to.kind == Kind::map) {
    if (from.id() != DUCKDB_TYPE_MAP) return mismatch(from, to);
    writer.parts_.push_back(LEAT_TRY(make(from.map_key(), to.parameters[0])));
    writer.parts_.push_back(LEAT_TRY(make(from.map_value(), to.parameters[1])));
    writer.put_ = Functions::map;
    return writer;
  }
  if (to.kind == Kind::tuple || to.kind == Kind::user_type) {
    if (from.id() != DUCKDB_TYPE_STRUCT) return mismatch(from, to);
    const auto& fields = from.fields();
    if (to.kind == Kind::tuple && fields.size() != to.parameters.size()) return mismatch(from, to);
    std::size_t found = 0;
    for (std::size_t i = 0; i < to.parameters.size(); ++i) {
      std::size_t field = i;
      if (to.kind == Kind::user_type) {
        field = static_cast<std::size_t>(
            std::ranges::find_if(fields,
                                 [&](const auto& one) {
                                   return strcasecmp(one.name.c_str(), to.field_names[i].c_str()) ==
                                          0;
                                 }) -
            fields.begin());
      }
      const bool there = field < fields.size();
      found += there ? 1 : 0;
      writer.field_of_.push_back(there ? static_cast<int>(field) : -1);
      writer.parts_.push_back(there ? LEAT_TRY(make(fields[field].type, to.parameters[i]))
                                    : ValueWriter());
    }
    if (found < fields.size()) return mismatch(from, to);
    writer.put_ = Functions::fields;
    return writer;
  }
  if (!list && !array) return mismatch(from, to);
  if (to.kind == Kind::vector && array && from.array_size() != to.dimension) {
    return mismatch(from, to);
  }
  writer.parts_.push_back(LEAT_TRY(make(from.element(), to.parameters[0])));
  if (to.kind == Kind::vector) {
    writer.put_ = array ? Functions::vector_of_array : Functions::vector_of_list;
  } else {
    writer.put_ = array ? Functions::array : Functions::list;
  }
  return writer;
}

bool ValueWriter::append(const VectorReader& reader, std::size_t row, std::string& out,
                         std::string& reason) const {
  if (!reader.valid(row)) {
    put_null(out);
    return true;
  }
  const std::size_t begin = out.size();
  put_int(out, 0);
  if (!put_(*this, reader, row, out, reason)) return false;
  overwrite_int(out, begin, static_cast<std::int32_t>(out.size() - begin - 4));
  return true;
}

}  // namespace leat::connector::cql

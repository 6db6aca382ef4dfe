#include <array>
#include <charconv>
#include <optional>

#include "model/nearest_name.h"
#include "model/type.h"

namespace leat {
namespace {

/// `[][][]…` and structs in structs: deeper is no type anybody means.
constexpr int depth_max = 64;
/// As DuckDB has it.
constexpr unsigned decimal_width_max = 38;
constexpr std::size_t array_size_max = 100'000;

struct Alias {
  std::string_view name;
  duckdb_type id;
};

/// DuckDB 1.4's names of scalar types. DECIMAL, JSON, STRUCT, MAP and names of several words are
/// handled by the parser.
constexpr auto aliases = std::to_array<Alias>({
    {"bigint", DUCKDB_TYPE_BIGINT},
    {"bignum", DUCKDB_TYPE_BIGNUM},
    {"binary", DUCKDB_TYPE_BLOB},
    {"bit", DUCKDB_TYPE_BIT},
    {"bitstring", DUCKDB_TYPE_BIT},
    {"blob", DUCKDB_TYPE_BLOB},
    {"bool", DUCKDB_TYPE_BOOLEAN},
    {"boolean", DUCKDB_TYPE_BOOLEAN},
    {"bpchar", DUCKDB_TYPE_VARCHAR},
    {"bytea", DUCKDB_TYPE_BLOB},
    {"char", DUCKDB_TYPE_VARCHAR},
    {"character", DUCKDB_TYPE_VARCHAR},
    {"date", DUCKDB_TYPE_DATE},
    {"datetime", DUCKDB_TYPE_TIMESTAMP},
    {"double", DUCKDB_TYPE_DOUBLE},
    {"float", DUCKDB_TYPE_FLOAT},
    {"float4", DUCKDB_TYPE_FLOAT},
    {"float8", DUCKDB_TYPE_DOUBLE},
    {"guid", DUCKDB_TYPE_UUID},
    {"hugeint", DUCKDB_TYPE_HUGEINT},
    {"int", DUCKDB_TYPE_INTEGER},
    {"int1", DUCKDB_TYPE_TINYINT},
    {"int128", DUCKDB_TYPE_HUGEINT},
    {"int16", DUCKDB_TYPE_SMALLINT},
    {"int2", DUCKDB_TYPE_SMALLINT},
    {"int32", DUCKDB_TYPE_INTEGER},
    {"int4", DUCKDB_TYPE_INTEGER},
    {"int64", DUCKDB_TYPE_BIGINT},
    {"int8", DUCKDB_TYPE_BIGINT},
    {"integer", DUCKDB_TYPE_INTEGER},
    {"integral", DUCKDB_TYPE_INTEGER},
    {"interval", DUCKDB_TYPE_INTERVAL},
    {"logical", DUCKDB_TYPE_BOOLEAN},
    {"long", DUCKDB_TYPE_BIGINT},
    {"nvarchar", DUCKDB_TYPE_VARCHAR},
    {"oid", DUCKDB_TYPE_BIGINT},
    {"real", DUCKDB_TYPE_FLOAT},
    {"short", DUCKDB_TYPE_SMALLINT},
    {"signed", DUCKDB_TYPE_INTEGER},
    {"smallint", DUCKDB_TYPE_SMALLINT},
    {"string", DUCKDB_TYPE_VARCHAR},
    {"text", DUCKDB_TYPE_VARCHAR},
    {"time", DUCKDB_TYPE_TIME},
    {"time_ns", DUCKDB_TYPE_TIME_NS},
    {"timestamp", DUCKDB_TYPE_TIMESTAMP},
    {"timestamp_ms", DUCKDB_TYPE_TIMESTAMP_MS},
    {"timestamp_ns", DUCKDB_TYPE_TIMESTAMP_NS},
    {"timestamp_s", DUCKDB_TYPE_TIMESTAMP_S},
    {"timestamp_us", DUCKDB_TYPE_TIMESTAMP},
    {"timestamptz", DUCKDB_TYPE_TIMESTAMP_TZ},
    {"timetz", DUCKDB_TYPE_TIME_TZ},
    {"tinyint", DUCKDB_TYPE_TINYINT},
    {"ubigint", DUCKDB_TYPE_UBIGINT},
    {"uhugeint", DUCKDB_TYPE_UHUGEINT},
    {"uint128", DUCKDB_TYPE_UHUGEINT},
    {"uint16", DUCKDB_TYPE_USMALLINT},
    {"uint32", DUCKDB_TYPE_UINTEGER},
    {"uint64", DUCKDB_TYPE_UBIGINT},
    {"uint8", DUCKDB_TYPE_UTINYINT},
    {"uinteger", DUCKDB_TYPE_UINTEGER},
    {"usmallint", DUCKDB_TYPE_USMALLINT},
    {"utinyint", DUCKDB_TYPE_UTINYINT},
    {"uuid", DUCKDB_TYPE_UUID},
    {"varbinary", DUCKDB_TYPE_BLOB},
    {"varchar", DUCKDB_TYPE_VARCHAR},
});

constexpr auto parsed_names =
    std::to_array<std::string_view>({"dec", "decimal", "json", "map", "numeric", "row", "struct"});

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Recursive descent over the text of one type.
class TypeParser {
 public:
  explicit TypeParser(std::string_view text) : text_(text) {}

  Result<Type> whole() {
    Type type = LEAT_TRY(any(0));
    skip_space();
    if (at_ != text_.size()) return fault("unexpected \"{}\" after the type", text_.substr(at_));
    return type;
  }

 private:
  template <class... Args>
  std::unexpected<Error> fault(fmt::format_string<Args...> what, Args&&... args) const {
    return user_error("unknown-type", "\"{}\" is no type: {}", text_,
                      fmt::format(what, std::forward<Args>(args)...));
  }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string_view word() {
    skip_space();
    const std::size_t begin = at_;
    if (at_ < text_.size() && is_letter(text_[at_])) {
      while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  /// Takes the next word only when it is this one (lower case).
  bool take_word(std::string_view wanted) {
    const std::size_t begin = at_;
    if (lower(word()) == wanted) return true;
    at_ = begin;
    return false;
  }

  std::optional<std::size_t> number() {
    skip_space();
    std::size_t value = 0;
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc()) return std::nullopt;
    at_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }

  Result<Type> any(int depth) {
    if (depth > depth_max) return fault("it is nested more than {} levels deep", depth_max);
    Type type = LEAT_TRY(named(depth));
    int brackets = 0;
    while (take('[')) {
      if (++brackets > depth_max) return fault("it has more than {} pairs of []", depth_max);
      if (take(']')) {
        type = Type::list_of(std::move(type));
        continue;
      }
      const auto size = number();
      if (!size || *size == 0 || *size > array_size_max || !take(']')) {
        return fault("write [] for a list, or [n] with n from 1 to {} for an array",
                     array_size_max);
      }
      type = Type::array_of(std::move(type), *size);
    }
    return type;
  }

  Result<Type> named(int depth) {
    const std::string name = lower(word());
    if (name.empty()) return fault("a type's name is missing, as in \"INTEGER\" or \"TEXT[]\"");
    if (name == "decimal" || name == "numeric" || name == "dec") return decimal();
    if (name == "json") return Type::json();
    if (name == "struct" || name == "row") return structure(depth);
    if (name == "map") return map(depth);
    if (name == "timestamp") return timestamp();
    for (const Alias& alias : aliases) {
      if (alias.name == name) return scalar(alias);
    }
    return unknown(name);
  }

  Result<Type> unknown(std::string_view name) const {
    std::vector<std::string_view> names(parsed_names.begin(), parsed_names.end());
    for (const Alias& alias : aliases) names.push_back(alias.name);
    if (name == "enum" || name == "union") {
      return fault("{} is not kept by streams and views; use TEXT or a STRUCT", name);
    }
    return fault("there is no type of the name \"{}\"{}", name, did_you_mean(name, names));
  }

  Result<Type> scalar(const Alias& alias) {
    if (alias.name == "double") take_word("precision");
    if (alias.name == "character") take_word("varying");
    if (alias.name == "time") return zoned(DUCKDB_TYPE_TIME, DUCKDB_TYPE_TIME_TZ);
    const bool text = alias.id == DUCKDB_TYPE_VARCHAR;
    // VARCHAR(20) is VARCHAR, as in DuckDB.
    if (text && take('(') && (!number() || !take(')'))) {
      return fault("a text's length is a number in parentheses, and may be left out");
    }
    return Type::of(alias.id);
  }

  Result<Type> zoned(duckdb_type plain, duckdb_type with_zone) {
    const bool with = take_word("with");
    if (!with && !take_word("without")) return Type::of(plain);
    if (!take_word("time") || !take_word("zone")) return fault("TIME ZONE is missing");
    return Type::of(with ? with_zone : plain);
  }

  Result<Type> timestamp() {
    if (!take('(')) return zoned(DUCKDB_TYPE_TIMESTAMP, DUCKDB_TYPE_TIMESTAMP_TZ);
    const auto digits = number();
    if (!digits || *digits > 9 || !take(')')) {
      return fault("a timestamp's precision is from 0 to 9 digits");
    }
    if (*digits == 0) return Type::of(DUCKDB_TYPE_TIMESTAMP_S);
    if (*digits <= 3) return Type::of(DUCKDB_TYPE_TIMESTAMP_MS);
    return Type::of(*digits <= 6 ? DUCKDB_TYPE_TIMESTAMP : DUCKDB_TYPE_TIMESTAMP_NS);
  }

  Result<Type> decimal() {
    if (!take('(')) return Type::of(DUCKDB_TYPE_DECIMAL);
    const auto width = number();
    std::optional<std::size_t> scale = 0;
    if (take(',')) scale = number();
    if (!width || !scale || !take(')') || *width < 1 || *width > decimal_width_max ||
        *scale > *width) {
      return fault("write DECIMAL(width, scale) with width from 1 to {} and scale up to the width",
                   decimal_width_max);
    }
    return Type::decimal(static_cast<unsigned>(*width), static_cast<unsigned>(*scale));
  }

  Result<Type> map(int depth) {
    if (!take('(')) return fault("write MAP(key type, value type)");
    Type key = LEAT_TRY(any(depth + 1));
    if (!take(',')) return fault("write MAP(key type, value type)");
    Type value = LEAT_TRY(any(depth + 1));
    if (!take(')')) return fault("the ) of MAP( is missing");
    return Type::map_of(std::move(key), std::move(value));
  }

  Result<std::string> field_name() {
    if (!take('"')) {
      std::string name(word());
      if (name.empty()) return fault("a field's name is missing, as in STRUCT(a INTEGER, b TEXT)");
      return name;
    }
    std::string name;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c != '"') {
        name += c;
      } else if (at_ < text_.size() && text_[at_] == '"') {
        name += text_[at_++];
      } else {
        return name;
      }
    }
    return fault("the closing \" of a field's name is missing");
  }

  Result<Type> structure(int depth) {
    if (!take('(')) return fault("write STRUCT(name type, name type)");
    std::vector<Type::Field> fields;
    do {
      std::string name = LEAT_TRY(field_name());
      for (const Type::Field& other : fields) {
        if (lower(other.name) == lower(name)) return fault("two fields are named \"{}\"", name);
      }
      fields.push_back(Type::Field{std::move(name), LEAT_TRY(any(depth + 1))});
    } while (take(','));
    if (!take(')')) return fault("the ) of STRUCT( is missing");
    return Type::struct_of(std::move(fields));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Type> Type::parse(std::string_view text) { return TypeParser(text).whole(); }

}  // namespace leat

#include "format/json_value.h"

#include "format/utf8.h"

namespace leat::format {
namespace {

using Outcome = JsonValueReader::Outcome;
using Kind = VectorShape::Kind;

bool starts_number(char c) { return c == '-' || (c >= '0' && c <= '9'); }

/// One field of an object that becomes a map's entry.
struct Entry {
  std::string_view key;
  std::size_t key_at;
  std::size_t value_at;
};

}  // namespace

JsonValueReader::~JsonValueReader() = default;
JsonValueReader::JsonValueReader(JsonValueReader&&) noexcept = default;

bool JsonValueReader::supports(const Type& type) {
  switch (type.id()) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
      return supports(type.element());
    case DUCKDB_TYPE_MAP:
      return ScalarParser::supports(type.map_key()) && supports(type.map_value());
    case DUCKDB_TYPE_STRUCT:
      return std::ranges::all_of(type.fields(),
                                 [](const auto& field) { return supports(field.type); });
    default:
      return ScalarParser::supports(type);
  }
}

JsonValueReader::JsonValueReader(const Type& type, const Options& options)
    : type_(type),
      kind_(VectorShape::of(type).kind),
      is_json_(type.is_json()),
      is_text_(type.id() == DUCKDB_TYPE_VARCHAR && !is_json_),
      is_boolean_(type.id() == DUCKDB_TYPE_BOOLEAN),
      numbers_from_text_(options.numbers_from_text) {
  switch (type.id()) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
      members_.emplace_back(type.element(), options);
      break;
    case DUCKDB_TYPE_MAP:
      key_parser_.emplace(type.map_key(), options.time_unit);
      members_.emplace_back(type.map_value(), options);
      break;
    case DUCKDB_TYPE_STRUCT: {
      std::vector<std::string> names;
      for (const Type::Field& field : type.fields()) {
        names.push_back(field.name);
        members_.emplace_back(field.type, options);
      }
      matcher_.emplace(std::move(names));
      break;
    }
    default:
      parser_.emplace(type, options.time_unit);
  }
}

Outcome JsonValueReader::read_any(JsonText& text, std::size_t& at, TextArena& arena,
                                  VectorWriter& out, std::size_t row) {
  const char c = text.byte(at);
  if (c == 'n' && text.is_null(at)) {
    ++at;
    return Outcome::null;
  }
  if (parser_) {
    const bool nested = c == '{' || c == '[';
    if (is_json_ || (nested && is_text_)) {
      return raw(text, at, out, row);
    }
    const Outcome outcome = scalar(text, at, arena, out, row);
    ++at;
    return outcome;
  }
  if (kind_ == Kind::structure) {
    return c == '{' ? fields(text, at, arena, out, row) : mismatch(text, at);
  }
  if (type_.id() == DUCKDB_TYPE_MAP) {
    return c == '{' ? entries(text, at, arena, out, row) : mismatch(text, at);
  }
  return c == '[' ? elements(text, at, arena, out, row) : mismatch(text, at);
}

Outcome JsonValueReader::scalar(JsonText& text, std::size_t at, TextArena& arena, VectorWriter& out,
                                std::size_t row) {
  const char c = text.byte(at);
  if (c == '"') return string(text, at, arena, out, row);
  if (starts_number(c)) {
    const std::string_view number = text.scalar(at);
    if (is_text_) {
      NumberText scanned;
      if (!scan_number(number, NumberGrammar::json, scanned)) return mismatch(text, at);
      out.point_at_text(row, number);
      return Outcome::value;
    }
    if (is_boolean_) return mismatch(text, at);
    return checked(parser_->number(number, NumberGrammar::json, out, row), text, at, number);
  }
  const bool yes = c == 't' && text.is_true(at);
  if (yes || (c == 'f' && text.is_false(at))) {
    if (is_text_) {
      out.point_at_text(row, text.scalar(at));
    } else if (is_boolean_) {
      parser_->boolean(yes, out, row);
    } else {
      return mismatch(text, at);
    }
    return Outcome::value;
  }
  return mismatch(text, at);
}

std::optional<std::string_view> JsonValueReader::unescaped(JsonText& text, std::size_t at,
                                                           TextArena& arena) {
  const std::string_view raw = text.string(at);
  if (!text.has_escape(raw)) return raw;
  char* const room = arena.allocate(raw.size());
  std::size_t written = 0;
  const char* const wrong = unescape_json(raw, room, written);
  arena.give_back(raw.size() - written);
  if (wrong == nullptr) return std::string_view(room, written);
  text.fail(at, wrong);
  return std::nullopt;
}

Outcome JsonValueReader::string(JsonText& text, std::size_t at, TextArena& arena, VectorWriter& out,
                                std::size_t row) {
  const auto value = unescaped(text, at, arena);
  if (!value) return Outcome::malformed;
  const bool is_number = parser_->takes_numbers() || is_boolean_;
  if (is_number && !numbers_from_text_) {
    problem_ = fmt::format(
        "\"{}\" is text where {} is wanted (numbers given as text are taken "
        "where the column asks for it), at byte {}",
        excerpt(*value), type_.to_sql(), text.position(at));
    return Outcome::refused;
  }
  return checked(parser_->text(*value, arena, out, row), text, at, *value);
}

Outcome JsonValueReader::refused(ParseFault fault, JsonText& text, std::size_t at,
                                 std::string_view shown) {
  if (text.byte(at) != '"') {
    std::size_t end = at;
    if (!text.check(end)) return Outcome::malformed;
  }
  problem_ = fmt::format("{}, at byte {}", parser_->reason(fault, shown), text.position(at));
  return Outcome::refused;
}

Outcome JsonValueReader::mismatch(JsonText& text, std::size_t at) {
  std::size_t end = at;
  if (!text.check(end)) return Outcome::malformed;
  problem_ = fmt::format("{} is no {}, at byte {}", excerpt(text.raw(at, end)), type_.to_sql(),
                         text.position(at));
  return Outcome::refused;
}

Outcome JsonValueReader::raw(JsonText& text, std::size_t& at, VectorWriter& out, std::size_t row) {
  const std::size_t begin = at;
  if (!text.check(at)) return Outcome::malformed;
  out.point_at_text(row, text.raw(begin, at));
  return Outcome::value;
}

Outcome JsonValueReader::member(JsonValueReader& reader, JsonText& text, std::size_t& at,
                                TextArena& arena, VectorWriter& out, std::size_t row) {
  const Outcome outcome = reader.read(text, at, arena, out, row);
  if (outcome == Outcome::null) {
    out.set_null(row);
    return Outcome::value;
  }
  if (outcome == Outcome::refused) problem_ = reader.problem();
  out.set_valid(row);
  return outcome;
}

Outcome JsonValueReader::elements(JsonText& text, std::size_t& at, TextArena& arena,
                                  VectorWriter& out, std::size_t row) {
  std::size_t count = 0;
  std::size_t ahead = at + 1;
  if (text.byte(ahead) != ']') {
    while (true) {
      if (!text.skip(ahead)) return Outcome::malformed;
      ++count;
      if (text.byte(ahead) != ',') break;
      ++ahead;
    }
  }
  if (text.byte(ahead) != ']') {
    text.fail(ahead, "a comma or the end of the array is expected");
    return Outcome::malformed;
  }
  std::size_t begin = 0;
  if (kind_ == Kind::array) {
    if (count != type_.array_size()) {
      problem_ = fmt::format("an array of {} elements is no {}, at byte {}", count, type_.to_sql(),
                             text.position(at));
      return Outcome::refused;
    }
    begin = row * count;
  } else {
    begin = out.begin_list(row, count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    ++at;
    const Outcome outcome = member(members_[0], text, at, arena, out.child(), begin + i);
    if (outcome != Outcome::value) return outcome;
  }
  at = ahead + 1;
  return Outcome::value;
}

Outcome JsonValueReader::fields(JsonText& text, std::size_t& at, TextArena& arena,
                                VectorWriter& out, std::size_t row) {
  for (std::size_t i = 0; i < members_.size(); ++i) out.child(i).set_null(row);
  ++at;
  if (text.byte(at) == '}') {
    ++at;
    return Outcome::value;
  }
  for (std::size_t ordinal = 0;; ++ordinal) {
    if (!text.check_name(at)) return Outcome::malformed;
    const int field = matcher_->match(text, at, ordinal);
    if (field == FieldMatcher::malformed) return Outcome::malformed;
    at += 2;
    if (field == FieldMatcher::unwanted) {
      if (!text.skip(at)) return Outcome::malformed;
    } else {
      const auto index = static_cast<std::size_t>(field);
      const Outcome outcome = member(members_[index], text, at, arena, out.child(index), row);
      if (outcome != Outcome::value) return outcome;
    }
    const char c = text.byte(at);
    if (c != ',' && c != '}') {
      text.fail(at, "a comma or the end of the object is expected");
      return Outcome::malformed;
    }
    ++at;
    if (c == '}') return Outcome::value;
  }
}

Outcome JsonValueReader::entries(JsonText& text, std::size_t& at, TextArena& arena,
                                 VectorWriter& out, std::size_t row) {
  std::vector<Entry> entries;
  std::unordered_map<std::string_view, std::size_t> place_of;
  ++at;
  for (bool more = text.byte(at) != '}'; more; ++at) {
    if (!text.check_name(at)) return Outcome::malformed;
    const auto key = unescaped(text, at, arena);
    if (!key) return Outcome::malformed;
    const Entry entry{*key, at, at + 2};
    const auto [found, fresh] = place_of.emplace(*key, entries.size());
    if (fresh) {
      entries.push_back(entry);
    } else {
      entries[found->second] = entry;  // the last one wins
    }
    at += 2;
    if (!text.skip(at)) return Outcome::malformed;
    more = text.byte(at) == ',';
    if (!more) break;
  }
  if (text.byte(at) != '}') {
    text.fail(at, "a comma or the end of the object is expected");
    return Outcome::malformed;
  }
  const std::size_t begin = out.begin_list(row, entries.size());
  VectorWriter& keys = out.child().child(0);
  VectorWriter& values = out.child().child(1);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const ParseFault fault = key_parser_->text(entries[i].key, arena, keys, begin + i);
    if (fault != ParseFault::none) {
      problem_ = fmt::format("{}, at byte {}", key_parser_->reason(fault, entries[i].key),
                             text.position(entries[i].key_at));
      return Outcome::refused;
    }
    out.child().set_valid(begin + i);
    std::size_t value_at = entries[i].value_at;
    const Outcome outcome = member(members_[0], text, value_at, arena, values, begin + i);
    if (outcome != Outcome::value) return outcome;
  }
  ++at;
  return Outcome::value;
}

}  // namespace leat::format

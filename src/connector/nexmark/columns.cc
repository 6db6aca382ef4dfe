#include "connector/nexmark/columns.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "format/record_decoder.h"

namespace leat::connector {
namespace {

using Type = NexmarkField::Type;

constexpr std::string_view type_pointer = "/event_type";

std::string pointer_of(NexmarkKind kind, const NexmarkField& field) {
  return fmt::format("/{}/{}", name_of(kind), field.name);
}

std::string all_pointers() {
  std::string all(type_pointer);
  for (std::size_t kind = 0; kind < nexmark_kinds; ++kind) {
    for (const NexmarkField& field : fields_of(NexmarkKind(kind))) {
      all += ", " + pointer_of(NexmarkKind(kind), field);
    }
  }
  return all;
}

bool suits(const DecodedColumn& column, Type type) {
  switch (type) {
    case Type::number:
      return column.type.id() == DUCKDB_TYPE_BIGINT;
    case Type::text:
      return column.type.id() == DUCKDB_TYPE_VARCHAR && !column.type.is_json();
    case Type::time:
      return column.time_unit == "ms" && (column.type.id() == DUCKDB_TYPE_TIMESTAMP ||
                                          column.type.id() == DUCKDB_TYPE_TIMESTAMP_TZ);
  }
  return false;
}

std::string_view wanted_type(Type type) {
  switch (type) {
    case Type::number:
      return "bigint";
    case Type::text:
      return "text";
    case Type::time:
      break;
  }
  return "timestamp with `unit: ms`";
}

class NexmarkDecoder final : public format::RecordDecoder {
 public:
  explicit NexmarkDecoder(const NexmarkRecipe& recipe) : event_(recipe) {}

  Status prepare(format::WantedColumns wanted) {
    LEAT_TRY(take_columns(std::move(wanted.columns), wanted.reads));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].metadata && columns_[i].is_wanted()) LEAT_TRY(find(i));
    }
    return {};
  }

 private:
  struct Place {
    std::size_t field;
    Type type;
    std::size_t column;
  };
  /// What the columns are in events of one kind.
  struct Kind {
    NexmarkEvent::Fields fields = 0;
    std::vector<Place> places;
    std::vector<std::size_t> missing;  // columns
  };

  Status find(std::size_t column) {
    const DecodedColumn& wanted = columns_[column].definition;
    if (wanted.pointer == type_pointer) {
      if (wanted.type.id() != DUCKDB_TYPE_INTEGER) return refusal(wanted, "integer");
      if (columns_[column].read) types_.push_back(column);
      return {};
    }
    bool found = false;
    for (std::size_t kind = 0; kind < nexmark_kinds; ++kind) {
      const auto field = LEAT_TRY(field_of(wanted, NexmarkKind(kind)));
      found |= field.has_value();
      if (!field) {
        kinds_[kind].missing.push_back(column);
      } else if (columns_[column].read) {
        kinds_[kind].fields |= NexmarkEvent::Fields{1} << *field;
        kinds_[kind].places.push_back({*field, fields_of(NexmarkKind(kind))[*field].type, column});
      }
    }
    if (found) return {};
    return user_error("nexmark-column",
                      "column {}: events of nexmark have no \"{}\"; with `records: columns` there "
                      "are {}, with `records: json` whole objects, too",
                      wanted.name, wanted.pointer, all_pointers());
  }

  static std::unexpected<Error> refusal(const DecodedColumn& column, std::string_view type) {
    return user_error("nexmark-column",
                      "column {}: with `records: columns` of nexmark \"{}\" is read as {}; say so "
                      "and CAST it in SELECT, or take `records: json`",
                      column.name, column.pointer, type);
  }

  /// Which field of such events it is, if of any.
  static Result<std::optional<std::size_t>> field_of(const DecodedColumn& column,
                                                     NexmarkKind kind) {
    const std::span<const NexmarkField> fields = fields_of(kind);
    const auto found = std::ranges::find_if(fields, [&](const NexmarkField& field) {
      return column.pointer == pointer_of(kind, field);
    });
    if (found == fields.end()) return std::nullopt;
    if (!suits(column, found->type)) return refusal(column, wanted_type(found->type));
    return static_cast<std::size_t>(found - fields.begin());
  }

  bool decode_value(const Record& record, std::size_t row) override {
    if (record.value.data() == nullptr) return decode_tombstone(row);
    std::uint64_t number = 0;
    const char* const end = record.value.data() + record.value.size();
    const auto [at, fault] = std::from_chars(record.value.data(), end, number);
    if (fault != std::errc() || at != end) {
      return refuse("", "not the number of an event of nexmark (`records: columns`)");
    }
    const NexmarkKind type = nexmark_kind(number);
    const Kind& kind = kinds_[static_cast<std::size_t>(type)];
    if (kind.fields != 0) event_.make(number, kind.fields);
    for (const std::size_t column : types_) {
      writer(column).set_valid(row);
      writer(column).set(row, static_cast<std::int32_t>(type));
    }
    for (const Place& place : kind.places) write(place, row);
    return std::ranges::all_of(
        kind.missing, [&](std::size_t column) { return fill_missing(column, false, row); });
  }

  void write(const Place& place, std::size_t row) {
    VectorWriter& out = writer(place.column);
    out.set_valid(row);
    switch (place.type) {
      case Type::number:
        return out.set(row, static_cast<std::int64_t>(event_.number(place.field)));
      case Type::time:
        return out.set(row, static_cast<std::int64_t>(event_.number(place.field)) * 1000);
      case Type::text:
        return out.point_at_text(row, arena_.copy(event_.text(place.field)));
    }
  }

  NexmarkEvent event_;
  std::array<Kind, nexmark_kinds> kinds_;
  std::vector<std::size_t> types_;  // columns of /event_type
};

}  // namespace

Result<std::unique_ptr<format::Decoder>> make_nexmark_decoder(const NexmarkRecipe& recipe,
                                                              format::WantedColumns wanted) {
  auto decoder = std::make_unique<NexmarkDecoder>(recipe);
  LEAT_TRY(decoder->prepare(std::move(wanted)));
  return decoder;
}

}  // namespace leat::connector

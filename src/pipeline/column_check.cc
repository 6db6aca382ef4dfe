#include "pipeline/column_check.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "model/nearest_name.h"
#include "pipeline/names.h"
#include "pipeline/node_json.h"
#include "pipeline/scalar.h"

namespace leat::pipeline {
namespace {

constexpr std::array<std::string_view, 8> metadata_fields = {
    "$key", "$timestamp", "$offset", "$partition", "$topic", "$value", "$headers", "$tombstone"};
constexpr std::string_view own_prefix = "__leat_";
constexpr std::size_t columns_max = 1000;

bool is_text(const Type& type) { return type.id() == DUCKDB_TYPE_VARCHAR && !type.is_json(); }

/// Why a default can't be a value of the column's type; empty: it can, as far as can be told here.
std::string default_fault(const Type& type, const nlohmann::json& value, bool numbers_from_text) {
  if (value.is_null()) return "is null, which a missing value is anyhow; remove it";
  if (type.is_integer()) {
    if (value.is_number_integer()) return "";
    if (numbers_from_text && value.is_string()) return "";
    return "is no whole number; write one, without quotes";
  }
  if (type.is_numeric()) {
    if (value.is_number() || (numbers_from_text && value.is_string())) return "";
    return "is no number; write one, without quotes";
  }
  if (type.id() == DUCKDB_TYPE_BOOLEAN) {
    return value.is_boolean() ? "" : "is neither true nor false; write one of the two";
  }
  if (type.id() == DUCKDB_TYPE_LIST && !value.is_array()) return "is no list; write […]";
  if ((type.id() == DUCKDB_TYPE_STRUCT || type.id() == DUCKDB_TYPE_MAP) && !value.is_object()) {
    return "is no mapping; write {…}";
  }
  return "";
}

class ColumnReader {
 public:
  ColumnReader(Diagnostics& diagnostics, const std::string& format)
      : diagnostics_(diagnostics), csv_(format == "csv") {}

  std::optional<DecodedColumn> read(const Node& name, const Node& value) {
    DecodedColumn column;
    column.name = name.text;
    check_column_name(name);
    if (value.faulty) return std::nullopt;
    if (value.is_scalar()) {
      if (!take_type(value, column)) return std::nullopt;
      place_by_name(column);
      return column;
    }
    if (!value.is_mapping()) {
      diagnostics_.error(
          value.is_nothing() ? name.at : value.at, "wrong-shape",
          fmt::format("the column \"{0}\" is {1}; write its type, as {0}: integer, or "
                      "{0}: {{at: /pointer, type: integer}}",
                      printable(name.text), to_string(value.kind)));
      return std::nullopt;
    }
    const auto before = diagnostics_.errors();
    const Fields fields(value, section("column"), diagnostics_);
    const Node* type = fields.find("type");
    if (type == nullptr || !take_type(*type, column)) return std::nullopt;
    take_place(fields, column);
    take_rest(fields, column);
    if (diagnostics_.errors() != before) return std::nullopt;
    return column;
  }

 private:
  void check_column_name(const Node& name) {
    if (folded(name.text).starts_with(own_prefix)) {
      diagnostics_.error(name.at, "reserved-name",
                         fmt::format("the column \"{}\" begins with \"{}\", which is kept for Leat "
                                     "itself; choose another name and say where it is with \"at\"",
                                     printable(name.text), own_prefix));
    } else if (name.text.empty() || name.text.size() > 255 || name.text.contains('\0')) {
      diagnostics_.error(name.at, "invalid-name",
                         "a column's name has 1 to 255 bytes; choose another");
    } else if (is_reserved_word(name.text)) {
      diagnostics_.note(name.at, "reserved-word",
                        fmt::format("\"{0}\" is a word of SQL: a query must write it in double "
                                    "quotes",
                                    name.text));
    }
  }

  bool take_type(const Node& text, DecodedColumn& column) {
    auto type = Type::parse(text.text);
    if (!type) {
      hide_parts(text, diagnostics_);
      diagnostics_.error(text.at, type.error().code, type.error().message);
      return false;
    }
    column.type = *type;
    return true;
  }

  void place_by_name(DecodedColumn& column) {
    if (csv_) {
      column.field = column.name;
    } else {
      column.pointer = json_pointer_to(column.name);
    }
  }

  void take_place(const Fields& fields, DecodedColumn& column) {
    place_by_name(column);
    if (fields.has("at") && fields.has("field")) {
      diagnostics_.error(fields.at("field"), "conflicting-keys",
                         "\"at\" and \"field\" both say where the value is; keep one");
      return;
    }
    if (const Node* at = fields.find("at")) {
      if (csv_) {
        diagnostics_.error(fields.at("at"), "column-place",
                           "a CSV record has no JSON pointers; write field: and the column's name "
                           "in the file");
        return;
      }
      auto pointer = read_json_pointer(at->text);
      if (!pointer) {
        diagnostics_.error(at->at, "invalid-value",
                           fmt::format("\"at\": \"{}\" {}", at->shown(), pointer.error()));
      } else {
        column.pointer = *pointer;
      }
    }
    if (const Node* field = fields.find("field")) {
      check_field(*field);
      column.field = field->text;
      column.pointer.clear();
    }
  }

  void check_field(const Node& field) {
    const bool metadata = std::ranges::find(metadata_fields, field.text) != metadata_fields.end();
    if (metadata || (csv_ && !field.text.starts_with('$') && !field.text.empty())) return;
    auto hint = did_you_mean(field.text, metadata_fields);
    if (hint.empty() && !csv_) {
      hint = fmt::format("; write at: and a JSON pointer, or one of {}",
                         fmt::join(metadata_fields, ", "));
    } else if (hint.empty()) {
      hint = fmt::format("; write a name of the file's header, or one of {}",
                         fmt::join(metadata_fields, ", "));
    }
    diagnostics_.error(field.at, "column-place",
                       fmt::format("there is no field \"{}\" of a record{}", field.shown(), hint));
  }

  void take_rest(const Fields& fields, DecodedColumn& column) {
    column.required = fields.flag("required");
    column.numbers_from_text = fields.flag("numbers_from_text");
    if (column.numbers_from_text && !column.type.is_numeric()) {
      diagnostics_.error(
          fields.at("numbers_from_text"), "conflicting-keys",
          fmt::format("\"numbers_from_text\" is for columns of a number type, this is "
                      "{}; remove it",
                      column.type.to_sql()));
    }
    column.time_unit = fields.text("unit").value_or("");
    if (!column.time_unit.empty() && !column.type.is_temporal()) {
      diagnostics_.error(
          fields.at("unit"), "conflicting-keys",
          fmt::format("\"unit\" is for dates and times, this column is {}; make it a "
                      "timestamp, or remove \"unit\"",
                      column.type.to_sql()));
    }
    if (const Node* pii = fields.find("pii")) column.pii = pii->text;
    if (const Node* value = fields.find("default")) take_default(fields, *value, column);
  }

  void take_default(const Fields& fields, const Node& value, DecodedColumn& column) {
    if (column.required) {
      diagnostics_.error(fields.at("default"), "conflicting-keys",
                         "\"required\" refuses a record without a value, so \"default\" is never "
                         "taken; keep one of the two");
      return;
    }
    auto json = nlohmann::json::parse(json_text_of(value));
    if (is_text(column.type) && value.is_scalar()) json = value.text;
    const auto fault = default_fault(column.type, json, column.numbers_from_text);
    if (!fault.empty()) {
      diagnostics_.error(
          value.at, "invalid-value",
          fmt::format("\"default\" of a column of type {} {}", column.type.to_sql(), fault));
      return;
    }
    column.default_json = json.dump();
  }

  Diagnostics& diagnostics_;
  bool csv_;
};

}  // namespace

std::optional<CheckedColumns> check_columns(Scope& scope, const Node& columns,
                                            const StreamNode& stream) {
  const auto before = scope.diagnostics.errors();
  if (columns.entries.empty() || columns.entries.size() > columns_max) {
    scope.diagnostics.error(columns.at, "wrong-shape",
                            fmt::format("there are {} columns here; a stream over a topic has 1 to "
                                        "{}, as name: text",
                                        columns.entries.size(), columns_max));
    return std::nullopt;
  }
  CheckedColumns out;
  ColumnReader reader(scope.diagnostics, stream.format);
  std::map<std::string, std::string_view> names;
  for (const auto& [name, value] : columns.entries) {
    const auto [same, fresh] = names.try_emplace(folded(name.text), name.text);
    if (!fresh) {
      scope.diagnostics.error(name.at, "duplicate-column",
                              fmt::format("the column \"{}\" is to SQL the same as \"{}\"; choose "
                                          "another name",
                                          printable(name.text), printable(same->second)));
    }
    auto column = reader.read(name, value);
    if (column && scope.registry.decodes) {
      if (const auto ok = scope.registry.decodes(scope.graph, stream, *column); !ok) {
        const auto& place = value.is_scalar() ? value.at : name.at;
        scope.diagnostics.error(place, "column-type", printable(ok.error().message, 1000));
      }
    }
    if (column) {
      out.columns.push_back(std::move(*column));
      out.at.push_back(name.at);
    }
  }
  if (scope.diagnostics.errors() != before) return std::nullopt;
  return out;
}

}  // namespace leat::pipeline

#include "pipeline/table_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/vector_shape.h"
#include "pipeline/codes.h"
#include "sql/refusal.h"

namespace leat::pipeline {
namespace {

constexpr std::size_t columns_max = 1000;

class TableChecker {
 public:
  TableChecker(Scope& scope, const Declaration& declaration)
      : scope_(scope),
        diagnostics_(scope.diagnostics),
        fields_(*declaration.body, section("table"), scope.diagnostics,
                names_of(scope.registry.tables)) {
    table_.name = declaration.name->text;
    table_.at = declaration.name->at;
    table_.pipeline = declaration.pipeline;
  }

  void run() {
    const auto before = diagnostics_.errors();
    scope_.declare(Relation::Kind::table, table_.name, table_.at);
    if (!fields_.readable()) return;
    auto chosen = chosen_connector(fields_, scope_.registry.tables, diagnostics_, "table");
    take_columns();
    table_.kept = chosen && chosen->spec->kept;
    if (table_.kept) {
      refuse_lookup_keys();
    } else {
      require_lookup_keys();
      take_key();
      take_bounds();
    }
    if (diagnostics_.errors() != before || !chosen) return;
    table_.connector = chosen->spec->name;
    table_.settings = std::move(chosen->checked.settings);
    table_.shown = std::move(chosen->checked.shown);
    if (table_.kept) {
      keep();
    } else {
      look_up();
    }
  }

 private:
  void look_up() {
    if (scope_.registry.takes_table) {
      const Status taken =
          scope_.registry.takes_table(table_.connector, table_input_of(table_), table_.settings);
      if (!taken) {
        diagnostics_.error(table_.at, "table-input", printable(taken.error().message, 1000));
        return;
      }
    }
    scope_.tables.insert_or_assign(
        table_.name, sql::Relation{sql::Relation::Kind::table, table_.schema, table_.key});
    scope_.graph.tables.push_back(std::move(table_));
  }

  /// A table that is kept is to all that read it a view without inputs.
  void keep() {
    if (!find_columns()) return;
    for (const Column& column : table_.schema) {
      if (sql::can_be_kept(column.type)) continue;
      diagnostics_.error(table_.at, "column-type",
                         fmt::format("the column \"{}\" is {}, which can't be kept; leave it out "
                                     "by naming the others in columns:",
                                     printable(column.name), column.type.to_sql()));
      return;
    }
    ViewNode view;
    view.name = table_.name;
    view.at = table_.at;
    view.pipeline = table_.pipeline;
    view.schema = table_.schema;
    view.of_table = true;
    view.definition = op::SelectView{
        .inputs = {{.input = {}, .sql = {}, .schema = table_.schema, .weighted = true}},
        .output = table_.schema};
    scope_.catalog.insert_or_assign(table_.name,
                                    sql::Relation{sql::Relation::Kind::view, table_.schema});
    scope_.graph.views.push_back(std::move(view));
    scope_.graph.tables.push_back(std::move(table_));
  }

  /// False when the table can't have the columns, which has been reported.
  bool find_columns() {
    if (!scope_.registry.table_columns) return table_.schema.size() > 0;
    auto found = scope_.registry.table_columns(table_.connector, table_.schema, table_.settings);
    if (found) {
      table_.schema = std::move(*found);
      return true;
    }
    const std::string message = printable(found.error().message, 1000);
    if (found.error().code == "table-missing" && table_.schema.size() > 0) {
      diagnostics_.warning(table_.at, "table-missing",
                           message + "; until it is there, records wait for it");
      return true;
    }
    diagnostics_.error(
        table_.at, is_documented(found.error().code) ? found.error().code : "table-file", message);
    return false;
  }

  void refuse_lookup_keys() {
    for (const auto* key : {"key", "rows_per_key", "cache"}) {
      if (!fields_.has(key)) continue;
      diagnostics_.error(
          fields_.at(key), "conflicting-keys",
          fmt::format("\"{}\" is for tables in other systems, whose rows are looked up by key, and "
                      "this one is kept as a whole; remove it",
                      key));
    }
  }

  void require_lookup_keys() {
    for (const auto& [key, shape] : {std::pair("columns", "{name: text, …}"),
                                     std::pair("key", "a name, or a list of names")}) {
      if (fields_.has(key)) continue;
      diagnostics_.error(fields_.at(), "missing-key",
                         fmt::format("\"{0}\" is missing here; write {0}: {1}", key, shape));
    }
  }

  void take_columns() {
    const Node* columns = fields_.find("columns");
    if (columns == nullptr) return;
    if (columns->entries.empty() || columns->entries.size() > columns_max) {
      diagnostics_.error(columns->at, "wrong-shape",
                         fmt::format("there are {} columns here; a table has 1 to {}, as code: "
                                     "text",
                                     columns->entries.size(), columns_max));
      return;
    }
    std::vector<Column> out;
    for (const auto& [name, value] : columns->entries) {
      const bool twice = Schema(out).find(name.text).has_value();
      if (twice) {
        diagnostics_.error(name.at, "duplicate-column",
                           fmt::format("the column \"{}\" is to SQL the same as another; leave "
                                       "one out",
                                       printable(name.text)));
      }
      auto type = type_of(name, value);
      if (type && !twice) out.push_back({name.text, std::move(*type)});
    }
    table_.schema = Schema(std::move(out));
  }

  std::optional<Type> type_of(const Node& name, const Node& value) {
    if (value.faulty) return std::nullopt;
    if (!value.is_scalar()) {
      diagnostics_.error(value.is_nothing() ? name.at : value.at, "wrong-shape",
                         fmt::format("the column \"{0}\" is {1}; write its type, as {0}: integer",
                                     printable(name.text), to_string(value.kind)));
      return std::nullopt;
    }
    auto type = Type::parse(value.text);
    if (!type) {
      hide_parts(value, diagnostics_);
      diagnostics_.error(value.at, type.error().code, type.error().message);
      return std::nullopt;
    }
    if (!VectorShape::supports(*type)) {
      diagnostics_.error(value.at, "column-type",
                         fmt::format("a table can't have a column of type {}", type->to_sql()));
      return std::nullopt;
    }
    return std::move(*type);
  }

  void take_key() {
    const auto names = fields_.names("key");
    if (names.empty() && fields_.find("key") != nullptr) {
      diagnostics_.error(fields_.at("key"), "missing-key",
                         "the key has no columns; name those that identify a row");
    }
    if (table_.schema.size() == 0) return;
    for (const Node* name : names) {
      const auto index =
          scope_.column(*name, table_.schema, fmt::format("the table \"{}\"", table_.name));
      if (!index) continue;
      if (std::ranges::find(table_.key, *index) != table_.key.end()) {
        diagnostics_.error(
            name->at, "duplicate-column",
            fmt::format("\"{}\" stands in the key twice; name it once", name->shown()));
        continue;
      }
      if (table_.schema[*index].type.is_nested()) {
        diagnostics_.error(name->at, "column-type",
                           fmt::format("\"{}\" is {}, and a key is made of plain values",
                                       name->shown(), table_.schema[*index].type.to_sql()));
        continue;
      }
      table_.key.push_back(*index);
    }
  }

  void take_bounds() {
    table_.rows_per_key_max = bound(fields_, "rows_per_key");
    const Node* cache = fields_.find("cache");
    const Node nothing = empty_mapping();
    const Fields bounds(cache == nullptr ? nothing : *cache, section("table.cache"), diagnostics_);
    table_.cache.rows_max = bound(bounds, "rows");
    table_.cache.bytes_max = bound(bounds, "size");
    table_.cache.found_ms = bounds.number("for").value_or(0);
    table_.cache.missing_ms = bounds.number("missing_for").value_or(0);
  }

  static std::size_t bound(const Fields& fields, std::string_view key) {
    return static_cast<std::size_t>(fields.number(key).value_or(0));
  }

  Node empty_mapping() const {
    Node node;
    node.kind = Node::Kind::mapping;
    node.at = fields_.at();
    return node;
  }

  Scope& scope_;
  Diagnostics& diagnostics_;
  Fields fields_;
  TableNode table_;
};

}  // namespace

void check_table(Scope& scope, const Declaration& declaration) {
  TableChecker(scope, declaration).run();
}

}  // namespace leat::pipeline

#include "case_pipeline.h"

#include <nlohmann/json.hpp>

#include "connector/file_sink/spec.h"
#include "connector/file_table/spec.h"
#include "pipeline/format_specs.h"

namespace leat::proof {
namespace {

std::string in_quotes(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '$' ? "$$" : std::string(1, c);
  return nlohmann::json(escaped).dump();
}

std::string entry_of(const Relation& relation) {
  std::string entry;
  if (relation.kind == Relation::Kind::stream) {
    entry = fmt::format("from: {}, columns: {{", topic_of(relation));
    for (std::size_t i = 0; i < relation.columns.size(); ++i) {
      const InputColumn& column = relation.columns[i];
      entry += fmt::format("{}{}: {{type: {}}}", i == 0 ? "" : ", ", in_quotes(column.name),
                           in_quotes(column.type));
    }
    entry += "}";
  } else if (!relation.sql.empty()) {
    const bool view = relation.kind == Relation::Kind::view;
    entry = fmt::format("{}: {}", view ? "query" : "select", in_quotes(relation.sql));
  }
  if (relation.kind == Relation::Kind::table) {
    entry = "file: {path: case.csv}, columns: {";
    for (std::size_t i = 0; i < relation.columns.size(); ++i) {
      entry += fmt::format("{}{}: {}", i == 0 ? "" : ", ", in_quotes(relation.columns[i].name),
                           in_quotes(relation.columns[i].type));
    }
    entry += "}";
  }
  if (!entry.empty() && !relation.settings.empty()) entry += ", ";
  return fmt::format("  {}: {{{}{}}}\n", relation.name, entry, relation.settings);
}

}  // namespace

std::string topic_of(const Relation& stream) { return stream.name + "_records"; }

std::string pipeline_text(const Case& one) {
  std::string topics, macros, tables, streams, views;
  for (const Relation& relation : one.relations) {
    if (relation.kind == Relation::Kind::stream) topics += "  " + topic_of(relation) + ": {}\n";
    if (relation.kind == Relation::Kind::macro) {
      macros += fmt::format("  {}: {}\n", relation.name, in_quotes(relation.sql));
      continue;
    }
    const bool view = relation.kind == Relation::Kind::view;
    const bool table = relation.kind == Relation::Kind::table;
    (table ? tables : view ? views : streams) += entry_of(relation);
  }
  return "pipeline: one\n" + (macros.empty() ? "" : "macros:\n" + macros) + "topics:\n" + topics +
         "tables:\n" + tables + "streams:\n" + streams + "views:\n" + views + entry_of(one.query) +
         (one.sinks.empty() ? "" : "sinks:\n" + one.sinks);
}

std::string record_of(const Relation& stream, const InputRow& row) {
  std::string text = "{";
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    const Cell& cell = row.cells[i];
    const auto type = Type::parse(stream.columns[i].type);
    const bool is_text = type && type->id() == DUCKDB_TYPE_VARCHAR && !type->is_json();
    // What is JSON as it stands stays so: a number must not pass through a double.
    const bool as_it_stands = cell && !is_text && nlohmann::json::accept(*cell);
    text +=
        fmt::format("{}{}: {}", i == 0 ? "" : ", ", nlohmann::json(stream.columns[i].name).dump(),
                    !cell          ? "null"
                    : as_it_stands ? *cell
                                   : nlohmann::json(*cell).dump());
  }
  return text + "}";
}

pipeline::Checked checked(const Case& one, sql::Analyser& analyser) {
  pipeline::Registry registry;
  registry.formats = pipeline::format_specs();
  registry.tables = {connector::file_table_spec()};
  registry.sinks = {connector::file_sink_spec()};
  pipeline::Environment environment;
  environment.variable = [](const std::string&) { return std::nullopt; };
  environment.file = [](const std::string& path) -> Result<std::string> {
    return user_error("file-reference", "a case reads no files: {}", path);
  };
  return pipeline::check_texts({{"case.yaml", pipeline_text(one)}}, registry, analyser,
                               environment);
}

}  // namespace leat::proof

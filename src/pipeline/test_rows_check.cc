#include "pipeline/test_rows_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/node_json.h"
#include "pipeline/typed_rows.h"

namespace leat::pipeline {
namespace {

bool has_form(const Column& column) {
  std::vector<RowFault> none;
  return read_rows(Schema({column}), {}, none).has_value();
}

/// What is wrong with a value, without what only holds for columns of a stream over a topic: the
/// place in the record, and what the column may allow.
std::string_view reason_of(const RowFault& fault) {
  std::string_view reason = fault.reason;
  for (const std::string_view more : {", at byte ", " (numbers given as text"}) {
    reason = reason.substr(0, reason.rfind(more));
  }
  return reason;
}

/// Reads the rows of one list.
class RowsChecker {
 public:
  RowsChecker(Scope& scope, const Schema& schema, std::string_view relation)
      : scope_(scope), diagnostics_(scope.diagnostics), schema_(schema), relation_(relation) {}

  std::vector<TestRow> read(const Node& rows) {
    for (const Node& item : rows.items) {
      if (item.faulty) continue;
      if (item.is_mapping()) {
        take_row(item);
      } else {
        report_shape(diagnostics_, item, fmt::format("a row of {}", relation_),
                     "its columns, as {name: value}");
      }
    }
    check_types();
    std::vector<TestRow> out;
    for (Row& row : rows_) {
      TestRow& read = out.emplace_back();
      read.at = row.at;
      read.columns = std::move(row.columns);
      read.json = json_of(row.values, read.columns);
    }
    return out;
  }

 private:
  struct Row {
    Location at;
    std::vector<std::size_t> columns;
    std::vector<std::string> values;  // as JSON
    std::vector<const Node*> nodes;
  };

  void take_row(const Node& item) {
    Row row;
    row.at = item.at;
    for (const auto& [key, value] : item.entries) {
      const auto column = scope_.column(key, schema_, relation_);
      if (!column || value.faulty) continue;
      if (std::ranges::find(row.columns, *column) != row.columns.end()) {
        diagnostics_.error(key.at, "duplicate-column",
                           fmt::format("the row has \"{}\" twice; SQL compares names without case: "
                                       "name it once",
                                       key.shown()));
        continue;
      }
      if (!check_form(key, *column)) continue;
      row.columns.push_back(*column);
      row.values.push_back(json_text_of(value));
      row.nodes.push_back(&value);
    }
    rows_.push_back(std::move(row));
  }

  bool check_form(const Node& key, std::size_t column) {
    if (formless_.contains(column)) return false;
    if (readable_.contains(column)) return true;
    if (has_form(schema_[column])) {
      readable_.insert(column);
      return true;
    }
    formless_.insert(column);
    diagnostics_.error(key.at, "test-value",
                       fmt::format("\"{}\" is of type {}, whose values a test has no form for; "
                                   "leave it out, or compare it CAST to TEXT in a view of the "
                                   "pipeline",
                                   key.shown(), schema_[column].type.to_sql()));
    return false;
  }

  std::string json_of(const std::vector<std::string>& values,
                      const std::vector<std::size_t>& columns) const {
    std::string out = "{";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) out += ',';
      out += json_string_of(schema_[columns[i]].name) + ":" + values[i];
    }
    return out + "}";
  }

  /// Decoding tells a row's first fault: that value is taken out and the row read again.
  void check_types() {
    std::vector<Column> columns;
    for (const std::size_t column : readable_) columns.push_back(schema_[column]);
    const Schema read(std::move(columns));
    for (bool again = !rows_.empty() && read.size() > 0; again;) {
      std::vector<std::string> texts;
      for (const Row& row : rows_) texts.push_back(json_of(row.values, row.columns));
      std::vector<RowFault> faults;
      if (!read_rows(read, texts, faults)) return;
      again = false;
      for (const RowFault& fault : faults) again |= report(rows_[fault.row], fault);
    }
  }

  /// True: the row can be read without the value.
  bool report(Row& row, const RowFault& fault) {
    const auto index = schema_.find(fault.column);
    const auto found = index ? std::ranges::find(row.columns, *index) : row.columns.end();
    const bool known = found != row.columns.end();
    const auto place = static_cast<std::size_t>(found - row.columns.begin());
    if (known) hide_parts(*row.nodes[place], diagnostics_);
    diagnostics_.error(
        known ? row.nodes[place]->at : row.at, "test-value",
        fmt::format("{} of {}: {}; write {}", known ? fmt::format("\"{}\"", fault.column) : "a row",
                    relation_, printable(reason_of(fault), 500),
                    known ? "a value of type " + schema_[*index].type.to_sql()
                          : "its columns, as {name: value}"));
    if (known) row.values[place] = "null";
    return known;
  }

  Scope& scope_;
  Diagnostics& diagnostics_;
  const Schema& schema_;
  const std::string_view relation_;
  std::vector<Row> rows_;
  std::set<std::size_t> readable_, formless_;  // columns that rows name
};

}  // namespace

std::vector<TestRow> check_rows(Scope& scope, const Node& rows, const Schema& schema,
                                std::string_view relation) {
  return RowsChecker(scope, schema, relation).read(rows);
}

bool check_row_columns(Scope& scope, const Node& name, const StreamNode& stream) {
  for (const Column& column : stream.schema) {
    if (has_form(column)) continue;
    scope.diagnostics.error(
        name.at, "test-given",
        fmt::format("the stream \"{}\" can't be given rows, as records have no form for its column "
                    "\"{}\" of type {}; give records to its topic",
                    stream.name, column.name, column.type.to_sql()));
    return false;
  }
  return true;
}

}  // namespace leat::pipeline

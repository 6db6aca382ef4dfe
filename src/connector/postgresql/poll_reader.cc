#include "connector/postgresql/poll_reader.h"

#include <optional>

#include <nlohmann/json.hpp>

namespace leat::connector::postgresql {
namespace {

using nlohmann::json;

Result<std::optional<std::vector<std::string>>> last_key(RecordOutput& output,
                                                         const std::string& column) try {
  const auto stored = LEAT_TRY(output.writer().position());
  if (!stored) return std::nullopt;
  const json position = json::parse(*stored);
  if (position.value("column", "") != column) return std::nullopt;
  return position.at("last").get<std::vector<std::string>>();
} catch (const json::exception& fault) {
  return external_error("position-malformed", "the stored position can't be read: {}",
                        fault.what());
}

std::string query(Connection& session, const SourceTable& table, const PollPlan& plan,
                  const std::optional<std::vector<std::string>>& last) {
  const std::string& column = table.key.front().quoted;
  std::string sql = fmt::format("SELECT {} FROM {} WHERE {} IS NOT NULL", table.column_list(),
                                table.quoted, column);
  if (last) sql += " AND " + table.after_key(session, *last);
  if (plan.delay_ms > 0) {
    sql += fmt::format(" AND {} <= now() - interval '{} milliseconds'", column, plan.delay_ms);
  }
  return sql + fmt::format(" ORDER BY {} LIMIT {}", table.order(), plan.rows_max);
}

}  // namespace

Status poll(Connection& session, SourceTable table, const PollPlan& plan, ChangeRecords::Form form,
            RecordOutput& output) {
  LEAT_TRY(table.order_by(plan.column));
  std::optional<std::vector<std::string>> last = LEAT_TRY(last_key(output, plan.column));
  ChangeRecords records(form);
  while (true) {
    output.status().set_state("reading");
    const std::vector<Rows> found =
        LEAT_TRY(session.run(query(session, table, plan, last), output.stop()));
    const Rows& rows = found.back();
    Tuple row(rows.column_count());
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (std::size_t c = 0; c < row.size(); ++c) {
        const auto text = rows.text(r, c);
        row[c] = {text ? TupleValue::Kind::text : TupleValue::Kind::null, text.value_or("")};
      }
      records.add_row('r', table.relation, row, nullptr, {}, {});
    }
    if (rows.size() > 0) {
      last = table.key_of(row);
      LEAT_TRY(output.append(records, json{{"column", plan.column}, {"last", *last}}.dump()));
    }
    output.status().set_error("");
    if (rows.size() == static_cast<std::size_t>(plan.rows_max)) continue;
    output.status().set_state("waiting");
    if (!wait_for(plan.every_ms, output.stop())) return external_error("stopped", "stopped");
  }
}

}  // namespace leat::connector::postgresql

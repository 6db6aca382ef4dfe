// The part of ChangeReader that reads tables as they are.
#include <charconv>

#include "connector/postgresql/change_reader.h"

namespace leat::connector::postgresql {
namespace {

constexpr int fetched_rows = 2000;
constexpr std::int64_t look_again_ms = 50;

}  // namespace

/// A transaction that was under way when the slot, or the table's part in the publication, was made
/// is told by neither the slot nor a snapshot that is taken before it ends.
Status ChangeReader::wait_until_all_is_visible() {
  const auto next =
      LEAT_TRY(session_.run("SELECT pg_snapshot_xmax(pg_current_snapshot())", output_.stop()));
  const std::string ended = fmt::format(
      "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= '{}'::xid8", next.back().string(0, 0));
  while (true) {
    const auto all = LEAT_TRY(session_.run(ended, output_.stop()));
    if (all.back().string(0, 0) == "t") return {};
    output_.status().set_state("waiting for older transactions");
    if (!wait_for(look_again_ms, output_.stop())) return external_error("stopped", "stopped");
  }
}

Status ChangeReader::read_tables() {
  bool all_whole = true;
  for (const SourceTable& table : tables_) {
    all_whole = all_whole && position_.tables[table.shown].is_whole;
  }
  if (all_whole) return {};
  LEAT_TRY(wait_until_all_is_visible());
  output_.status().set_state("snapshot");
  const std::vector<Rows> begun =
      LEAT_TRY(session_.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
                            "SELECT pg_current_snapshot(), pg_current_wal_insert_lsn()",
                            output_.stop()));
  const Visibility visibility = LEAT_TRY(Visibility::parse(begun.back().string(0, 0)));
  const Lsn until = parse_lsn(begun.back().string(0, 1)).value_or(0);
  for (const SourceTable& table : tables_) {
    if (position_.tables[table.shown].is_whole) continue;
    LEAT_TRY(read_table(table, visibility, until));
  }
  LEAT_TRY(session_.run("COMMIT", output_.stop()));
  return {};
}

Status ChangeReader::read_table(const SourceTable& table, const Visibility& visibility, Lsn until) {
  TablePosition& at = position_.tables[table.shown];
  at.runs.push_back({visibility, until, at.last});
  std::string sql = fmt::format("DECLARE leat_rows NO SCROLL CURSOR FOR SELECT {} FROM {}",
                                table.column_list(), table.quoted);
  if (at.last) sql += " WHERE " + table.after_key(session_, *at.last);
  LEAT_TRY(session_.run(sql + " ORDER BY " + table.order(), output_.stop()));
  LEAT_TRY(read_rows(table, at));
  LEAT_TRY(session_.run("CLOSE leat_rows", output_.stop()));
  at.is_whole = true;
  at.last.reset();
  return {};
}

Status ChangeReader::read_rows(const SourceTable& table, TablePosition& at) {
  const std::string fetch = fmt::format("FETCH FORWARD {} FROM leat_rows", fetched_rows);
  while (true) {
    const std::vector<Rows> fetched = LEAT_TRY(session_.run(fetch, output_.stop()));
    const Rows& rows = fetched.back();
    if (rows.size() == 0) return {};
    Tuple row(rows.column_count());
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (std::size_t c = 0; c < row.size(); ++c) {
        const auto text = rows.text(r, c);
        row[c].kind = text ? TupleValue::Kind::text : TupleValue::Kind::null;
        row[c].text = text.value_or("");
      }
      records_.add_row('r', table.relation, row, nullptr, {}, {.lsn = position_.lsn});
    }
    at.last = table.key_of(row);
    LEAT_TRY(output_.append(records_, position_.text()));
  }
}

}  // namespace leat::connector::postgresql

#pragma once

#include <string>
#include <vector>

#include "operator/law_bench.h"

namespace leat::op {

/// A join of RandomInput with itself, as tests say it: SELECT lists and conditions over `input`.
struct JoinCase {
  struct Side {
    std::string keys;  ///< empty: none
    std::string columns;
    std::string where = "true";
  };
  Side left;
  Side right;
  std::string condition;  ///< over l0, l1, … and r0, r1, …; empty: none
  std::optional<sql::JoinQuery::TimeBound> bound;
  std::optional<sql::JoinQuery::AsOf> asof = {};  ///< the last of the keys is no equality
};

inline constexpr sql::JoinQuery::Kind join_kinds[] = {
    sql::JoinQuery::Kind::inner, sql::JoinQuery::Kind::left, sql::JoinQuery::Kind::right,
    sql::JoinQuery::Kind::full,  sql::JoinQuery::Kind::semi, sql::JoinQuery::Kind::anti};

/// The query as the view gets it.
sql::JoinQuery join_query(const JoinCase& join, sql::JoinQuery::Kind kind, bool taken_back);
/// The query as DuckDB is asked it, over a table of this name.
std::string join_text(const JoinCase& join, sql::JoinQuery::Kind kind, const std::string& table);
ViewBench::Make make_join(const JoinView& view);
inline ViewBench::Make make_join(const sql::JoinQuery& query) {
  return make_join(JoinView{{}, query});
}

struct TriedJoin {
  std::string name;
  JoinCase join;
  sql::JoinQuery::Kind kind;
};
/// Takes the joins through epochs, commits and losses of power. After each epoch the sum of what
/// one gave out must be what DuckDB answers over the sum of its inputs.
void hold_the_law(sql::Database& database, const std::vector<TriedJoin>& joins, std::uint64_t seed,
                  bool taken_back, Setting setting, int epochs);

/// Which of the input's rows a join took that closes by their column ts, as DuckDB says it: table
/// `taken`.
class TakenRows {
 public:
  /// Rows are late that the watermark has passed by more than this.
  TakenRows(RandomInput& input, std::int64_t reach_us);
  /// The input has moved on, when the watermark had come so far. Gives the number of late changes.
  std::size_t note_changes(EventTimeUs watermark);

 private:
  RandomInput& input_;
  const std::int64_t reach_us_;
};

/// One view of a bench that closes by the input's column ts, which lies in the ten minutes from
/// 2026-01-01T00:00:00Z.
struct ClosingLife {
  RandomInput& input;
  TakenRows& taken;
  ViewBench& bench;
  std::mt19937_64& random;
  std::vector<EventTimeUs> watermarks = {};  ///< of each epoch

  /// Goes through epochs, of half a minute of event time each, commits and losses of what was not
  /// committed; in the last one the input `ends`, if it does. `check` is called after each with how
  /// many rows the view found late, and how many were. Gives the latter's sum.
  std::size_t live(int epochs, bool ends,
                   const std::function<void(std::size_t found, std::size_t late)>& check);
};

/// The rows' bytes, sorted.
std::vector<std::string> row_bytes(const Schema& schema, const std::vector<Chunk>& chunks);

}  // namespace leat::op

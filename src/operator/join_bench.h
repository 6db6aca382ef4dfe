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
};

inline constexpr sql::JoinQuery::Kind join_kinds[] = {
    sql::JoinQuery::Kind::inner, sql::JoinQuery::Kind::left, sql::JoinQuery::Kind::right,
    sql::JoinQuery::Kind::full,  sql::JoinQuery::Kind::semi, sql::JoinQuery::Kind::anti};

/// The query as the view gets it.
sql::JoinQuery join_query(const JoinCase& join, sql::JoinQuery::Kind kind, bool taken_back);
/// The query as DuckDB is asked it, over a table of this name.
std::string join_text(const JoinCase& join, sql::JoinQuery::Kind kind, const std::string& table);
ViewBench::Make make_join(const sql::JoinQuery& query);

/// The rows' bytes, sorted.
std::vector<std::string> row_bytes(const Schema& schema, const std::vector<Chunk>& chunks);

}  // namespace leat::op

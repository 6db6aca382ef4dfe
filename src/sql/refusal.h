#pragma once

#include "sql/binding.h"

namespace leat::sql {

/// Whether a query may say now(): it is about rows that each came at a time.
enum class Now : bool { refused, allowed };
/// Refuses, anywhere in the query: subqueries, window functions, parameters, volatile functions
/// (`not-deterministic`: a replay would give other rows) and names that begin with `__leat_` and
/// are none of the columns. `columns`: names that are columns, not words like current_date. `code`
/// is for what is merely not possible in this place, which `place` names: "a stream's query".
Analysed<void> refuse_unreplayable(const Node& query, const Schema& columns,
                                   const FunctionCatalog& functions, std::string_view code,
                                   std::string_view place, Now now = Now::refused);

/// Whether a stream or view can keep this type: not ENUM, UNION or a struct without names.
bool can_be_kept(const Type& type);

/// Types whose values KeyCodec and DuckDB put in the same order, NULLs inside of them apart.
bool can_be_ranked(const Type& type);

/// The first aggregate call at or below the node, or null.
const Node* find_aggregate(const Node& node, const FunctionCatalog& functions);

/// Refuses what a query over rows one by one or over groups can't have: ORDER BY, LIMIT, DISTINCT,
/// QUALIFY, SAMPLE, WITH, set operations, and joins where they are not looked at later.
enum class Joins : bool { refused, allowed };
Analysed<void> refuse_clauses(const Node& query, std::string_view code, std::string_view place,
                              Joins joins = Joins::refused);

}  // namespace leat::sql

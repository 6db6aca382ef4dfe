#pragma once

#include "sql/binding.h"

namespace leat::sql {

/// Analyser::row_query.
Analysed<RowQuery> analyse_row_query(Binding& binding, std::string_view sql,
                                     const std::string& input, const Catalog& catalog);

/// Refuses two output columns of one name, names that begin with `__leat_`, and types that no
/// stream or view can keep.
Analysed<void> refuse_output(const Schema& output);

/// The FROM of a query over `__leat_input()` alone, under the name `alias`.
Analysed<Node> from_input(Binding& binding, const std::string& alias);

/// The column of `schema` that an expression is as it stands: `column`, or `alias.column`.
std::optional<std::size_t> column_meant(const Node& expression, const std::string& alias,
                                        const Schema& schema);

/// Which of the columns the expressions in `query` look at; `alias` is the table's name in it.
std::vector<bool> columns_read(const Node& query, const Schema& schema, const std::string& alias);

/// Whether values of this type lie in a vector alone, so that passing them on is copying bytes.
bool is_passable(const Type& type);

/// The relation of this name, or an `unknown-table` fault at `position`.
Analysed<const Relation*> find_relation(const Catalog& catalog, const std::string& name,
                                        std::size_t position);

}  // namespace leat::sql

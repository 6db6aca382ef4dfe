#pragma once

#include "sql/binding.h"

namespace leat::sql {

/// Analyser::free_query.
Analysed<Analyser::FreeQuery> analyse_free_query(Binding& binding, std::string_view sql,
                                                 const Catalog& catalog);

/// The relations that a query reads, as the catalog spells them, in order of first mention.
/// Refuses everything that reaches beyond them: other tables (`unknown-table`), table functions
/// that read from outside or tell of the engine (`not-allowed`), parameters.
Analysed<std::vector<std::string>> relations_read(const Node& query, const Catalog& catalog);

}  // namespace leat::sql

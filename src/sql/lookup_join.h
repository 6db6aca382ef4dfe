#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sql/binding.h"

namespace leat::sql {

/// A stream's FROM that joins its rows with tables, taken apart.
struct LookupJoins {
  std::string input_alias;
  std::vector<Lookup> lookups;  ///< in the order of FROM
  LookupKeys keys;
  /// The same FROM over `__leat_input()` and `__leat_lookup('…')`.
  Node from;
  /// Columns of the stream that USING names.
  std::vector<std::string> used;

  /// The same where each row of the stream has one row or none of each lookup, which lies beside
  /// it: no join is left.
  struct Beside {
    Node from;
    std::vector<Node> conditions;  ///< of WHERE and of the joins, in the order to ask them
    /// By lookup: whether the query sees its columns; those of SEMI and ANTI JOIN it does not.
    std::vector<bool> seen;
    /// Whether conditions about the stream alone and Lookup::wanted are all of `conditions`.
    bool only_wanted = false;
  };
  std::optional<Beside> beside;  ///< nothing: the joins can't be said so
};

/// `query`: a SELECT whose FROM is a JOIN and that binds as it is written. Every join must be one
/// that the rows of single keys answer: JOIN, LEFT, SEMI or ANTI JOIN of the stream with a table or
/// view, with an equality for each column of the table's key, and for any column of a view.
/// Anything else is the fault `lookup-join`, with the remedy.
Analysed<LookupJoins> read_lookup_joins(Binding& binding, const Node& query,
                                        const std::string& input, const Catalog& catalog);

/// The stream and the tables and views that a FROM with joins names, in its order; a fault where it
/// names something else, in a way that nobody can look up.
struct JoinedNames {
  std::string input_alias;
  struct Table {
    std::string alias;
    const Relation* relation = nullptr;
    std::vector<std::size_t> key = {};  ///< the table's, or the columns of a view that ON is about
    std::string name;
    const Node* join = nullptr;  ///< the JOIN that it is the right side of
    std::size_t position = 0;
  };
  std::vector<Table> tables;
};
Analysed<JoinedNames> joined_names(const Node& from, const std::string& input,
                                   const Catalog& catalog);

}  // namespace leat::sql

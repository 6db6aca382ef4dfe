#pragma once

#include "sql/binding.h"
#include "sql/came.h"

namespace leat::sql {

/// Whether an expression is a function or word that says the time now: now(), current_date, ….
/// `columns` are those that a word may name instead.
bool says_now(const Node& expression, const Schema& columns);
/// Puts what it means of the column `came_column` of the table `alias` (empty: unqualified) in the
/// place of all that says the time now below the node, dates and times of day in UTC. True: there
/// was some.
Analysed<bool> replace_now(Binding& binding, Node& node, const Schema& columns,
                           const std::string& alias = "");
/// Gives an item of SELECT that has no alias the name that its column has.
Analysed<void> name_item(Binding& binding, Node& item);

}  // namespace leat::sql

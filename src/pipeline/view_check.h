#pragma once

#include "pipeline/scope.h"

namespace leat::pipeline {

/// Checks an entry of `views:` whose inputs have been checked, and adds it to the graph and the
/// catalog if it has no fault.
void check_view(Scope& scope, const Declaration& declaration);

/// How long a view's state lives, for people: "one row per distinct id, for ever".
std::string state_bound(const ViewNode& view, const Schema& input);
/// The windows of a query: "1h", "1h each 5m", "up to 1d in steps of 1h".
std::string window_text(const sql::Window& window);
/// Whether its state grows without end as long as new keys or windows come.
bool grows_for_ever(const ViewNode& view);

}  // namespace leat::pipeline

#pragma once

#include <string>

#include "pipeline/graph.h"

namespace leat::pipeline {

/// How long a view's state lives, for people: "one row per distinct id, for ever".
std::string state_bound(const ViewNode& view, const Schema& input);
/// The windows of a query: "1h", "1h each 5m", "up to 1d in steps of 1h".
std::string window_text(const sql::Window& window);
/// Whether its last step only hands the groups of a GROUP BY on, as it watches their key.
bool groups_handed_on(const ViewNode& view);
/// Whether its state grows without end as long as new keys or windows come.
bool grows_for_ever(const ViewNode& view);
bool grows_for_ever(const ViewPart& part);
/// Whether it is a join of streams or window functions that go on with event time, whose ttl says
/// how far rows look.
bool goes_by_time(const ViewPart& part);
/// Whether it joins streams, all rows of which are kept.
bool joins_streams(const ViewNode& view);
/// Whether it has window functions that would bound what they keep with `emit: on_close`.
bool could_close(const ViewNode& view);
/// Whether nothing of it grows without end but its rows, which need not be kept.
bool only_its_rows_grow(const ViewNode& view);
/// Whether it keeps something of windows for ever that `retain` would bound.
bool keeps_windows(const ViewNode& view);

}  // namespace leat::pipeline

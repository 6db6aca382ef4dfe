#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/schema.h"
#include "sql/query.h"

namespace leat::op {

/// A group or key that nothing has touched for this long leaves its view.
struct TimeToLive {
  enum class By { event_time, processing_time };
  By by = By::processing_time;
  std::int64_t length_us = 0;
  std::size_t time_column = 0;  ///< of the input; by event time
  std::int64_t behind_us = 0;   ///< so far behind the watermark that may be
};

/// The newest row per key.
struct LatestView {
  std::vector<std::size_t> key;  ///< indices in the input's schema; must be distinct and not empty
  std::optional<std::size_t>
      version;  ///< newest by this column (an equal one replaces); nothing: by order of arrival
  std::string deletes;  ///< SQL over __leat_input() from sql::Analyser::predicate: such a row
                        ///< removes the key; empty: none
  std::optional<TimeToLive> ttl;
};

/// When rows of a view over windows leave it.
enum class Emit {
  on_update,  ///< at every epoch that changes them
  on_close,   ///< once, when the watermark has passed the window's end; rows that come after that
              ///< are late
  early,      ///< at every epoch that changes them, until the watermark has passed the window's end
};

/// What becomes of a row whose window has closed.
enum class Late {
  dead_letters,  ///< it is refused, with its reason
  drop,          ///< it is refused and only counted
  update,        ///< for a while it still changes its window; after that it is refused
};

/// What a view does with windows, where its rows are of some.
struct WindowRules {
  Emit emit = Emit::on_update;
  /// Windows that closed longer ago than this in event time are forgotten; rows for them are late.
  /// Nothing: kept for ever.
  std::optional<std::int64_t> retain_us;
  Late late = Late::dead_letters;
  /// With Late::update: for how long in event time a window that was given out takes rows. Not
  /// longer than `retain_us`.
  std::int64_t allowed_lateness_us = 0;

  /// Windows come to an end, and what is kept of them.
  bool end_windows() const { return emit != Emit::on_update || retain_us.has_value(); }
  /// For how long after a window's end its rows may change. Only where windows end.
  std::int64_t open_for_us() const {
    return emit == Emit::on_update ? *retain_us : allowed_lateness_us;
  }
};

/// What the checked pipeline file says of one view, without its name.
struct AggregateView : WindowRules {
  sql::AggregateQuery query;
  std::optional<TimeToLive> ttl;  ///< only with keys, without windows, and over rows that stay
};

/// Rows one by one: projection, WHERE, scalar functions, UNNEST; of several inputs put together
/// (UNION ALL) where there are several.
struct SelectView {
  std::vector<sql::ViewInput> inputs;  ///< `sql` yields the output columns
  Schema output;
  /// Its rows can be asked for. Else only their changes pass through it, and it keeps nothing.
  bool kept = true;
  /// Sinks and followers may take its changes, and look at them for longer than the texts of what
  /// it read stay.
  bool shown = true;
  /// Rows of windows that ended longer ago than this leave without a change; only where it is kept,
  /// and the output has `window_key`.
  std::optional<std::int64_t> retain_us;
  std::optional<sql::WindowKey> window_key;
  /// Changes are held back until this long after those before, or until their window has ended;
  /// only where it is kept.
  std::optional<std::int64_t> pace_us;
  /// Those of windows that have ended leave with them. Not of sessions: rows of one take the place
  /// of another's, and both leave together.
  bool ends_leave = true;
  /// Columns of the output that no two rows may have the same values in: else the merge ends with
  /// `key-not-unique` (user). Only where it is kept; empty: there are none.
  std::vector<std::size_t> unique;
};

/// A join of two inputs on equality of keys: JoinQuery says how.
struct JoinView : WindowRules {
  sql::JoinQuery query;
  /// By event time, of an ASOF join that closes: a right row that is this much older than a left
  /// row does not match it, and is forgotten when none can come any more that it could.
  std::optional<TimeToLive> ttl;
};

/// A query that is computed anew for each key whose rows have changed: KeyedQuery says how.
struct KeyedView : WindowRules {
  sql::KeyedQuery query;
  /// By event time, of `frames` that close: rows of a key between which this much time or more lies
  /// without one do not look at each other, and running totals begin anew.
  std::optional<TimeToLive> ttl;
};

using ViewDefinition = std::variant<LatestView, AggregateView, SelectView, JoinView, KeyedView>;

}  // namespace leat::op

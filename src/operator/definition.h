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

/// When an aggregate's rows leave it.
enum class Emit {
  on_update,  ///< at every epoch that changes them
  on_close,   ///< once, when the watermark has passed the window's end; rows that come after that
              ///< are late
};

/// What becomes of a row whose window has closed.
enum class Late {
  dead_letters,  ///< it is refused, with its reason
  drop,          ///< it is refused and only counted
  update,        ///< for a while it still changes its window; after that it is refused
};

/// What the checked pipeline file says of one view, without its name.
struct AggregateView {
  sql::AggregateQuery query;
  Emit emit = Emit::on_update;
  /// Windows that closed longer ago than this in event time are forgotten; rows for them are late.
  /// Nothing: kept for ever.
  std::optional<std::int64_t> retain_us;
  Late late = Late::dead_letters;
  /// With Late::update: for how long in event time a window that was given out takes rows. Not
  /// longer than `retain_us`.
  std::int64_t allowed_lateness_us = 0;
  std::optional<TimeToLive> ttl;  ///< only with keys, without windows, and over rows that stay
};

/// Rows one by one: projection, WHERE, scalar functions, UNNEST; of several inputs put together
/// (UNION ALL) where there are several.
struct SelectView {
  std::vector<sql::ViewInput> inputs;  ///< `sql` yields the output columns
  Schema output;
  /// Its rows can be asked for. Else only their changes pass through it, and it keeps nothing.
  bool kept = true;
};

/// A join of two inputs on equality of keys: JoinQuery says how.
struct JoinView {
  sql::JoinQuery query;
};

/// A query that is computed anew for each key whose rows have changed: KeyedQuery says how.
struct KeyedView {
  sql::KeyedQuery query;
  Emit emit = Emit::on_update;            ///< on_close: only with sessions
  std::optional<std::int64_t> retain_us;  ///< only with sessions; as in AggregateView
  Late late = Late::dead_letters;         ///< only with sessions; never Late::update
};

using ViewDefinition = std::variant<LatestView, AggregateView, SelectView, JoinView, KeyedView>;

}  // namespace leat::op

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/schema.h"
#include "sql/query.h"

namespace leat::op {

/// The newest row per key.
struct LatestView {
  std::vector<std::size_t> key;  ///< indices in the input's schema; must be distinct and not empty
  std::optional<std::size_t>
      version;  ///< newest by this column (an equal one replaces); nothing: by order of arrival
  std::string deletes;  ///< SQL over __leat_input() from sql::Analyser::predicate: such a row
                        ///< removes the key; empty: none
};

/// When an aggregate's rows leave it.
enum class Emit {
  on_update,  ///< at every epoch that changes them
  on_close,   ///< once, when the watermark has passed the window's end; rows that come after that
              ///< are late
};

/// What the checked pipeline file says of one view, without its name.
struct AggregateView {
  sql::AggregateQuery query;
  Emit emit = Emit::on_update;
  /// Windows that closed longer ago than this in event time are forgotten; rows for them are late.
  /// Nothing: kept for ever.
  std::optional<std::int64_t> retain_us;
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
};

using ViewDefinition = std::variant<LatestView, AggregateView, SelectView, JoinView, KeyedView>;

}  // namespace leat::op

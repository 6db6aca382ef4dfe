#pragma once

#include <cstdint>
#include <optional>
#include <string>
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

}  // namespace leat::op

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace leat::connector::mongodb {

/// An index as a pipeline file words it: "country", "country, -registered", "email unique",
/// "place:2dsphere".
struct IndexPlan {
  struct Field {
    std::string name;
    int direction = 1;  ///< 1 or -1
    std::string kind;   ///< "2dsphere", "hashed", "text"…; empty: sorted in `direction`
  };
  std::vector<Field> fields;
  bool unique = false;
  bool sparse = false;

  /// The name that MongoDB gives such an index.
  std::string name() const;
};

/// Error `bad-index` (user).
Result<IndexPlan> read_index_plan(std::string_view text);

}  // namespace leat::connector::mongodb

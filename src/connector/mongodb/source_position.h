#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "connector/mongodb/handles.h"

namespace leat::connector::mongodb {

/// Where a source goes on: in the collection itself (the snapshot), or in the stream of changes.
/// As text it is extended JSON:
/// `{"start": <timestamp>}`: changes from this point of the oplog on;
/// `{"start": …, "snapshot": {"collection": <name>, "after": <_id>}}`: documents behind this one
/// first (either may be missing: from the beginning);
/// `{"token": {…}}`: changes behind this resume token.
struct SourcePosition {
  std::uint32_t start_seconds = 0, start_count = 0;
  bool in_snapshot = false;
  std::string collection;  ///< of the snapshot; empty: the first
  std::string after;       ///< element `_id` of the newest document of the snapshot; empty: none
  std::string token;       ///< a resume token's document; empty: none

  std::string to_text() const;
  /// Error `mongodb-position` (user): the text is none.
  static Result<SourcePosition> from_text(std::string_view text);
};

}  // namespace leat::connector::mongodb

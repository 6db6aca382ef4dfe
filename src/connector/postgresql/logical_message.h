// The messages of logical replication as the plug-in pgoutput writes them, protocol version 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace leat::connector::postgresql {

/// A place in the server's log of changes; rises.
using Lsn = std::uint64_t;

/// "16/B374D848"
std::string lsn_text(Lsn lsn);
std::optional<Lsn> parse_lsn(std::string_view text);

/// A value of a row as text, in the server's own form.
struct TupleValue {
  enum class Kind : std::uint8_t {
    null,
    text,
    unchanged,  ///< large and not changed: it was not sent
  };
  Kind kind = Kind::null;
  std::string_view text;
};
using Tuple = std::vector<TupleValue>;

struct RelationColumn {
  std::string name;
  std::uint32_t type = 0;  ///< the type's oid
  bool is_key = false;     ///< of the replica identity
  bool operator==(const RelationColumn&) const = default;
};

struct BeginMessage {
  Lsn commit_lsn = 0;
  std::int64_t commit_us = 0;  ///< since 2000
  std::uint32_t transaction = 0;
};
struct CommitMessage {
  Lsn end_lsn = 0;  ///< where the next one begins
};
/// What the next changes of a table look like: before its first one, and when it was altered.
struct RelationMessage {
  std::uint32_t relation = 0;
  std::string schema, name;
  std::vector<RelationColumn> columns;
};
struct ChangeMessage {
  enum class Kind : std::uint8_t { insert, update, remove };
  Kind kind = Kind::insert;
  std::uint32_t relation = 0;
  std::optional<Tuple> old_row;  ///< the key alone, or with REPLICA IDENTITY FULL all of it
  bool old_is_whole = false;
  Tuple row;  ///< empty: removed
};
struct TruncateMessage {
  std::vector<std::uint32_t> relations;
};
struct OtherMessage {};  ///< nothing that a reader of changes needs

using LogicalMessage = std::variant<BeginMessage, CommitMessage, RelationMessage, ChangeMessage,
                                    TruncateMessage, OtherMessage>;

/// Values point into `bytes`. Error `replication-malformed` (external).
Result<LogicalMessage> parse_message(std::string_view bytes);

}  // namespace leat::connector::postgresql

#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/postgresql/connection.h"
#include "connector/postgresql/logical_message.h"
#include "connector/postgresql/table_plan.h"

namespace leat::connector::postgresql {

/// A table as a source reads it. Pure data.
struct SourceTable {
  std::string shown;   ///< "public.users"
  std::string quoted;  ///< as SQL names it
  /// As the changes will describe it: columns that are sent, in their order.
  RelationMessage relation;
  /// Of the primary key, in its order: "id"::bigint takes a value's text.
  struct KeyColumn {
    std::size_t column = 0;  ///< in `relation`
    std::string quoted;
    std::string cast;  ///< `::bigint`, and the column's collation
  };
  std::vector<KeyColumn> key;
  std::vector<std::string> casts;  ///< of all columns

  /// Rows in the order of this column first, of the primary key after it. Error `column-missing`
  /// (user).
  Status order_by(const std::string& column);
  /// Takes over what the server says of the table now: the record's key stays the primary key.
  void describe(const RelationMessage& now);
  std::vector<std::string> key_of(const Tuple& row) const;
  /// `ROW("id") > ROW('7'::bigint)`
  std::string after_key(Connection& connection, const std::vector<std::string>& key) const;
  /// Whether one key comes after another, to be asked of the server.
  std::string is_after(Connection& connection, const std::vector<std::string>& key,
                       const std::vector<std::string>& other) const;
  /// `ROW("id") = ROW(…)`
  std::string is_key(Connection& connection, const std::vector<std::string>& key) const;
  std::string order() const;
  std::string column_list() const;
};

/// Looks the tables up. Errors (user): `table-missing`, `key-missing`, `not-permitted`.
Result<std::vector<SourceTable>> look_up_tables(Connection& connection,
                                                const std::vector<TableName>& names,
                                                const std::stop_token& stop);

/// What the server keeps for a source: which tables it tells of, and how far that was told.
struct Slot {
  std::string name;
  std::string publication;

  /// Makes both where they are missing, and adds tables to the publication. Gives where the slot
  /// begins. Errors (user): `wal-level`, `not-permitted`; `slot-lost` where the server could keep
  /// it no longer; `slot-foreign`: another plug-in's or database's.
  Result<Lsn> make(Connection& connection, const std::vector<SourceTable>& tables,
                   bool may_create_slot, const std::stop_token& stop) const;
  Status drop(Connection& connection, const std::stop_token& stop) const;
  /// What there is of both, in words; changes nothing. Errors: as `make`, so far as that can be
  /// known before.
  Result<std::string> look(Connection& connection, const std::vector<SourceTable>& tables,
                           const std::stop_token& stop) const;

 private:
  /// Whether there is such a slot that can be read on from. Error `slot-foreign` (user).
  enum class Standing : std::uint8_t { missing, usable, lost };
  struct Found {
    Standing standing = Standing::missing;
    Lsn confirmed = 0;
  };
  Result<Found> find(Connection& connection, const std::stop_token& stop) const;
  Status make_publication(Connection& connection, const std::vector<SourceTable>& tables,
                          const std::stop_token& stop) const;
};

}  // namespace leat::connector::postgresql

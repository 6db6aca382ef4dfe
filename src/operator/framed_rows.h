#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "operator/keyed_output.h"
#include "operator/ordered_rows.h"
#include "operator/window_clock.h"
#include "sql/query.h"

namespace leat::op {

/// One shard's rows by key and in their order, each with what a query with `frames` gave of it and
/// what it carries on. Who calls holds the lock of table(). Errors are the store's.
class FramedRows {
 public:
  /// `gap_us`: rows of a key with so much time or more between them, over which none lies, don't
  /// look at each other; nothing: all do.
  FramedRows(state::KeyedShard& table, const sql::KeyedQuery::Frames& frames, StoredRowCount& count,
             std::optional<std::int64_t> gap_us);
  FramedRows(const FramedRows&) = delete;
  FramedRows& operator=(const FramedRows&) = delete;

  static state::TableOptions options_of(state::TableOptions base);
  /// `pinned`: as OrderedRows::place_of().
  static state::KeyedTable::PlaceOf place_of(
      unsigned shards, std::function<bool(const OrderedRows::Row&)> pinned = {});
  static std::size_t record_size();

  state::KeyedShard& table() const { return rows_.table(); }
  OrderedRows::Row row_of(const state::Entry* entry) const { return rows_.row_of(entry); }
  /// All rows of these shards' table that are this one's.
  Status for_each(
      unsigned shard, unsigned shards,
      const std::function<void(const OrderedRows::Row& row, std::string_view place)>& visit) const;
  /// What rows give goes by all rows before them.
  bool runs() const { return !frames_.carried.empty(); }

  /// Rows of one key that stand side by side: keys of entries in [begin, end), an empty end being
  /// the table's.
  struct Extent {
    std::string begin;
    std::string end;
  };
  /// Adds the epoch's rows as often as their weights say, or takes them back. Gives their entries.
  Result<std::span<state::Entry* const>> add(std::span<const OrderedRows::Row> rows);
  /// Which rows may give something else by those that were added last: these, and those that they
  /// are near to. In order.
  Result<std::vector<Extent>> near(std::span<const OrderedRows::Row> added);

  /// Rows to be run through the query, side by side.
  struct Stretch {
    struct Row {
      state::Entry* entry;
      std::string_view bytes;
      std::int64_t weight;
      bool wanted;  ///< what the query gives of it is asked for; else others look at it
    };
    std::vector<Row> rows;
    std::string carried;         ///< by the row before the first; empty where there is none
    bool broken = false;         ///< there is one, of which the query gave nothing
    std::optional<Extent> rest;  ///< what did not fit
  };
  /// The rows of the extent, no more than `rows_max`, and those near them. Of an extent without
  /// rows there are none. Entries stay until the epoch ends.
  Status read(const Extent& extent, std::size_t rows_max, Stretch& stretch);

  /// The two halves of the rows that are wanted, of two or more.
  std::pair<Extent, Extent> halves_of(const Stretch& stretch) const;

  /// What the query gave of a row (by RowCodec, used up) and what it carries on. Error
  /// `too-many-rows` as KeyedOutputWriter.
  Status give(state::Entry* entry, std::vector<std::string_view>& rows, std::string_view carried);
  /// What the query gave of the row has left; it still carries on what it did.
  Status clear(state::Entry* entry) {
    std::vector<std::string_view> none;
    return writer_.replace(entry, none);
  }
  /// The row is there no more.
  void drop(state::Entry* entry) { writer_.end(entry); }

  /// The place of the last row before this one, of the key's.
  Result<state::Entry*> last_before(std::string_view key, std::string_view place) {
    return table().last_entry(key, place, is_there_);
  }
  Result<state::Entry*> first_from(std::string_view key, std::string_view place) {
    return table().first_entry(place, state::end_of_prefix(key), is_there_);
  }
  /// Where the rows begin that lie before one within a number of rows, a time, or its peers.
  Result<std::string> reach_before(const OrderedRows::Row& row, std::string_view at,
                                   std::int64_t rows, std::int64_t us);
  /// The time that a row is ordered by, which rises in the order of rows.
  std::int64_t time_of(std::string_view order) const;
  std::string order_at(std::int64_t time) const;
  /// Of two rows of a key that follow each other.
  bool look_at_each_other(std::int64_t time, std::int64_t next) const {
    return !gap_us_ || add_saturated(time, *gap_us_) > next;
  }

 private:
  /// What stands before OrderedRows' part of a record.
  struct Head {
    KeyedOutput output;
    state::Blob carried;
  };
  struct Change {
    OrderedRows::Row row;
    std::string_view at;  ///< the key of its entry
  };

  Result<std::vector<Extent>> extents_of(std::span<const Change> changes);
  Result<std::string> reach_behind(std::span<const Change>& changes);
  bool begins_anew(const OrderedRows::Row& row, std::optional<std::int64_t>& last_time) const;
  bool is_near(std::string_view order, std::string_view behind, std::int64_t us) const;
  /// Where the row is, or where those begin that are ordered like it.
  std::string place_of(const OrderedRows::Row& row, std::string_view at) const;

  const sql::KeyedQuery::Frames& frames_;
  OrderedRows rows_;
  KeyedOutputWriter writer_;
  StoredRowCount& count_;
  const std::optional<std::int64_t> gap_us_;
  const state::KeyedShard::Wanted is_there_ = [this](const state::Entry* entry) {
    return rows_.row_of(entry).weight > 0;
  };
  std::vector<state::Entry*> entries_;  // scratch space
};

}  // namespace leat::op

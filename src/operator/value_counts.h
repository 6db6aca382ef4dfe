#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/accumulator.h"

namespace leat::op {

/// How often each group has each value: a multiset a group, one detail entry a value.
class ValueCounts {
 public:
  ValueCounts(const AccumulatorSite& site, bool ordered)
      : details_(site.details.add(sizeof(CountedValue), ordered)), lookups_(site.shards) {}

  enum class Turn { none, appeared, disappeared };

  /// Adds the rows' weights to their values, whose bytes `value_of(i, out)` appends; then calls
  /// `each(i, turn)` for every row, in order.
  template <class ValueOf, class Each>
  Status apply(const GroupRows& rows, const ValueOf& value_of, Each&& each) {
    DetailTable::Lookup& lookup = lookups_[rows.shard];
    LEAT_TRY(details_.find_or_create(rows.shard, *rows.table, rows.groups, value_of, lookup));
    state::KeyedShard& table = details_.shard(rows.shard);
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      state::Entry* entry = lookup.entries[i];
      auto& value = *reinterpret_cast<CountedValue*>(
          details_.touch(rows.shard, entry, *rows.table, rows.groups[i]));
      const std::int64_t before = value.count;
      value.count += rows.weight(i);
      const bool is = value.count > 0;
      const Turn turn = (before > 0) == is ? Turn::none : is ? Turn::appeared : Turn::disappeared;
      if (value.count == 0) table.remove(entry);
      each(i, turn);
    }
    return {};
  }

  /// The smallest or greatest value of a group; only where values are ordered.
  Result<std::optional<std::string>> edge(unsigned shard, std::string_view group, bool greatest) {
    state::KeyedShard& table = details_.shard(shard);
    std::optional<std::string> key =
        LEAT_TRY(greatest ? table.last_in(group) : table.first_in(group));
    if (key) key->erase(0, group.size());
    return key;
  }

 private:
  struct CountedValue {
    DetailTable::Head head;
    std::int64_t count;
  };

  DetailTable& details_;
  std::vector<DetailTable::Lookup> lookups_;
};

/// The rows of which a condition holds, as GroupRows of their own. One a shard.
class RowSelection {
 public:
  template <class Taken>
  GroupRows select(const GroupRows& rows, const Taken& taken) {
    rows_.clear();
    groups_.clear();
    weights_.clear();
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      if (!taken(rows.rows[i])) continue;
      add(rows.rows[i], rows.groups[i]);
      if (!rows.weights.empty()) weights_.push_back(rows.weights[i]);
    }
    return as_rows(rows);
  }
  void clear() {
    rows_.clear();
    groups_.clear();
    weights_.clear();
  }
  void add(std::uint32_t row, state::Entry* group) {
    rows_.push_back(row);
    groups_.push_back(group);
  }
  void add(std::uint32_t row, state::Entry* group, std::int64_t weight) {
    add(row, group);
    weights_.push_back(weight);
  }
  /// What was added, of the same chunk as `like`.
  GroupRows as_rows(const GroupRows& like) const {
    GroupRows selected = like;
    selected.rows = rows_;
    selected.groups = groups_;
    selected.weights = weights_;
    return selected;
  }

 private:
  std::vector<std::uint32_t> rows_;
  std::vector<state::Entry*> groups_;
  std::vector<std::int64_t> weights_;
};

/// Selects the rows in which none of the columns is NULL; all of them at no cost where that is so.
inline GroupRows without_null(const GroupRows& rows, std::span<const std::size_t> columns,
                              RowSelection& selection) {
  bool any = false;
  for (const std::size_t column : columns) {
    any |= duckdb_vector_get_validity(rows.chunk->vector(column)) != nullptr;
  }
  if (!any) return rows;
  return selection.select(rows, [&](std::uint32_t row) {
    for (const std::size_t column : columns) {
      if (!is_valid(duckdb_vector_get_validity(rows.chunk->vector(column)), row)) return false;
    }
    return true;
  });
}

}  // namespace leat::op

#include "sql/picked_columns.h"

#include <algorithm>

#include "sql/engine.h"
#include "sql/row_query.h"

namespace leat::sql {
namespace {

/// Where a column of a query with lookups comes from.
struct Source {
  std::optional<std::size_t> lookup;  ///< nothing: the stream
  std::size_t column = 0;
};

/// Finds what the select list of a query picks from the stream and what lies beside it.
class PickedColumns {
 public:
  PickedColumns(const LookupJoins& joins, const Schema& stream, const std::vector<Lookup>& lookups)
      : joins_(joins), stream_(stream), lookups_(lookups) {}

  /// By output column; nothing where one is computed.
  std::optional<std::vector<Source>> of(const Node& list) const {
    std::vector<Source> picked;
    for (const Node& item : list) {
      const bool known = is_class(item, "STAR") ? add_star(item, picked) : add_column(item, picked);
      if (!known) return std::nullopt;
    }
    return picked;
  }

 private:
  bool add_column(const Node& item, std::vector<Source>& picked) const {
    if (const auto column = column_meant(item, joins_.input_alias, stream_)) {
      picked.push_back({std::nullopt, *column});
      return true;
    }
    for (std::size_t i = 0; i < lookups_.size(); ++i) {
      if (!joins_.beside->seen[i]) continue;
      if (const auto column = column_meant(item, lookups_[i].relation, lookups_[i].schema)) {
        picked.push_back({i, *column});
        return true;
      }
    }
    return false;
  }

  bool add_star(const Node& star, std::vector<Source>& picked) const {
    const std::string relation = lower(text_in(star, "relation_name"));
    const bool all = relation.empty();
    if (!is_plain_star(star) || !star.at("exclude_list").empty()) return false;
    if (all && !joins_.used.empty()) return false;
    if (all || relation == lower(joins_.input_alias)) {
      for (std::size_t i = 0; i < stream_.size(); ++i) picked.push_back({std::nullopt, i});
    }
    for (std::size_t i = 0; i < lookups_.size(); ++i) {
      if (!joins_.beside->seen[i] || (!all && relation != lower(lookups_[i].relation))) continue;
      for (std::size_t c = 0; c < lookups_[i].schema.size(); ++c) picked.push_back({i, c});
    }
    return true;
  }

  const LookupJoins& joins_;
  const Schema& stream_;
  const std::vector<Lookup>& lookups_;
};

}  // namespace

void pick_columns(const Node& query, const LookupJoins& joins, const Schema& stream,
                  RowQuery& out) {
  if (!joins.beside->only_wanted) return;
  const auto picked = PickedColumns(joins, stream, out.lookups).of(query.at("select_list"));
  if (!picked || picked->size() != out.output.size()) return;
  std::vector<std::optional<std::size_t>> passes;
  std::vector<RowQuery::Found> found;
  for (std::size_t i = 0; i < picked->size(); ++i) {
    const auto& [lookup, column] = (*picked)[i];
    const Type& type = (lookup ? out.lookups[*lookup].schema : stream)[column].type;
    const auto taken = [&](const RowQuery::Found& other) {
      return lookup && other.lookup == *lookup && other.column == column;
    };
    if (type != out.output[i].type || std::ranges::any_of(found, taken)) return;
    if (!lookup && !is_passable(type)) return;
    passes.push_back(lookup ? std::nullopt : std::optional(column));
    if (lookup) found.push_back({*lookup, column});
  }
  out.passes = std::move(passes);
  out.found = std::move(found);
}

}  // namespace leat::sql

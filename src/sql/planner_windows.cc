// What is known of a relation's columns besides their types: which follow event time or say the
// window that a row is in, and which no two rows have the same values in.

#include <algorithm>

#include "sql/planner.h"
#include "sql/window_call.h"

namespace leat::sql {

/// What is known of the relation's column that the expression is; null where it is none.
const EventTimeColumn* Planner::event_time_of(const std::string& input,
                                              const Node& expression) const {
  if (!is_class(expression, "COLUMN_REF") || parts_of(expression).size() != 1) return nullptr;
  const Relation& known = relation(input);
  const auto column = known.schema.find(parts_of(expression)[0]);
  if (!column) return nullptr;
  const auto found = known.event_times.find(*column);
  return found == known.event_times.end() ? nullptr : &found->second;
}

/// Brings the key that says the window of the relation's rows to the front.
std::optional<WindowKey> Planner::put_window_first(const std::string& input,
                                                   std::vector<Node>& keys) const {
  const auto found = std::ranges::find_if(keys, [&](const Node& key) {
    const EventTimeColumn* time = event_time_of(input, key);
    return time != nullptr && time->bounds_window;
  });
  if (found == keys.end()) return std::nullopt;
  std::rotate(keys.begin(), found, found + 1);
  return WindowKey{0, event_time_of(input, keys.front())->behind_us};
}

/// The keys that say a window, among the items of SELECT: what is computed by key is final when the
/// key's window is.
std::map<std::size_t, EventTimeColumn> Planner::windows_shown(const std::string& input,
                                                              const std::vector<Node>& keys,
                                                              const Node& items) const {
  std::map<std::size_t, EventTimeColumn> shown;
  for (const Node& key : keys) {
    const EventTimeColumn* time = event_time_of(input, key);
    if (time == nullptr || !time->bounds_window) continue;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (canonical_text(items[i]) == canonical_text(key)) shown.emplace(i, *time);
    }
  }
  return shown;
}

/// Event times that pass on as they are.
std::map<std::size_t, EventTimeColumn> Planner::times_passed(const std::string& input,
                                                             const Node& items) const {
  std::map<std::size_t, EventTimeColumn> passed;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (const EventTimeColumn* time = event_time_of(input, items[i])) passed.emplace(i, *time);
  }
  return passed;
}

/// Where these expressions stand among the items of SELECT; nothing where one does not.
std::optional<std::vector<std::size_t>> Planner::places_of(const std::vector<Node>& wanted,
                                                           const Node& items) {
  std::vector<std::size_t> places;
  for (const Node& expression : wanted) {
    const auto same = [&](const Node& item) {
      return canonical_text(item) == canonical_text(expression);
    };
    const auto found = std::ranges::find_if(items, same);
    if (found == items.end()) return std::nullopt;
    places.push_back(static_cast<std::size_t>(found - items.begin()));
  }
  return places;
}

/// The columns that identify the relation's rows, where all of them pass on as they are.
std::optional<std::vector<std::size_t>> Planner::unique_passed(const std::string& input,
                                                               const Node& items) const {
  const Relation& known = relation(input);
  if (!known.unique) return std::nullopt;
  std::vector<Node> wanted;
  for (const std::size_t column : *known.unique) {
    wanted.push_back(column_ref(known.schema[column].name));
  }
  return places_of(wanted, items);
}

/// The rows with their windows, which who reads them makes as it reads its input.
void Planner::add_window_rows(From& from, const WindowCall& call) {
  Relation made = relation(call.input);
  made.schema = call.columns;
  made.unique.reset();
  const auto time = made.event_times.find(call.window.time_column);
  if (time != made.event_times.end()) {
    const std::int64_t behind = time->second.behind_us;
    const std::size_t bounds = relation(call.input).schema.size();
    made.event_times[bounds] = {behind + call.window.size_us, true};
    made.event_times[bounds + 1] = {behind, true};
  }
  from.relation = fmt::format("{}#rows{}", view_, window_rows_.size() + 1);
  window_rows_.emplace(from.relation, WindowRows{call.input, call.source});
  catalog_.insert_or_assign(from.relation, std::move(made));
  from.window_call.reset();
}

/// A part of its own for rows with windows, for who must read a part.
Analysed<void> Planner::make_part(From& from) {
  if (!window_rows_.contains(from.relation)) return {};
  Block all;
  all.query = LEAT_TRY_SQL(binding_.parse("SELECT 1"));
  all.query["select_list"] = items_of(relation(from.relation).schema.names());
  all.from = from;
  from.relation = LEAT_TRY_SQL(select(all));
  return {};
}

}  // namespace leat::sql

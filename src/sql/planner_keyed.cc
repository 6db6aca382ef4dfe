// What is computed anew for each key whose rows have changed: window functions, DISTINCT ON, ORDER
// BY … LIMIT, and groups with aggregates that have no operator of their own.

#include <algorithm>
#include <array>

#include "sql/aggregate_scope.h"
#include "sql/planner.h"
#include "sql/refusal.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-incremental";
// A key's first rows lie in one piece, up to so many.
constexpr std::int64_t first_rows_max = 100;

/// All calls of window functions in an expression.
std::vector<Node> windows_in(const Node& expression) {
  std::vector<Node> found;
  walk(expression, [&](const Node& node) {
    if (is_class(node, "WINDOW")) found.push_back(node);
    return true;
  });
  return found;
}

/// The columns that an expression or a query names, in lower case.
void note_columns(const Node& within, std::set<std::string>& names) {
  walk(within, [&](const Node& node) {
    if (is_class(node, "COLUMN_REF")) names.insert(lower(parts_of(node)[0]));
    return true;
  });
}

}  // namespace

/// Runs `query` (without FROM and WHERE) over the rows of the keys that have changed.
Analysed<std::string> Planner::keyed(const From& from, std::vector<Node> keys,
                                     std::vector<Node> where, Node query, bool survivors,
                                     const std::optional<Rank>& rank,
                                     const std::optional<Framed>& framed) {
  const std::string input = from.relation;
  std::vector<Node> items;
  KeyedQuery out;
  out.window_key = put_window_first(input, keys);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    items.push_back(keys[i]);
    items.back()["alias"] = fmt::format("k{}", i);
  }
  out.key_count = items.size();
  out.survivors = survivors;
  std::set<std::string> read;
  note_columns(query, read);
  if (framed) {
    for (const Node& call : framed->computed) note_columns(call, read);
    for (const Node& value : framed->carried) note_columns(value, read);
  }
  std::vector<Column> columns;
  const Schema& schema = relation(input).schema;
  for (const Column& column : schema) {
    if (!read.contains(lower(column.name))) continue;
    items.push_back(column_ref(column.name));
    items.back()["alias"] = column.name;
    columns.push_back(column);
  }
  if (survivors && rank && rank->ties == KeyedQuery::Ranking::Ties::apart && rank->count >= 1 &&
      rank->count <= first_rows_max && !out.window_key) {
    out.shown = first_rows_shown(query.at("select_list"), columns, out.key_count);
  }
  const bool ranks = rank && (!survivors || !out.shown.empty());
  const std::size_t own = items.size();
  if (ranks) add_orders(rank->orders, items);
  if (framed) add_orders(framed->orders, items);
  out.inputs.push_back(LEAT_TRY_SQL(row_input(input, items, where)));
  const Schema& rows = out.inputs[0].schema;
  for (std::size_t i = own; i < rows.size(); ++i) columns.push_back(rows[i]);
  if (ranks) {
    if (auto order = orders_of(rank->orders, rows)) {
      out.ranking = KeyedQuery::Ranking{*std::move(order), rank->ties, rank->count};
    } else {
      out.shown.clear();
    }
  }
  const Node list = query.at("select_list");
  if (framed) {
    out.frames = framed->frames;
    out.frames->order = *orders_of(framed->orders, rows);
    for (const Node& value : framed->carried) query["select_list"].push_back(value);
  }
  query["where_clause"] = nullptr;
  const Node source = LEAT_TRY_SQL(fed_rows(framed));
  const bool grouped = is_grouped(query);
  const bool closes = out.window_key.has_value() || (framed && framed->frames.closes);
  std::string name =
      LEAT_TRY_SQL(add_keyed(std::move(out), std::move(query), source, std::move(columns), input));
  parts_.back().closes = closes;
  Relation& made = catalog_.at(name);
  made.event_times = windows_shown(input, keys, list);
  if (framed && framed->frames.closes) note_closing(input, *framed, list, made);
  made.unique = grouped ? places_of(keys, list) : unique_passed(input, list);
  return name;
}

/// Rows leave once, and after a time that is known unless they wait for others to follow.
void Planner::note_closing(const std::string& input, const Framed& framed, const Node& items,
                           Relation& made) const {
  made.kind = Relation::Kind::stream;
  if (framed.frames.rows_after > 0) return;
  const Node& first = framed.orders.at(0).at("expression");
  EventTimeColumn time = *event_time_of(input, first);
  time.behind_us += framed.frames.us_after;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (canonical_text(items[i]) == canonical_text(first)) made.event_times.emplace(i, time);
  }
}

/// FROM: a key's rows, with the window functions that are computed beside them.
Analysed<Node> Planner::fed_rows(const std::optional<Framed>& framed) {
  const std::string rows = fmt::format("{}('0')", lookup_function);
  if (!framed) return binding_.from_of("SELECT 1 FROM " + rows);
  Node from = LEAT_TRY_SQL(binding_.from_of(fmt::format("SELECT 1 FROM (SELECT * FROM {})", rows)));
  for (const Node& call : framed->computed) {
    from.at("subquery").at("node").at("select_list").push_back(call);
  }
  return from;
}

/// Which of the columns each item of SELECT is, or the row's number among the first; empty where
/// one is neither.
std::vector<std::optional<std::size_t>> Planner::first_rows_shown(
    const Node& items, const std::vector<Column>& columns, std::size_t key_count) {
  std::vector<std::optional<std::size_t>> shown;
  for (const Node& item : items) {
    if (is_class(item, "WINDOW")) {
      shown.emplace_back();
      continue;
    }
    if (!is_class(item, "COLUMN_REF") || parts_of(item).size() != 1) return {};
    const std::string name = lower(parts_of(item)[0]);
    const auto found = std::ranges::find_if(
        columns, [&](const Column& column) { return lower(column.name) == name; });
    if (found == columns.end()) return {};
    shown.emplace_back(key_count + static_cast<std::size_t>(found - columns.begin()));
  }
  return shown;
}

/// The part of a query whose inputs are known; `columns`: what it reads of the first one.
Analysed<std::string> Planner::add_keyed(KeyedQuery out, Node query, const Node& source,
                                         std::vector<Column> columns, const std::string& input) {
  for (Column& column : out.added_columns()) columns.push_back(std::move(column));
  query["from_table"] = source;
  Node key = column_ref(key_column);
  if (is_grouped(query)) {
    key = LEAT_TRY_SQL(binding_.expression_of(fmt::format("SELECT any_value({})", key_column)));
  }
  query["select_list"].push_back(std::move(key));
  if (out.numbers_rows()) query["select_list"].push_back(column_ref(row_column));
  out.sql = LEAT_TRY_SQL(binding_.to_sql(query));
  const std::vector<Program::LookupInput> lookups{{"0", Schema(std::move(columns))}};
  const Schema bound = LEAT_TRY_SQL(binding_.bind_rewritten(out.sql, {{}, false, false, lookups}));
  const std::size_t carried = out.frames ? out.frames->carried.size() + out.frames->filters : 0;
  const std::size_t shown = bound.size() - carried - (out.numbers_rows() ? 2 : 1);
  out.output = Schema(std::vector<Column>(bound.begin(), bound.begin() + std::ptrdiff_t(shown)));
  for (const Column& column : out.output) {
    if (can_be_kept(column.type)) continue;
    return sql_fault("type-mismatch", 0,
                     "column \"{}\" is {}, which can't be kept: cast it, as in ::VARCHAR",
                     column.name, column.type.to_sql());
  }
  Relation made{Relation::Kind::view, out.output};
  made.behind_us = relation(input).behind_us;
  Schema output = out.output;
  return add(std::move(out), std::move(output), {input}, std::move(made));
}

/// Window functions: the key is what all of them are partitioned by.
Analysed<std::string> Planner::windowed(Block& block) {
  std::vector<Node> windows = windows_in(block.query.at("select_list"));
  for (Node& window : windows_in(block.query.at("qualify"))) windows.push_back(std::move(window));
  std::vector<Node> keys;
  for (const Node& partition : windows.front().at("partitions")) {
    const bool common = std::ranges::all_of(windows, [&](const Node& window) {
      return std::ranges::any_of(window.at("partitions"), [&](const Node& other) {
        return canonical_text(other) == canonical_text(partition);
      });
    });
    if (common) keys.push_back(partition);
  }
  const bool ranked = ranking_of(block.query).has_value();
  const bool survivors = ranked && !is_weighted(block.from.relation);
  const std::string& input = block.from.relation;
  Node query = block.query;
  std::optional<Framed> framed;
  // The rows of a window that ends are computed together when it does.
  const bool ends = put_window_first(input, keys).has_value();
  if (!ranked && !ends) framed = LEAT_TRY_SQL(frame_calls(input, windows, query));
  std::string made = LEAT_TRY_SQL(keyed(block.from, std::move(keys), block.where, std::move(query),
                                        survivors, rank_of_window(block.query), framed));
  if (auto unique = unique_by_rank(block.query)) catalog_.at(made).unique = std::move(unique);
  return made;
}

/// The columns that identify the rows of `row_number() OVER (PARTITION BY …) AS rank … <= n`.
std::optional<std::vector<std::size_t>> Planner::unique_by_rank(const Node& query) const {
  const auto ranked = ranking_of(query);
  if (!ranked || function_name(*ranked) != "row_number") return std::nullopt;
  std::vector<Node> wanted(ranked->at("partitions").begin(), ranked->at("partitions").end());
  const Node& limit = query.at("qualify").at("right").at("value").at("value");
  const bool one =
      limit.get<std::int64_t>() == 1 && text_in(query.at("qualify"), "type") != "COMPARE_LESSTHAN";
  if (!one) wanted.push_back(*ranked);
  return places_of(wanted, query.at("select_list"));
}

/// The one window function of a query that keeps the first rows of each partition only:
/// `QUALIFY row_number() OVER (…) <= 10`.
std::optional<Node> Planner::ranking_of(const Node& query) const {
  const Node& qualify = query.at("qualify");
  if (!is_class(qualify, "COMPARISON") || !is_class(qualify.at("right"), "CONSTANT")) {
    return std::nullopt;
  }
  const std::string type = text_in(qualify, "type");
  if (type != "COMPARE_LESSTHANOREQUALTO" && type != "COMPARE_LESSTHAN" &&
      type != "COMPARE_EQUAL") {
    return std::nullopt;
  }
  const Node& value = qualify.at("right").at("value");
  const auto number = value.find("value");
  if (number == value.end() || !number->is_number_integer()) return std::nullopt;
  // Equality with one is the first; with more it drops rows that count.
  if (type == "COMPARE_EQUAL" && number->get<std::int64_t>() != 1) return std::nullopt;
  Node ranked = qualify.at("left");
  if (is_class(ranked, "COLUMN_REF")) {
    for (const Node& item : query.at("select_list")) {
      if (is_class(item, "WINDOW") && lower(text_in(item, "alias")) == lower(parts_of(ranked)[0])) {
        ranked = item;
        break;
      }
    }
  }
  const std::string function = function_name(ranked);
  if (!is_class(ranked, "WINDOW") ||
      (function != "row_number" && function != "rank" && function != "dense_rank")) {
    return std::nullopt;
  }
  for (const Node& item : query.at("select_list")) {
    for (const Node& window : windows_in(item)) {
      if (canonical_text(window) != canonical_text(ranked)) return std::nullopt;
    }
  }
  return ranked;
}

Analysed<std::string> Planner::distinct_on(Block& block, Modifiers modifiers) {
  const AggregateScope scope =
      LEAT_TRY_SQL(AggregateScope::of(block.query, relation(block.from.relation).schema, ""));
  std::vector<Node> keys;
  for (const Node& target : modifiers.distinct_on) keys.push_back(scope.resolved(target));
  Node query = block.query;
  Node distinct = {{"type", "DISTINCT_MODIFIER"}, {"distinct_on_targets", modifiers.distinct_on}};
  query["modifiers"] = Node::array({std::move(distinct)});
  if (!modifiers.order.is_null()) {
    query["modifiers"].push_back({{"type", "ORDER_MODIFIER"}, {"orders", modifiers.order}});
  }
  const bool survivors = !is_weighted(block.from.relation);
  auto unique = places_of(keys, query.at("select_list"));
  modifiers.limit = LEAT_TRY_SQL(binding_.expression_of("SELECT 1"));
  const auto rank =
      modifiers.order.is_null() ? std::nullopt : rank_of_limit(modifiers, query.at("select_list"));
  std::string made = LEAT_TRY_SQL(
      keyed(block.from, std::move(keys), block.where, std::move(query), survivors, rank));
  if (unique) catalog_.at(made).unique = std::move(unique);
  return made;
}

/// Groups whose aggregates are computed from all rows of the group.
/// Rows that may be taken back come in no order that a list could have.
Analysed<void> Planner::refuse_unordered_lists(const Block& block) const {
  static constexpr std::array<std::string_view, 5> lists = {"list", "array_agg", "string_agg",
                                                            "group_concat", "listagg"};
  static constexpr std::array<std::string_view, 4> sorted = {
      "list_sort", "array_sort", "list_reverse_sort", "array_reverse_sort"};
  if (block.from.relation.empty() || !is_weighted(block.from.relation)) return {};
  Analysed<void> refused;
  for (const char* clause : {"select_list", "having", "qualify"}) {
    walk(block.query.at(clause), [&](const Node& node) {
      if (!refused || !is_class(node, "FUNCTION")) return refused.has_value();
      const std::string name = function_name(node);
      // DuckDB's parser makes this of list(a ORDER BY a), too.
      if (std::ranges::find(sorted, name) != sorted.end()) return false;
      if (std::ranges::find(lists, name) == lists.end()) return true;
      if (!node.at("order_bys").at("orders").empty()) return true;
      refused = sql_fault("not-incremental", position_of(node),
                          "{0}() over rows that may be taken back has no order: say which, as "
                          "{0}(… ORDER BY …)",
                          name);
      return false;
    });
  }
  return refused;
}

Analysed<std::string> Planner::keyed_groups(const Block& block) {
  std::vector<Node> keys = LEAT_TRY_SQL(group_keys(block));
  return keyed(block.from, std::move(keys), block.where, block.query, false);
}

Analysed<std::vector<Node>> Planner::group_keys(const Block& block) const {
  const Schema columns = LEAT_TRY_SQL(columns_of(block.from));
  const AggregateScope scope = LEAT_TRY_SQL(AggregateScope::of(block.query, columns, ""));
  std::vector<Node> keys;
  const auto add_key = [&](Node key) {
    key["alias"] = "";
    const auto same = [&](const Node& known) {
      return canonical_text(known) == canonical_text(key);
    };
    if (std::ranges::none_of(keys, same)) keys.push_back(std::move(key));
  };
  if (text_in(block.query, "aggregate_handling") == "FORCE_AGGREGATES") {
    for (const Node& item : scope.items()) {
      if (find_aggregate(item, binding_.functions()) == nullptr) add_key(item);
    }
  }
  for (const Node& group : block.query.at("group_expressions")) {
    const auto place = ordinal_of(group);
    add_key(place && *place < scope.items().size() ? scope.items()[*place] : scope.resolved(group));
  }
  return keys;
}

}  // namespace leat::sql

#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sql/binding.h"
#include "sql/from_scope.h"
#include "sql/window_call.h"

namespace leat::sql {

/// Analyser::view_query.
Analysed<ViewQuery> plan_view_query(Binding& binding, std::string_view sql, const std::string& view,
                                    const Catalog& catalog, const ViewQueryOptions& options);

/// Takes a view's query apart into operators, from the inside out: each subquery, join, grouping
/// and window function becomes a part that the next one reads. Its functions stand in files by what
/// they plan: planner.cc the SELECT as a whole, planner_from.cc FROM, planner_groups.cc GROUP BY,
/// planner_joins.cc, planner_bounds.cc and planner_asof.cc joins, planner_subqueries.cc subqueries
/// in expressions, planner_keyed.cc what is computed anew by key, planner_frames.cc window
/// functions that look near, planner_now.cc now(), planner_ranks.cc rankings, planner_sessions.cc
/// sessions, planner_sets.cc UNION and the like, planner_windows.cc what is known of a relation's
/// columns.
class Planner {
 public:
  Planner(Binding& binding, std::string view, Catalog catalog, const ViewQueryOptions& options)
      : binding_(binding),
        view_(std::move(view)),
        catalog_(std::move(catalog)),
        options_(options) {}

  Analysed<ViewQuery> run(std::string_view sql);

 private:
  /// The common table expressions that a query may name, those around it included.
  struct Environment {
    struct Cte {
      std::vector<std::string> columns;  ///< as the query names them anew
      std::string relation;
    };
    const Environment* outer = nullptr;
    std::map<std::string, Cte> ctes = {};
  };
  /// FROM, as one relation.
  struct From {
    std::string relation;
    FromScope scope;
    /// FROM is one call of a window function, which an aggregate takes as it is: `relation` is not
    /// made yet.
    std::optional<Node> window_call = std::nullopt;
  };
  /// A SELECT whose FROM is planned and whose references are all to the relation's own columns.
  struct Block {
    Node query;
    From from;
    std::vector<Node> where;
  };
  /// What stands behind a SELECT.
  struct Modifiers {
    bool distinct = false;
    std::vector<Node> distinct_on;
    Node order;  ///< an array of orders
    std::optional<Node> limit;
    std::optional<Node> offset;
  };

  /// The result are the first rows of each key.
  struct Rank {
    Node orders;  ///< an array, over the relation's columns
    KeyedQuery::Ranking::Ties ties = KeyedQuery::Ranking::Ties::apart;
    std::int64_t count = 0;
  };

  /// Window functions that look near, over rows that stand side by side.
  struct Framed {
    Node orders;                 ///< an array, over the relation's columns
    std::vector<Node> computed;  ///< items that the query reads as columns, over those
    KeyedQuery::Frames frames;   ///< but for its order
    std::vector<Node> carried;   ///< items that yield what is carried, then what QUALIFY asks
  };

  // planner.cc
  Analysed<void> bind_as_written(std::string_view sql, const Node& query, Schema& output);
  Analysed<std::string> plan(const Node& query, const Environment& env);
  Analysed<std::string> plan_node(const Node& query, const Environment& env);
  Analysed<std::string> plan_select(Node query, const Environment& env);
  Analysed<void> name_items(Node& query, const FromScope& scope);
  Analysed<std::string> plan_block(Block block);
  Analysed<std::string> plan_plain(Block& block, Modifiers& modifiers);
  Analysed<Modifiers> take_modifiers(Node& query) const;
  bool passes_part(const Block& block) const;
  Analysed<std::string> select(Block& block);
  Analysed<std::string> top_rows(const std::string& relation, Modifiers& modifiers);
  Analysed<void> refuse(const Node& query) const;
  void drop_unread();

  // planner_groups.cc
  Analysed<std::string> aggregate(Block& block);
  Analysed<Block> grouped_first(Block block, Modifiers& modifiers);
  Analysed<std::string> grouping_sets(const Block& block);
  Analysed<std::string> distinct(const std::string& relation);
  static std::optional<Block> distinct_windows(const Block& block);

  // planner_from.cc
  Analysed<From> plan_from(const Node& from, const Environment& env, std::vector<Node>& where);
  Analysed<From> plan_table(const Node& from, const Environment& env);
  Analysed<From> plan_window_call(const Node& from, const Environment& env);
  Analysed<void> make_windows(From& from);
  Analysed<std::string> relation_of(const std::string& name, const Environment& env,
                                    std::size_t position);
  static void push_rank_filter(Node& subquery, std::vector<Node>& where, const std::string& alias);

  // planner_joins.cc
  struct JoinSide;
  struct JoinSides;
  Analysed<From> plan_join(const Node& join, const Environment& env, std::vector<Node>& where);
  Analysed<From> join(From left, From right, JoinQuery::Kind kind, std::vector<Node> conditions,
                      const std::vector<std::string>& using_columns);
  Analysed<void> take_keys(JoinSides& sides);
  Analysed<void> make_comparable(JoinSides& sides, std::size_t key);
  Analysed<ViewInput> join_input(JoinSides& sides, JoinSide& side, bool shown);
  Analysed<void> merge_using(JoinSides& sides, const std::vector<std::string>& using_columns);
  From add_join(JoinSides sides, JoinQuery query);
  void put_window_first(JoinSides& sides, JoinQuery& query) const;
  std::map<std::size_t, EventTimeColumn> windows_shown(const JoinSides& sides,
                                                       const Schema& output) const;
  static std::map<std::size_t, EventTimeColumn> left_time_shown(const JoinSides& sides,
                                                                const Schema& output);
  std::optional<std::vector<std::size_t>> unique_of(const JoinSides& sides,
                                                    const JoinQuery& query) const;
  Analysed<std::string> join_condition(const JoinSides& sides, const JoinQuery& query);
  Analysed<Type> type_of(const Node& expression, const std::string& relation);
  Analysed<Type> common_type(const Type& left, const Type& right);
  Analysed<Node> cast_to(const Node& expression, const Type& from, const Type& to);
  bool is_needed(const std::string& column) const {
    return all_needed_ || needed_.contains(lower(column));
  }

  // planner_bounds.cc
  struct Nearness {
    std::string left_time, right_time;  ///< columns of the sides' relations
    std::int64_t lower_us = 0;          ///< of right's time less left's
    std::int64_t upper_us = 0;
  };
  std::optional<Nearness> nearness_of(const JoinSides& sides) const;
  std::optional<JoinQuery::TimeBound> find_bound(const JoinSides& sides,
                                                 const JoinQuery& query) const;
  std::optional<Node> time_named(const JoinSide& side, const JoinSide& other) const;
  Analysed<bool> add_bound_of_view(JoinSides& sides);

  // planner_asof.cc
  Analysed<From> asof_join(From left, From right, JoinQuery::Kind kind, const Node& join,
                           const std::vector<std::string>& using_columns);
  Analysed<std::optional<JoinQuery::AsOf>> take_order(JoinSides& sides, const Node& written);

  // planner_subqueries.cc
  Analysed<void> plan_subqueries(Node& query, From& from, std::vector<Node>& where,
                                 const Environment& env);
  Analysed<bool> plan_condition(const Node& condition, From& from, std::vector<Node>& where,
                                const Environment& env);
  Analysed<void> group_by_values(Node& query, const char* clause,
                                 const std::set<std::string>& values, std::size_t at) const;
  Analysed<void> replace_scalars(Node& expression, From& from, const Environment& env,
                                 std::set<std::string>* added = nullptr);
  Analysed<Node> plan_scalar(const Node& subquery, From& from, const Environment& env);
  Analysed<Node> value_where_joined(const Node& item, const std::string& input,
                                    const std::string& name, const std::string& key);
  Analysed<Node> value_without_rows(const Node& expression, const std::string& input);
  struct Inner {
    From from;
    Node query;
    std::vector<Node> local;
    std::vector<Node> correlated;
  };
  Analysed<Inner> plan_inner(const Node& subquery, const From& outer, const Environment& env);
  Analysed<void> refuse_aggregate(const Node& subquery, const Inner& inner) const;
  Analysed<void> exists(const Node& subquery, bool negated, From& from, const Environment& env);
  Analysed<void> is_in(const Node& subquery, bool negated, From& from, std::vector<Node>& where,
                       const Environment& env);
  Analysed<void> join_beside(From& from, From other, JoinQuery::Kind kind,
                             std::vector<Node> conditions);

  // planner_keyed.cc
  Analysed<std::string> keyed(const From& from, std::vector<Node> keys, std::vector<Node> where,
                              Node query, bool survivors,
                              const std::optional<Rank>& rank = std::nullopt,
                              const std::optional<Framed>& framed = std::nullopt);
  void note_closing(const std::string& input, const Framed& framed, const Node& items,
                    Relation& made) const;
  Analysed<Node> fed_rows(const std::optional<Framed>& framed);
  static std::vector<std::optional<std::size_t>> first_rows_shown(
      const Node& items, const std::vector<Column>& columns, std::size_t key_count);
  Analysed<std::string> add_keyed(KeyedQuery out, Node query, const Node& source,
                                  std::vector<Column> columns, const std::string& input);
  Analysed<std::string> windowed(Block& block);
  Analysed<std::string> distinct_on(Block& block, Modifiers modifiers);
  Analysed<std::string> keyed_groups(const Block& block);
  Analysed<void> refuse_unordered_lists(const Block& block) const;
  Analysed<std::vector<Node>> group_keys(const Block& block) const;
  std::optional<Node> ranking_of(const Node& query) const;
  std::optional<std::vector<std::size_t>> unique_by_rank(const Node& query) const;

  // planner_frames.cc
  class FrameCalls;
  Analysed<std::optional<Framed>> frame_calls(const std::string& input,
                                              const std::vector<Node>& windows, Node& query);

  // planner_now.cc
  Analysed<void> replace_now_in(Node& query, std::vector<Node>& where, const From& from);
  Analysed<void> refuse_loose_now(const Node& written, const Node& query,
                                  const Schema& columns) const;
  Analysed<void> refuse_now(const std::vector<Node>& conditions, const From& left,
                            const From& right) const;

  // planner_ranks.cc
  std::optional<Rank> rank_of_window(const Node& query) const;
  std::optional<Rank> rank_of_limit(const Modifiers& modifiers, const Node& items) const;
  static void add_orders(const Node& orders, std::vector<Node>& items);
  static std::string order_column(std::size_t index);
  static std::optional<std::vector<KeyedQuery::Order>> orders_of(const Node& orders,
                                                                 const Schema& input);

  // planner_sessions.cc
  Analysed<std::string> sessions(Block block, const Modifiers& modifiers);
  Analysed<void> check_session_groups(const Block& block, const WindowCall& call) const;
  Analysed<void> note_session_columns(const Block& block, bool closes, Relation& made) const;

  // planner_sets.cc
  Analysed<std::string> plan_set(const Node& query, const Environment& env);
  Analysed<std::vector<Node>> items_as(const std::string& input, const Schema& output);
  Analysed<std::string> union_all(const std::vector<std::string>& relations, const Schema& output);
  Analysed<std::string> difference(const std::string& left, const std::string& right,
                                   const Schema& output, const Node& query);

  // planner_windows.cc
  const EventTimeColumn* event_time_of(const std::string& input, const Node& expression) const;
  std::optional<WindowKey> put_window_first(const std::string& input,
                                            std::vector<Node>& keys) const;
  std::map<std::size_t, EventTimeColumn> windows_shown(const std::string& input,
                                                       const std::vector<Node>& keys,
                                                       const Node& items) const;
  std::map<std::size_t, EventTimeColumn> times_passed(const std::string& input,
                                                      const Node& items) const;
  static std::optional<std::vector<std::size_t>> places_of(const std::vector<Node>& wanted,
                                                           const Node& items);
  std::optional<std::vector<std::size_t>> unique_passed(const std::string& input,
                                                        const Node& items) const;
  void add_window_rows(From& from, const WindowCall& call);
  Analysed<void> make_part(From& from);

  // The parts.
  const Relation& relation(const std::string& name) const { return catalog_.at(name); }
  bool is_weighted(const std::string& name) const {
    return relation(name).kind == Relation::Kind::view;
  }
  /// Of a row-wise query over the relation: the items, which have aliases, then the added columns.
  Analysed<ViewInput> row_input(const std::string& relation, const std::vector<Node>& items,
                                const std::vector<Node>& where);
  std::string add(decltype(QueryPart::query) query, Schema output, std::vector<std::string> inputs,
                  Relation made);
  Analysed<Schema> columns_of(const From& from) const;
  bool is_grouped(const Node& query) const;
  static std::optional<std::size_t> ordinal_of(const Node& expression);

  Binding& binding_;
  const std::string view_;
  Catalog catalog_;
  const ViewQueryOptions options_;
  std::vector<QueryPart> parts_;
  /// Rows of an input with their windows, which are no part: by the relation's name.
  struct WindowRows {
    std::string input;
    std::string source;  ///< SQL that stands after FROM
  };
  std::map<std::string, WindowRows> window_rows_;
  std::set<std::string> reads_;
  std::set<std::string> needed_;  ///< names of columns that the SELECT around a join mentions
  bool all_needed_ = true;
  std::size_t added_columns_ = 0;
};

}  // namespace leat::sql

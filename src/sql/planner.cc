#include "sql/planner.h"

#include <algorithm>

#include "sql/engine.h"
#include "sql/now.h"
#include "sql/refusal.h"
#include "sql/row_query.h"
#include "sql/shared_expressions.h"
#include "sql/window_call.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-incremental";
constexpr std::string_view place = "a view's query";

bool has_class(const Node& node, std::string_view name) {
  bool found = false;
  walk(node, [&](const Node& at) {
    found |= is_class(at, name);
    return !found;
  });
  return found;
}

/// Names of all common table expressions, in lower case.
void collect_ctes(const Node& node, std::set<std::string>& names) {
  if (!node.is_structured()) return;
  if (node.is_object() && node.contains("cte_map")) {
    for (const Node& entry : node.at("cte_map").at("map"))
      names.insert(lower(text_in(entry, "key")));
  }
  for (const Node& child : node) collect_ctes(child, names);
}

/// The column of a relation that says which window a row is in.
std::optional<WindowKey> window_key_of(const Relation& relation) {
  for (const auto& [column, time] : relation.event_times) {
    if (time.bounds_window) return WindowKey{column, time.behind_us};
  }
  return std::nullopt;
}

bool is_windowed(const Node& query) {
  return has_class(query.at("select_list"), "WINDOW") || !query.at("qualify").is_null();
}

}  // namespace

Analysed<ViewQuery> plan_view_query(Binding& binding, std::string_view sql, const std::string& view,
                                    const Catalog& catalog, const ViewQueryOptions& options) {
  return Planner(binding, view, catalog, options).run(sql);
}

Analysed<ViewQuery> Planner::run(std::string_view sql) {
  std::vector<std::string> columns;
  for (const auto& [name, known] : catalog_) {
    for (const Column& column : known.schema) columns.push_back(column.name);
  }
  const Node query = LEAT_TRY_SQL(binding_.parse(sql, columns));
  Schema output;
  LEAT_TRY_SQL(bind_as_written(sql, query, output));
  LEAT_TRY_SQL(refuse_output(output));
  std::string relation = LEAT_TRY_SQL(plan(query, {}));
  if (output.size() == 0) {
    output = this->relation(relation).schema;
    LEAT_TRY_SQL(refuse_output(output));
  }
  const bool part = !parts_.empty() && parts_.back().name == relation;
  const bool shows = part && !std::holds_alternative<JoinQuery>(parts_.back().query);
  const bool renamed = this->relation(relation).schema.names() != output.names();
  if (!shows || renamed) {
    std::vector<Node> items;
    for (std::size_t i = 0; i < output.size(); ++i) {
      Node item = column_ref(this->relation(relation).schema[i].name);
      item["alias"] = output[i].name;
      items.push_back(std::move(item));
    }
    SelectQuery query_of_all;
    query_of_all.inputs.push_back(LEAT_TRY_SQL(row_input(relation, items, {})));
    query_of_all.output = output;
    Relation made = this->relation(relation);
    made.schema = output;
    query_of_all.window_key = window_key_of(made);
    relation = add(std::move(query_of_all), output, {relation}, std::move(made));
  }
  const Relation answer = this->relation(relation);
  parts_.back().name = view_;
  drop_unread();
  const Schema& made = parts_.back().output;
  for (std::size_t i = 0; i < output.size(); ++i) {
    if (made[i] == output[i]) continue;
    return sql_fault(
        "unsupported-sql", 0,
        "column \"{}\" would be {} when kept up to date and {} at once: cast it to one "
        "of them",
        output[i].name, made[i].type.to_sql(), output[i].type.to_sql());
  }
  return ViewQuery{.parts = std::move(parts_),
                   .reads = {reads_.begin(), reads_.end()},
                   .event_times = answer.event_times,
                   .behind_us = answer.behind_us,
                   .key = answer.unique,
                   .rows_only_come = answer.kind == Relation::Kind::stream};
}

/// Parts that were planned to find out what they are, and that nothing reads.
void Planner::drop_unread() {
  std::set<std::string> read{view_};
  for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
    if (read.contains(part->name)) read.insert(part->inputs.begin(), part->inputs.end());
  }
  std::erase_if(parts_, [&](const QueryPart& part) { return !read.contains(part.name); });
}

/// Binds what the user wrote, so that faults point into it. Calls of window functions are put in
/// place of relations that have their columns.
Analysed<void> Planner::bind_as_written(std::string_view sql, const Node& query, Schema& output) {
  std::string text(sql);
  NamesInScope names{{}, {}, binding_.functions().names()};
  Analysed<void> declared;
  std::size_t windows = 0;
  std::set<std::string> ctes;
  collect_ctes(query, ctes);
  bool knows_all = true;  // windows of a common table expression have columns that are found later
  const auto declare = [&](const std::string& name) -> Analysed<void> {
    for (const auto& [known, relation] : catalog_) {
      if (lower(known) != lower(name)) continue;
      LEAT_TRY_SQL(binding_.declare(known, relation.schema));
      for (const Column& column : relation.schema) names.columns.push_back(column.name);
    }
    return {};
  };
  walk_tables(query, [&](const Node& table) {
    if (!declared) return;
    const std::string type = text_in(table, "type");
    if (type == "BASE_TABLE") declared = declare(text_in(table, "table_name"));
    if (type != "TABLE_FUNCTION") return;
    const auto& arguments = table.at("function").at("children");
    if (arguments.empty() || !is_class(arguments[0], "COLUMN_REF")) return;
    if (ctes.contains(lower(parts_of(arguments[0])[0]))) {
      knows_all = false;
      return;
    }
    const auto call = analyse_window_call(table, catalog_);
    if (!call) {
      declared = std::unexpected(call.error());
      return;
    }
    const std::string stand_in = fmt::format("__lw{}", windows++);
    declared = binding_.declare(stand_in, call->columns);
    text = with_call_replaced(std::move(text), position_of(table.at("function")), stand_in);
  });
  LEAT_TRY_SQL(std::move(declared));
  if (!knows_all) return {};
  for (const auto& [known, relation] : catalog_) names.tables.push_back(known);
  output = LEAT_TRY_SQL(binding_.bind(text, {}, names));
  return {};
}

Analysed<std::string> Planner::plan(const Node& query, const Environment& outer) {
  // What the query around this one needs of a join, this one does not know.
  const std::set<std::string> needed = needed_;
  const bool all_needed = all_needed_;
  std::string relation = LEAT_TRY_SQL(plan_node(query, outer));
  needed_ = needed;
  all_needed_ = all_needed;
  return relation;
}

Analysed<std::string> Planner::plan_node(const Node& query, const Environment& outer) {
  const std::string type = text_in(query, "type");
  // Around a query with materialized expressions, which has them all in its own map.
  if (type == "CTE_NODE") return plan(query.at("child"), outer);
  Environment env{&outer};
  if (query.contains("cte_map")) {
    for (const Node& entry : query.at("cte_map").at("map")) {
      Environment::Cte cte;
      for (const Node& alias : entry.at("value").at("aliases")) {
        cte.columns.push_back(alias.get<std::string>());
      }
      cte.relation = LEAT_TRY_SQL(plan(entry.at("value").at("query").at("node"), env));
      env.ctes.emplace(lower(text_in(entry, "key")), std::move(cte));
    }
  }
  if (type == "SELECT_NODE") return plan_select(query, env);
  if (type == "SET_OPERATION_NODE") return plan_set(query, env);
  if (type == "RECURSIVE_CTE_NODE") {
    return sql_fault(code, 0, "WITH RECURSIVE can't be kept up to date: write its steps out");
  }
  return sql_fault(code, 0, "{} must be a SELECT", place);
}

Analysed<void> Planner::refuse(const Node& query) const {
  const Node& from = query.at("from_table");
  const auto present = [](const Node& node, const char* key) {
    const auto found = node.find(key);
    return found != node.end() && !found->is_null();
  };
  if (present(query, "sample") || present(from, "sample")) {
    return sql_fault("not-deterministic", position_of(from),
                     "{} can't take a SAMPLE: a replay would give other rows", place);
  }
  if (text_in(from, "type") == "EMPTY") {
    return sql_fault("sql-syntax", 0, "{} reads a stream or view: SELECT … FROM stream", place);
  }
  return {};
}

Analysed<std::string> Planner::plan_select(Node query, const Environment& env) {
  LEAT_TRY_SQL(refuse(query));
  std::vector<Node> where = conjuncts_of(query.at("where_clause"));
  {
    // What a join below need not put out, nobody above names.
    Node above = query;
    above["from_table"] = nullptr;
    std::set<std::string> needed;
    walk(query, [&](const Node& node) {
      if (is_class(node, "COLUMN_REF")) {
        for (const std::string& part : parts_of(node)) needed.insert(lower(part));
      }
      return true;
    });
    walk_tables(query, [&](const Node& table) {
      for (const Node& column : table.value("using_columns", Node::array())) {
        needed.insert(lower(column.get<std::string>()));
      }
    });
    needed_ = std::move(needed);
    all_needed_ = has_class(above.at("select_list"), "STAR");
  }
  Block block;
  Node from = query.at("from_table");
  if (text_in(from, "type") == "SUBQUERY") {
    push_rank_filter(from.at("subquery").at("node"), where, text_in(from, "alias"));
  }
  block.from = LEAT_TRY_SQL(plan_from(from, env, where));
  LEAT_TRY_SQL(name_items(query, block.from.scope));
  query["where_clause"] = nullptr;
  query["from_table"] = nullptr;
  query["cte_map"] = {{"map", Node::array()}};
  LEAT_TRY_SQL(plan_subqueries(query, block.from, where, env));
  LEAT_TRY_SQL(replace_now_in(query, where, block.from));
  const Schema columns = LEAT_TRY_SQL(columns_of(block.from));
  const FromScope& scope = block.from.scope;
  for (const char* clause :
       {"select_list", "group_expressions", "having", "qualify", "modifiers"}) {
    query[clause] = scope.resolved(query.at(clause));
  }
  for (Node& condition : where) block.where.push_back(scope.resolved(condition));
  for (const Node& condition : block.where) {
    LEAT_TRY_SQL(refuse_unreplayable(condition, columns, binding_.functions(), code, place));
  }
  Node judged = query;
  walk(judged, [](Node& node) {
    if (is_class(node, "WINDOW")) node["class"] = "OPERATOR";  // they are allowed here
    return true;
  });
  LEAT_TRY_SQL(refuse_unreplayable(judged, columns, binding_.functions(), code, place));
  block.query = std::move(query);
  return plan_block(std::move(block));
}

/// Writes stars out and gives each item of SELECT the name that its column has.
Analysed<void> Planner::name_items(Node& query, const FromScope& scope) {
  Node items = Node::array();
  for (const Node& item : query.at("select_list")) {
    if (is_class(item, "STAR")) {
      for (Node& column : LEAT_TRY_SQL(scope.expand(item))) items.push_back(std::move(column));
      continue;
    }
    items.push_back(item);
    LEAT_TRY_SQL(name_item(binding_, items.back()));
  }
  query["select_list"] = std::move(items);
  return {};
}

bool Planner::is_grouped(const Node& query) const {
  return !query.at("group_expressions").empty() || query.at("group_sets").size() > 1 ||
         text_in(query, "aggregate_handling") == "FORCE_AGGREGATES" ||
         find_aggregate(query.at("select_list"), binding_.functions()) != nullptr ||
         !query.at("having").is_null();
}

/// `1` in GROUP BY or ORDER BY means the first item of SELECT.
std::optional<std::size_t> Planner::ordinal_of(const Node& expression) {
  if (!is_class(expression, "CONSTANT")) return std::nullopt;
  const Node& value = expression.at("value");
  const auto number = value.find("value");
  if (number == value.end() || !number->is_number_integer()) return std::nullopt;
  const auto index = number->get<std::int64_t>();
  return index < 1 ? std::nullopt : std::optional(static_cast<std::size_t>(index) - 1);
}

Analysed<Schema> Planner::columns_of(const From& from) const {
  if (!from.window_call) return relation(from.relation).schema;
  return LEAT_TRY_SQL(analyse_window_call(*from.window_call, catalog_)).columns;
}

Analysed<Planner::Modifiers> Planner::take_modifiers(Node& query) const {
  Modifiers out;
  for (const Node& modifier : query.at("modifiers")) {
    const std::string type = text_in(modifier, "type");
    if (type == "DISTINCT_MODIFIER") {
      for (const Node& target : modifier.at("distinct_on_targets")) {
        out.distinct_on.push_back(target);
      }
      out.distinct = out.distinct_on.empty();
    } else if (type == "ORDER_MODIFIER") {
      out.order = modifier.at("orders");
    } else if (type == "LIMIT_MODIFIER") {
      if (!modifier.at("limit").is_null()) out.limit = modifier.at("limit");
      if (!modifier.at("offset").is_null()) out.offset = modifier.at("offset");
    } else {
      return sql_fault(code, 0, "{} can't have LIMIT with a percentage: give a number of rows",
                       place);
    }
  }
  query["modifiers"] = Node::array();
  if (out.limit && out.order.is_null()) {
    return sql_fault(code, position_of(*out.limit),
                     "LIMIT without ORDER BY does not say which rows: add ORDER BY");
  }
  if (out.offset && !out.limit) {
    return sql_fault(code, position_of(*out.offset), "OFFSET in a view needs a LIMIT");
  }
  return out;
}

/// From what is one relation to what the SELECT gives, step by step, as SQL orders them.
Analysed<std::string> Planner::plan_block(Block block) {
  Modifiers modifiers = LEAT_TRY_SQL(take_modifiers(block.query));
  if (block.from.window_call) {
    const WindowCall call = LEAT_TRY_SQL(analyse_window_call(*block.from.window_call, catalog_));
    if (call.window.kind == Window::Kind::session) return sessions(std::move(block), modifiers);
  }
  const bool windowed = is_windowed(block.query);
  if (is_grouped(block.query)) {
    const bool sets = block.query.at("group_sets").size() > 1;
    if (!windowed && modifiers.distinct_on.empty() && !modifiers.limit) {
      std::string groups = LEAT_TRY_SQL(sets ? grouping_sets(block) : aggregate(block));
      return modifiers.distinct ? distinct(groups) : groups;
    }
    if (sets) {
      return sql_fault(code, 0,
                       "ROLLUP, CUBE or GROUPING SETS with window functions, DISTINCT ON or LIMIT: "
                       "put the grouping into a subquery in FROM");
    }
    block = LEAT_TRY_SQL(grouped_first(std::move(block), modifiers));
  } else if (modifiers.distinct && !windowed && !modifiers.limit && block.from.window_call) {
    if (auto grouped = distinct_windows(block)) return aggregate(*grouped);
  }
  return plan_plain(block, modifiers);
}

Analysed<std::string> Planner::plan_plain(Block& block, Modifiers& modifiers) {
  LEAT_TRY_SQL(make_windows(block.from));
  const bool has_windows = is_windowed(block.query);
  if (!modifiers.distinct_on.empty()) {
    if (has_windows) {
      return sql_fault(code, 0,
                       "DISTINCT ON and window functions in one SELECT: put the window functions "
                       "into a subquery in FROM");
    }
    if (modifiers.limit) {
      return sql_fault(code, position_of(*modifiers.limit),
                       "DISTINCT ON and LIMIT in one SELECT: put DISTINCT ON into a subquery");
    }
    return distinct_on(block, std::move(modifiers));
  }
  if (modifiers.limit && !modifiers.distinct && !has_windows) {
    Node query = block.query;
    Node order = {{"type", "ORDER_MODIFIER"}, {"orders", modifiers.order}};
    Node limit = {{"type", "LIMIT_MODIFIER"},
                  {"limit", *modifiers.limit},
                  {"offset", modifiers.offset ? *modifiers.offset : Node()}};
    query["modifiers"] = Node::array({std::move(order), std::move(limit)});
    const bool survivors = !is_weighted(block.from.relation) && !modifiers.offset;
    const auto rank = rank_of_limit(modifiers, query.at("select_list"));
    std::string first =
        LEAT_TRY_SQL(keyed(block.from, {}, block.where, std::move(query), survivors, rank));
    if (rank && rank->count == 1) catalog_.at(first).unique.emplace();
    return first;
  }
  std::string rows = LEAT_TRY_SQL(has_windows ? windowed(block) : select(block));
  if (modifiers.distinct) rows = LEAT_TRY_SQL(distinct(rows));
  return modifiers.limit ? top_rows(rows, modifiers) : rows;
}

/// The block is a part of the view as it stands: all of its rows and columns, by their names.
bool Planner::passes_part(const Block& block) const {
  const std::string& input = block.from.relation;
  const Node& items = block.query.at("select_list");
  const auto part = std::ranges::find(parts_, input, &QueryPart::name);
  if (part == parts_.end() || !block.where.empty()) return false;
  const std::vector<std::string> names = relation(input).schema.names();
  if (items.size() != names.size()) return false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!is_class(items[i], "COLUMN_REF") || parts_of(items[i]) != std::vector{names[i]}) {
      return false;
    }
    const std::string alias = text_in(items[i], "alias");
    if (!alias.empty() && alias != names[i]) return false;
  }
  return true;
}

Analysed<std::string> Planner::select(Block& block) {
  const std::string input = block.from.relation;
  if (passes_part(block)) return input;
  std::vector<Node> items;
  for (const Node& item : block.query.at("select_list")) items.push_back(item);
  SelectQuery query;
  query.inputs.push_back(LEAT_TRY_SQL(row_input(input, items, block.where)));
  query.output = query.inputs.front().schema;
  Relation made{relation(input).kind, query.output};
  made.behind_us = relation(input).behind_us;
  made.event_times = times_passed(input, items);
  made.unique = unique_passed(input, items);
  query.window_key = window_key_of(made);
  Schema output = query.output;
  return add(std::move(query), std::move(output), {input}, std::move(made));
}

/// ORDER BY … LIMIT over what is a relation already, by its own columns.
Analysed<std::string> Planner::top_rows(const std::string& input, Modifiers& modifiers) {
  Block block;
  block.query = LEAT_TRY_SQL(binding_.parse("SELECT 1"));
  Node items = items_of(relation(input).schema.names());
  for (Node& order : modifiers.order) {
    Node& by = order.at("expression");
    if (const auto index = ordinal_of(by); index && *index < items.size()) by = items[*index];
  }
  block.query["select_list"] = std::move(items);
  block.from = {input, FromScope("", relation(input).schema.names())};
  modifiers.distinct = false;
  return plan_plain(block, modifiers);
}

Analysed<ViewInput> Planner::row_input(const std::string& input, const std::vector<Node>& items,
                                       const std::vector<Node>& where) {
  const auto windows = window_rows_.find(input);
  const bool plain = windows == window_rows_.end();
  ViewInput out{.input = plain ? input : windows->second.input, .weighted = is_weighted(input)};
  const std::string from =
      plain ? fmt::format("{}()", input_function) : fmt::format("({})", windows->second.source);
  Node query = LEAT_TRY_SQL(binding_.parse("SELECT 1 FROM " + from));
  Node list = items;
  list.push_back(column_ref(row_column));
  if (out.weighted) list.push_back(column_ref(weight_column));
  query["select_list"] = std::move(list);
  query["where_clause"] = conjunction_of(where);
  const Program::Input read{relation(out.input).schema, true, out.weighted};
  out.sql = LEAT_TRY_SQL(text_with_shared(binding_, query, read));
  const Schema bound = LEAT_TRY_SQL(binding_.bind_rewritten(out.sql, read));
  std::vector<Column> columns(bound.begin(),
                              bound.begin() + static_cast<std::ptrdiff_t>(items.size()));
  for (const Column& column : columns) {
    if (can_be_kept(column.type)) continue;
    return sql_fault("type-mismatch", 0,
                     "the query needs \"{}\" of type {}, which can't be kept: cast it, as in "
                     "::VARCHAR",
                     column.name, column.type.to_sql());
  }
  out.schema = Schema(std::move(columns));
  return out;
}

std::string Planner::add(decltype(QueryPart::query) query, Schema output,
                         std::vector<std::string> inputs, Relation made) {
  QueryPart part{.name = fmt::format("{}#{}", view_, parts_.size() + 1),
                 .inputs = std::move(inputs),
                 .query = std::move(query),
                 .output = std::move(output)};
  for (std::string& input : part.inputs) {
    part.behind_us = std::max(part.behind_us, relation(input).behind_us);
    if (const auto rows = window_rows_.find(input); rows != window_rows_.end()) {
      input = rows->second.input;
    }
  }
  catalog_.insert_or_assign(part.name, std::move(made));
  parts_.push_back(std::move(part));
  return parts_.back().name;
}

}  // namespace leat::sql

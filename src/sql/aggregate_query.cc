#include "sql/aggregate_query.h"

#include <algorithm>
#include <optional>

#include "sql/aggregate_function.h"
#include "sql/aggregate_scope.h"
#include "sql/engine.h"
#include "sql/refusal.h"
#include "sql/row_query.h"
#include "sql/shared_expressions.h"
#include "sql/window_call.h"

namespace leat::sql {
namespace {

constexpr std::string_view place = "a view's query";
constexpr std::string_view code = "not-incremental";

/// What a view reads: an input, or its windows.
struct Source {
  std::string input;
  std::string alias;
  Schema columns;    ///< with window_start and window_end
  std::string text;  ///< SQL that stands after FROM in `pre`
  std::optional<WindowCall> window;
  const Relation* relation = nullptr;
};

Analysed<Source> source_of(const Node& from, const Catalog& catalog) {
  Source source;
  const std::string type = text_in(from, "type");
  source.alias = text_in(from, "alias");
  if (type == "TABLE_FUNCTION") {
    source.window = LEAT_TRY_SQL(analyse_window_call(from, catalog));
    source.input = source.window->input;
    source.columns = source.window->columns;
    if (source.alias.empty()) source.alias = source.window->function;
    source.text = fmt::format("({}) AS {}", source.window->source, quoted_name(source.alias));
  } else if (type == "BASE_TABLE" && text_in(from, "schema_name").empty()) {
    source.input = text_in(from, "table_name");
  } else {
    return sql_fault(type == "EMPTY" ? "sql-syntax" : code, position_of(from),
                     "{} reads one stream or view: SELECT … FROM stream GROUP BY …", place);
  }
  source.relation = LEAT_TRY_SQL(find_relation(catalog, source.input, position_of(from)));
  for (const auto& [name, relation] : catalog) {
    if (&relation == source.relation) source.input = name;
  }
  if (!source.window) {
    if (source.alias.empty()) source.alias = source.input;
    source.columns = source.relation->schema;
    source.text = fmt::format("{}() AS {}", input_function, quoted_name(source.alias));
  }
  return source;
}

/// Binds the query; `sql` is what the user wrote, where faults are to point into it.
Analysed<Schema> bind_as_written(Binding& binding, std::string_view sql, const Node& query,
                                 const Source& source) {
  const NamesInScope names = binding.names_of(source.columns, source.alias);
  static const std::string stand_in = "__leat_w";  // no longer than the shortest call
  const std::string input = source.window ? stand_in : source.input;
  LEAT_TRY_SQL(binding.declare(input, source.columns));
  if (sql.empty()) {
    Node plain = query;
    plain["from_table"] = base_table(input, source.alias);
    return binding.bind(LEAT_TRY_SQL(binding.to_sql(plain)), {}, names);
  }
  if (!source.window) return binding.bind(std::string(sql), {}, names);
  const std::size_t call = position_of(query.at("from_table").at("function"));
  return binding.bind(with_call_replaced(std::string(sql), call, stand_in), {}, names);
}

/// Takes one query apart into `pre`, the aggregates and `post`.
class Decomposition {
 public:
  Decomposition(Binding& binding, const Node& query, Source source, AggregateScope scope)
      : binding_(binding),
        query_(query),
        source_(std::move(source)),
        scope_(std::move(scope)),
        weighted_(source_.relation->kind == Relation::Kind::view) {}

  Analysed<AggregateQuery> run(const Schema& output) {
    out_.input = source_.input;
    out_.weighted = weighted_;
    out_.row_time = row_time();
    out_.output = output;
    LEAT_TRY_SQL(find_keys());
    if (out_.key_count == 0 && find_aggregate(query_, binding_.functions()) == nullptr) {
      return sql_fault(code, 0,
                       "{} has neither an aggregate nor GROUP BY: for plain rows write a stream, "
                       "for the latest row per key a view with `from` and `key`",
                       place);
    }
    if (scope_.items().size() != output.size()) {
      return sql_fault(code, 0, "{} gives one column for each item of SELECT", place);
    }
    std::vector<Node> items;
    for (std::size_t i = 0; i < scope_.items().size(); ++i) {
      Node item = LEAT_TRY_SQL(over_groups(scope_.items()[i]));
      item["alias"] = output[i].name;
      items.push_back(std::move(item));
    }
    Node having;
    if (!query_.at("having").is_null()) {
      having = LEAT_TRY_SQL(over_groups(
          scope_.resolved_having(query_.at("having"), key_texts(), binding_.functions())));
    }
    LEAT_TRY_SQL(write_pre());
    LEAT_TRY_SQL(write_post(std::move(items), std::move(having)));
    LEAT_TRY_SQL(place_window());
    return std::move(out_);
  }

 private:
  std::set<std::string> key_texts() const {
    std::set<std::string> texts;
    for (const auto& [text, index] : places_) {
      if (index < out_.key_count) texts.insert(text);
    }
    return texts;
  }

  bool is_hop() const { return source_.window && source_.window->window.kind == Window::Kind::hop; }
  bool is_window_bound(const Node& expression) const {
    const std::string text = scope_.canonical(expression);
    return text == scope_.canonical(column_ref("window_start")) ||
           text == scope_.canonical(column_ref("window_end"));
  }
  static bool mentions_window(const Node& expression) {
    bool found = false;
    walk(expression, [&](const Node& node) {
      if (is_class(node, "COLUMN_REF")) {
        for (const std::string& part : parts_of(node)) {
          found |= lower(part) == "window_start" || lower(part) == "window_end";
        }
      }
      return !found;
    });
    return found;
  }

  Analysed<void> find_keys() {
    if (query_.at("group_sets").size() > 1) {
      return sql_fault(code, 0,
                       "ROLLUP, CUBE and GROUPING SETS can't be kept up to date: write one "
                       "view for each grouping");
    }
    std::vector<Node> keys;
    if (text_in(query_, "aggregate_handling") == "FORCE_AGGREGATES") {
      for (const Node& item : scope_.items()) {
        if (find_aggregate(item, binding_.functions()) == nullptr) keys.push_back(item);
      }
    }
    for (const Node& group : query_.at("group_expressions")) {
      keys.push_back(LEAT_TRY_SQL(group_key(group)));
      if (const Node* aggregate = find_aggregate(keys.back(), binding_.functions())) {
        return sql_fault("sql-invalid", position_of(*aggregate), "GROUP BY can't hold {}",
                         written_name(*aggregate));
      }
    }
    if (is_hop()) {
      std::ranges::stable_partition(keys, [&](const Node& key) { return is_window_bound(key); });
    }
    for (const Node& key : keys) column_of(key);
    out_.key_count = columns_.size();
    return {};
  }

  /// GROUP BY 1 means the first item of SELECT.
  Analysed<Node> group_key(const Node& group) const {
    if (is_class(group, "CONSTANT")) {
      const Node& value = group.at("value");
      const auto number = value.find("value");
      if (number != value.end() && number->is_number_integer()) {
        const auto index = number->get<std::int64_t>();
        if (index >= 1 && static_cast<std::size_t>(index) <= scope_.items().size()) {
          return scope_.items()[static_cast<std::size_t>(index) - 1];
        }
      }
    }
    return scope_.resolved(group);
  }

  /// The column of `pre` that holds this expression, which is added when it is new.
  std::size_t column_of(const Node& expression) {
    const auto [found, added] = places_.try_emplace(scope_.canonical(expression), columns_.size());
    if (added) columns_.push_back(expression);
    return found->second;
  }

  /// The expression over k0…, a0… in place of the input's columns.
  Analysed<Node> over_groups(const Node& expression) {
    Node out = expression;
    LEAT_TRY_SQL(rewrite(out, {}));
    return out;
  }

  Analysed<void> rewrite(Node& node, std::set<std::string> parameters) {
    if (!node.is_structured()) return {};
    if (is_class(node, "LAMBDA")) {
      for (const std::string& name : lambda_parameters(node)) parameters.insert(lower(name));
      return rewrite(node.at("expr"), std::move(parameters));
    }
    if (is_expression(node)) {
      if (const auto key = places_.find(scope_.canonical(node));
          key != places_.end() && key->second < out_.key_count) {
        return put(node, column_ref(fmt::format("k{}", key->second)));
      }
      if (is_class(node, "COLUMN_REF")) return rewrite_column(node, parameters);
      if (is_class(node, "FUNCTION")) {
        const std::string name = function_name(node);
        if (binding_.functions().is_aggregate(name)) return rewrite_aggregate(node);
        LEAT_TRY_SQL(refuse_function(node, name));
      }
    }
    for (auto& child : node) {
      if (auto done = rewrite(child, parameters); !done) return done;
    }
    return {};
  }

  static Analysed<void> put(Node& node, Node replacement) {
    replacement["alias"] = text_in(node, "alias");
    node = std::move(replacement);
    return {};
  }

  Analysed<void> refuse_function(const Node& node, const std::string& name) const {
    if (binding_.functions().is_aggregate_macro(name)) {
      return sql_fault(
          code, position_of(node),
          "{}() can't be kept up to date as it stands: write it out with sum and count", name);
    }
    if (name == "unnest" || name == "generate_subscripts" || name == "grouping" ||
        name == "grouping_id") {
      return sql_fault(code, position_of(node), "{} can't have {}()", place, name);
    }
    return {};
  }

  /// A field of a key that is a struct: k0.field. Other columns would have been refused by DuckDB.
  Analysed<void> rewrite_column(Node& node, const std::set<std::string>& parameters) const {
    auto parts = parts_of(node);
    if (parameters.contains(lower(parts[0]))) return {};
    if (parts.size() > 1 && lower(parts[0]) == lower(scope_.alias())) parts.erase(parts.begin());
    const auto key = places_.find(scope_.canonical(column_ref(parts[0])));
    if (key == places_.end() || key->second >= out_.key_count) {
      return sql_fault("not-grouped", position_of(node),
                       "column \"{0}\" is neither grouped nor aggregated: add it to GROUP BY, or "
                       "write first(\"{0}\")",
                       parts.back());
    }
    parts[0] = fmt::format("k{}", key->second);
    node["column_names"] = parts;
    return {};
  }

  Analysed<void> rewrite_aggregate(Node& node) {
    const AggregateForm form = LEAT_TRY_SQL(aggregate_form(node, weighted_));
    const Type written = LEAT_TRY_SQL(type_of(node));
    AggregateCall call{form.function, {}, {}, form.distinct};
    call.result = aggregate_type(form, written);
    for (std::size_t i = 0; i < form.arguments.size(); ++i) {
      const Type type = LEAT_TRY_SQL(type_of(form.arguments[i]));
      Type wanted = type;
      if (i == 0) {
        wanted = LEAT_TRY_SQL(argument_type(form, type, written, position_of(node)));
        call.argument_type = wanted;
      }
      if (i + 1 == form.arguments.size() && can_be_kept(wanted)) {
        LEAT_TRY_SQL(check_ordered(form, function_name(node), wanted, position_of(node)));
      }
      call.arguments.push_back(LEAT_TRY_SQL(column_of_type(form.arguments[i], type, wanted)));
    }
    if (form.filter) {
      const Type boolean = Type::of(DUCKDB_TYPE_BOOLEAN);
      const Type type = LEAT_TRY_SQL(type_of(*form.filter));
      call.filter = LEAT_TRY_SQL(column_of_type(*form.filter, type, boolean));
    }
    Node reference = column_ref(fmt::format("a{}", place_of(call)));
    if (!(call.result == written)) reference = LEAT_TRY_SQL(cast(reference, written));
    return put(node, std::move(reference));
  }

  Analysed<std::size_t> column_of_type(const Node& expression, const Type& type,
                                       const Type& wanted) {
    if (type == wanted) return column_of(expression);
    return column_of(LEAT_TRY_SQL(cast(expression, wanted)));
  }

  /// Equal calls are kept once.
  std::size_t place_of(const AggregateCall& call) {
    for (std::size_t i = 0; i < out_.aggregates.size(); ++i) {
      const AggregateCall& known = out_.aggregates[i];
      if (known.function == call.function && known.arguments == call.arguments &&
          known.filter == call.filter && known.distinct == call.distinct &&
          known.result == call.result) {
        return i;
      }
    }
    out_.aggregates.push_back(call);
    return out_.aggregates.size() - 1;
  }

  Analysed<Node> cast(const Node& expression, const Type& type) {
    Node node = LEAT_TRY_SQL(binding_.expression_of("SELECT CAST(x AS " + type.to_sql() + ")"));
    node.at("child") = expression;
    node.at("child")["alias"] = "";
    return node;
  }

  Analysed<Type> type_of(const Node& expression) {
    Node query = LEAT_TRY_SQL(binding_.parse("SELECT 1 FROM " + source_.text));
    query.at("select_list") = Node::array({expression});
    const std::string sql = LEAT_TRY_SQL(binding_.to_sql(query));
    const Schema schema = LEAT_TRY_SQL(binding_.bind_rewritten(sql, input()));
    return schema[0].type;
  }

  std::optional<AggregateQuery::RowTime> row_time() const {
    if (weighted_) return std::nullopt;
    for (const auto& [column, time] : source_.relation->event_times) {
      if (time.bounds_window) continue;
      return AggregateQuery::RowTime{column, source_.relation->behind_us + time.behind_us};
    }
    return std::nullopt;
  }

  Program::Input input() const { return {source_.relation->schema, true, weighted_}; }

  Analysed<void> write_pre() {
    out_.pre = LEAT_TRY_SQL(pre_over(source_.text));
    if (panes_suffice()) {
      out_.panes = LEAT_TRY_SQL(pre_over(
          fmt::format("({}) AS {}", source_.window->pane_source, quoted_name(source_.alias))));
    }
    const Schema bound = LEAT_TRY_SQL(binding_.bind_rewritten(out_.pre, input()));
    std::vector<Column> columns(bound.begin(),
                                bound.begin() + static_cast<std::ptrdiff_t>(columns_.size()));
    for (const Column& column : columns) {
      if (!can_be_kept(column.type)) {
        return sql_fault("type-mismatch", 0,
                         "the query groups or aggregates {}, which can't be kept: cast it, as in "
                         "::VARCHAR",
                         column.type.to_sql());
      }
    }
    out_.pre_schema = Schema(std::move(columns));
    return {};
  }

  /// Nothing but the keys depends on which of its windows a row is looked at in.
  bool panes_suffice() const {
    if (!is_hop() || weighted_) return false;
    const Node& where = query_.at("where_clause");
    if (!where.is_null() && mentions_window(scope_.resolved(where))) return false;
    const auto is_bound_key = [&](std::size_t column) {
      return column < out_.key_count && is_window_bound(columns_[column]);
    };
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (mentions_window(columns_[i]) && !is_bound_key(i)) return false;
    }
    return std::ranges::none_of(out_.aggregates, [&](const AggregateCall& call) {
      return std::ranges::any_of(call.arguments, is_bound_key);
    });
  }

  Analysed<std::string> pre_over(const std::string& source) {
    Node pre = LEAT_TRY_SQL(binding_.parse("SELECT 1 FROM " + source));
    Node list = Node::array();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      Node column = columns_[i];
      column["alias"] = i < out_.key_count ? fmt::format("k{}", i) : fmt::format("p{}", i);
      list.push_back(std::move(column));
    }
    list.push_back(column_ref(row_column));
    if (weighted_) list.push_back(column_ref(weight_column));
    pre.at("select_list") = std::move(list);
    if (!query_.at("where_clause").is_null()) {
      pre.at("where_clause") = scope_.resolved(query_.at("where_clause"));
    }
    return text_with_shared(binding_, pre, input());
  }

  Analysed<void> write_post(std::vector<Node> items, Node having) {
    std::vector<Column> groups;
    for (std::size_t i = 0; i < out_.key_count; ++i) {
      groups.push_back({fmt::format("k{}", i), out_.pre_schema[i].type});
    }
    for (std::size_t i = 0; i < out_.aggregates.size(); ++i) {
      groups.push_back({fmt::format("a{}", i), out_.aggregates[i].result});
    }
    out_.groups = Schema(std::move(groups));
    Node post = LEAT_TRY_SQL(binding_.parse(fmt::format("SELECT 1 FROM {}()", input_function)));
    items.push_back(column_ref(row_column));
    post.at("select_list") = std::move(items);
    post.at("where_clause") = std::move(having);
    out_.post = LEAT_TRY_SQL(binding_.to_sql(post));
    const Schema bound =
        LEAT_TRY_SQL(binding_.bind_rewritten(out_.post, {out_.groups, true, false}));
    for (std::size_t i = 0; i < out_.output.size(); ++i) {
      if (bound[i] != out_.output[i]) {
        return sql_fault(
            "unsupported-sql", 0,
            "column \"{}\" would be {} when kept up to date and {} at once: cast it to "
            "one of them",
            out_.output[i].name, bound[i].type.to_sql(), out_.output[i].type.to_sql());
      }
    }
    return {};
  }

  /// A key that says the window of the input's rows.
  void place_window_of_input() {
    for (std::size_t i = 0; i < out_.key_count; ++i) {
      if (!is_class(columns_[i], "COLUMN_REF")) continue;
      const Relation& input = *source_.relation;
      const auto column = input.schema.find(parts_of(columns_[i]).back());
      const auto time = column ? input.event_times.find(*column) : input.event_times.end();
      if (time == input.event_times.end() || !time->second.bounds_window) continue;
      out_.window_key = WindowKey{i, time->second.behind_us};
      return;
    }
  }

  Analysed<void> place_window() {
    if (!source_.window) {
      place_window_of_input();
      return {};
    }
    out_.window = source_.window->window;
    const auto key_of = [&](const char* name) -> std::optional<std::size_t> {
      const auto found = places_.find(scope_.canonical(column_ref(name)));
      if (found == places_.end() || found->second >= out_.key_count) return std::nullopt;
      return found->second;
    };
    out_.window->start_key = key_of("window_start");
    out_.window->end_key = key_of("window_end");
    const std::size_t at = position_of(query_.at("from_table"));
    if (!out_.window->start_key && !out_.window->end_key) {
      return sql_fault(code, at,
                       "a query over {}(…) groups by its window: add GROUP BY window_start",
                       source_.window->function);
    }
    if (out_.window->kind == Window::Kind::cumulate && !out_.window->end_key) {
      return sql_fault(code, at,
                       "windows of cumulate(…) that begin together are told apart by their end: "
                       "add GROUP BY window_start, window_end");
    }
    out_.window_key = out_.window->end_key
                          ? WindowKey{*out_.window->end_key, 0}
                          : WindowKey{*out_.window->start_key, out_.window->size_us};
    return {};
  }

  Binding& binding_;
  const Node& query_;
  const Source source_;
  const AggregateScope scope_;
  const bool weighted_;
  std::vector<Node> columns_;                  // of pre: keys, then arguments and filters
  std::map<std::string, std::size_t> places_;  // canonical text → index in columns_
  AggregateQuery out_;
};

}  // namespace

Analysed<AggregateQuery> analyse_aggregate_query(Binding& binding, std::string_view sql,
                                                 const Catalog& catalog) {
  std::vector<std::string> columns;
  for (const auto& [name, relation] : catalog) {
    for (const Column& column : relation.schema) columns.push_back(column.name);
  }
  return analyse_aggregate_query(binding, LEAT_TRY_SQL(binding.parse(sql, columns)), sql, catalog);
}

Analysed<AggregateQuery> analyse_aggregate_query(Binding& binding, const Node& query,
                                                 std::string_view sql, const Catalog& catalog) {
  LEAT_TRY_SQL(refuse_clauses(query, code, place));
  Source source = LEAT_TRY_SQL(source_of(query.at("from_table"), catalog));
  LEAT_TRY_SQL(refuse_unreplayable(query, source.columns, binding.functions(), code, place));
  const Schema output = LEAT_TRY_SQL(bind_as_written(binding, sql, query, source));
  LEAT_TRY_SQL(refuse_output(output));
  AggregateScope scope = LEAT_TRY_SQL(AggregateScope::of(query, source.columns, source.alias));
  return Decomposition(binding, query, std::move(source), std::move(scope)).run(output);
}

}  // namespace leat::sql

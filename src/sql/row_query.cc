#include "sql/row_query.h"

#include <algorithm>
#include <set>

#include "model/vector_shape.h"
#include "sql/engine.h"
#include "sql/lookup_join.h"
#include "sql/now.h"
#include "sql/picked_columns.h"
#include "sql/refusal.h"
#include "sql/shared_expressions.h"

namespace leat::sql {
namespace {

constexpr std::string_view place = "a stream's query";
constexpr std::string_view code = "not-row-wise";

Analysed<void> refuse_grouping(const Node& query, const FunctionCatalog& functions) {
  for (const char* clause : {"group_expressions", "having"}) {
    const Node& node = query.at(clause);
    if (node.is_null() || node.empty()) continue;
    return sql_fault(code, position_of(node.is_array() ? node[0] : node),
                     "{} works on each row alone: GROUP BY and HAVING belong into a view", place);
  }
  if (text_in(query, "aggregate_handling") == "FORCE_AGGREGATES") {
    return sql_fault(code, 0, "{} works on each row alone: GROUP BY ALL belongs into a view",
                     place);
  }
  if (const Node* aggregate = find_aggregate(query, functions)) {
    return sql_fault(code, position_of(*aggregate),
                     "{} works on each row alone: {} belongs into a view", place,
                     written_name(*aggregate));
  }
  return {};
}

/// The name under which the query knows its input; a fault when it reads something else.
Analysed<std::string> input_alias(const Node& from, const std::string& input,
                                  const Catalog& catalog) {
  const std::string type = text_in(from, "type");
  if (type == "EMPTY") return input;
  if (type != "BASE_TABLE" || !text_in(from, "schema_name").empty()) {
    return sql_fault(code, position_of(from), "{} reads \"{}\" alone: leave FROM out", place,
                     input);
  }
  const std::string name = text_in(from, "table_name");
  if (lower(name) != lower(input)) {
    LEAT_TRY_SQL(find_relation(catalog, name, position_of(from)));
    return sql_fault("unknown-table", position_of(from),
                     "the stream is from \"{}\", its query reads \"{}\": make them the same", input,
                     name);
  }
  const std::string alias = text_in(from, "alias");
  return alias.empty() ? name : alias;
}

/// Whether the select list is a lone `*` and nothing is filtered.
bool is_identity(const Node& query) {
  const Node& list = query.at("select_list");
  return list.size() == 1 && is_class(list[0], "STAR") && !list[0].value("columns", false) &&
         list[0].at("exclude_list").empty() && list[0].at("replace_list").empty() &&
         list[0].value("qualified_exclude_list", Node::array()).empty() &&
         list[0].value("rename_list", Node::array()).empty() && query.at("where_clause").is_null();
}

/// COLUMNS('regex') and COLUMNS(c -> …) as a choice among the input's own columns, so that they
/// can't match the added ones.
Analysed<void> bound_columns_expression(Binding& binding, Node& star, const Schema& schema) {
  std::string names;
  for (const Column& column : schema) {
    std::string text = "'";
    for (const char c : column.name) text += c == '\'' ? "''" : std::string(1, c);
    names += (names.empty() ? "" : ", ") + text + "'";
  }
  const bool lambda = is_class(star.at("expr"), "LAMBDA");
  Node filter = LEAT_TRY_SQL(binding.expression_of(
      lambda ? "SELECT list_filter([" + names + "], lambda c: true)"
             : "SELECT list_filter([" + names + "], lambda c: regexp_matches(c, ''))"));
  Node& predicate = filter.at("children")[1];
  if (lambda) {
    predicate = star.at("expr");
  } else if (is_class(star.at("expr"), "CONSTANT")) {
    predicate.at("expr").at("children")[1] = star.at("expr");
  } else {
    return {};  // a list of names: can't match by accident
  }
  star.at("expr") = std::move(filter);
  return {};
}

/// Keeps every star from the added columns. `timed`: when the record came is one of them; `beside`:
/// found_column is one of each table.
Analysed<void> exclude_added_columns(Binding& binding, Node& query, const std::string& alias,
                                     const Schema& schema, bool timed, bool beside) {
  Analysed<void> done;
  walk(query, [&](Node& node) {
    if (!done || !is_class(node, "STAR")) return done.has_value();
    if (node.contains("expr") && !node.at("expr").is_null()) {
      done = bound_columns_expression(binding, node, schema);
      return done.has_value();
    }
    const std::string relation = lower(text_in(node, "relation_name"));
    const bool of_input = relation == lower(alias);
    Node& excluded = node.at("exclude_list");
    if (relation.empty() || of_input) {
      excluded.push_back(row_column);
      if (timed) excluded.push_back(came_column);
    }
    if (beside && !of_input) excluded.push_back(found_column);
    return true;
  });
  return done;
}

/// Puts the record's time in the place of now() and the like. Items keep the names that they have.
Analysed<bool> with_now_replaced(Binding& binding, Node& query, const std::string& alias,
                                 const Schema& columns) {
  Node replaced = query;
  if (!LEAT_TRY_SQL(replace_now(binding, replaced, columns, alias))) return false;
  for (std::size_t i = 0; i < query.at("select_list").size(); ++i) {
    LEAT_TRY_SQL(name_item(binding, query["select_list"][i]));
    Node& item = replaced["select_list"][i];
    if (!is_class(item, "STAR")) item["alias"] = query["select_list"][i]["alias"];
  }
  query = std::move(replaced);
  return true;
}

/// `from`: the query's FROM over functions of ours.
Analysed<std::string> rewritten(Binding& binding, Node query, Node from, const std::string& alias,
                                const Schema& schema) {
  const bool joined = text_in(from, "type") == "JOIN";
  const bool beside = joined && text_in(from, "ref_type") == "POSITIONAL";
  const bool timed = reads_came(query.dump(-1, ' ', false, Node::error_handler_t::replace));
  query.at("from_table") = std::move(from);
  LEAT_TRY_SQL(exclude_added_columns(binding, query, alias, schema, timed, beside));
  query.at("select_list").push_back(column_ref(row_column));
  if (joined && !beside) {
    // A join gives its rows in any order, and what is first and last counts further on.
    const std::string ordered = fmt::format("SELECT 1 AS {0} ORDER BY {0}", row_column);
    query.at("modifiers") = LEAT_TRY_SQL(binding.parse(ordered)).at("modifiers");
  }
  if (joined) return binding.to_sql(query);
  return text_with_shared(binding, query, {timed ? with_came(schema) : schema, true, false});
}

/// The names that a plain star stands for: a column reference each. Nothing for any other star.
std::optional<Node> columns_of_star(const Node& star, const std::string& alias,
                                    const Schema& schema) {
  const std::string relation = text_in(star, "relation_name");
  const bool of_input = relation.empty() || lower(relation) == lower(alias);
  if (!of_input || !is_plain_star(star)) return std::nullopt;
  std::set<std::string> excluded;
  for (const Node& name : star.at("exclude_list")) {
    if (!name.is_string()) return std::nullopt;
    excluded.insert(lower(name.get<std::string>()));
  }
  Node columns = Node::array();
  for (const Column& column : schema) {
    if (!excluded.contains(lower(column.name))) columns.push_back(column_ref(column.name));
  }
  return columns;
}

/// Names that expressions may mean an alias of the select list by.
std::set<std::string> referenced_names(const Node& query) {
  std::set<std::string> names;
  walk(query, [&](const Node& node) {
    if (is_class(node, "COLUMN_REF")) names.insert(lower(parts_of(node)[0]));
    return true;
  });
  return names;
}

/// Fills in `passes` and `rest` where that is possible and the rest still binds to the same types.
/// `schema` is what stars stand for.
Analysed<void> leave_out_passed_columns(Binding& binding, const Node& query,
                                        const std::string& alias, const Schema& schema,
                                        RowQuery& out) {
  Node list = Node::array();
  for (const Node& item : query.at("select_list")) {
    if (!is_class(item, "STAR")) {
      list.push_back(item);
      continue;
    }
    const std::optional<Node> columns = columns_of_star(item, alias, schema);
    if (!columns) return {};
    for (const Node& column : *columns) list.push_back(column);
  }
  if (list.size() != out.output.size()) return {};
  const Schema input = with_came(schema, out.sql);
  const std::set<std::string> referenced = referenced_names(query);
  std::vector<std::optional<std::size_t>> passes(list.size());
  Node computed = Node::array();
  std::vector<Column> expected;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Column& column = out.output[i];
    // What others may know by this name has to stay, unless they mean the input's.
    const bool needed = !schema.find(column.name) && referenced.contains(lower(column.name));
    if (!needed) passes[i] = column_meant(list[i], alias, input);
    if (passes[i] && input[*passes[i]].type == column.type && is_passable(column.type)) continue;
    passes[i].reset();
    computed.push_back(list[i]);
    expected.push_back(column);
  }
  if (computed.size() == list.size()) return {};
  std::string rest;
  if (!computed.empty() || !query.at("where_clause").is_null()) {
    Node shorter = query;
    shorter.at("select_list") = std::move(computed);
    Node from = LEAT_TRY_SQL(from_input(binding, alias));
    rest = LEAT_TRY_SQL(rewritten(binding, std::move(shorter), std::move(from), alias, schema));
    const auto bound = binding.bind_rewritten(rest, {input, true, false});
    expected.push_back({row_column, Type::of(DUCKDB_TYPE_BIGINT)});
    const auto types_equal = [](const Column& left, const Column& right) {
      return left.type == right.type;
    };
    if (!bound || !std::ranges::equal(*bound, expected, types_equal)) return {};
  }
  out.passes = std::move(passes);
  out.rest = std::move(rest);
  return {};
}

/// Binds what the user wrote, so that faults point into it.
Analysed<Schema> bind_as_written(Binding& binding, std::string_view sql, const Node& query,
                                 const std::string& input, const Schema& schema,
                                 const std::vector<JoinedNames::Table>& tables) {
  LEAT_TRY_SQL(binding.declare(input, schema));
  NamesInScope names = binding.names_of(schema, input);
  for (const JoinedNames::Table& table : tables) {
    LEAT_TRY_SQL(binding.declare(table.name, table.relation->schema));
    names.tables.push_back(table.name);
    for (std::string& column : table.relation->schema.names()) {
      names.columns.push_back(std::move(column));
    }
  }
  if (text_in(query.at("from_table"), "type") != "EMPTY") {
    return binding.bind(std::string(sql), {schema}, names);
  }
  const std::string prefix = "FROM " + quoted_name(input) + " ";
  if (binding.parse(prefix + std::string(sql))) {
    return binding.bind(prefix + std::string(sql), {schema}, names, prefix.size());
  }
  // Parentheses around the whole, say: the tree still knows where FROM goes, without positions.
  Node with_from = query;
  with_from.at("from_table") = LEAT_TRY_SQL(binding.from_of("SELECT * " + prefix));
  const std::string text = LEAT_TRY_SQL(binding.to_sql(with_from));
  return binding.bind(text, {schema}, names);
}

}  // namespace

Analysed<Node> from_input(Binding& binding, const std::string& alias) {
  return binding.from_of(
      fmt::format("SELECT * FROM {}() AS {}", input_function, quoted_name(alias)));
}

std::optional<std::size_t> column_meant(const Node& expression, const std::string& alias,
                                        const Schema& schema) {
  if (!is_class(expression, "COLUMN_REF")) return std::nullopt;
  const auto parts = parts_of(expression);
  const bool qualified = parts.size() == 2 && lower(parts[0]) == lower(alias);
  if (parts.size() > 1 && !qualified) return std::nullopt;
  return schema.find(parts.back());
}

bool is_passable(const Type& type) {
  const VectorShape shape = VectorShape::of(type);
  return shape.kind == VectorShape::Kind::fixed || shape.kind == VectorShape::Kind::text;
}

Schema Lookup::beside_schema() const {
  std::vector<Column> columns;
  for (const std::size_t column : beside) columns.push_back(schema[column]);
  columns.push_back({found_column, Type::of(DUCKDB_TYPE_BOOLEAN)});
  return Schema(std::move(columns));
}

Analysed<const Relation*> find_relation(const Catalog& catalog, const std::string& name,
                                        std::size_t position) {
  std::vector<std::string> names;
  for (const auto& [known, relation] : catalog) {
    if (lower(known) == lower(name)) return &relation;
    names.push_back(known);
  }
  return sql_fault("unknown-table", position, "there is no stream or view \"{}\"{}", name,
                   suggestion(name, names));
}

Analysed<void> refuse_output(const Schema& output) {
  std::set<std::string> seen;
  for (const Column& column : output) {
    const std::string name = lower(column.name);
    if (name.starts_with("__leat_")) {
      return sql_fault("reserved-name", 0, "names that begin with __leat_ are Leat's own: \"{}\"",
                       column.name);
    }
    if (!can_be_kept(column.type)) {
      return sql_fault("type-mismatch", 0,
                       "column \"{}\" is {}, which can't be kept: cast it, as in ::VARCHAR",
                       column.name, column.type.to_sql());
    }
    if (!seen.insert(name).second) {
      return sql_fault("duplicate-column", 0,
                       "two columns of the result are called \"{0}\": name one with AS, or leave "
                       "it out of the star: * EXCLUDE (\"{0}\")",
                       column.name);
    }
  }
  return {};
}

std::vector<bool> columns_read(const Node& query, const Schema& schema, const std::string& alias) {
  std::vector<bool> reads(schema.size(), false);
  const auto mark = [&](const std::string& name) {
    if (const auto index = schema.find(name)) reads[*index] = true;
  };
  walk(query, [&](const Node& node) {
    if (is_class(node, "COLUMN_REF")) {
      const auto parts = parts_of(node);
      mark(parts[0]);
      if (parts.size() > 1 && lower(parts[0]) == lower(alias)) mark(parts[1]);
    }
    if (is_class(node, "STAR")) {
      const std::string relation = text_in(node, "relation_name");
      std::set<std::string> excluded;
      for (const Node& name : node.at("exclude_list")) {
        if (name.is_string()) excluded.insert(lower(name.get<std::string>()));
      }
      for (const Column& column : schema) {
        if (!excluded.contains(lower(column.name))) mark(column.name);
      }
      mark(relation);
    }
    return true;
  });
  return reads;
}

namespace {

/// The streams' columns and those of the tables that it is joined with.
Schema with_tables(const Schema& stream, const std::vector<JoinedNames::Table>& tables) {
  std::vector<Column> columns = stream.columns();
  for (const JoinedNames::Table& table : tables) {
    columns.insert(columns.end(), table.relation->schema.begin(), table.relation->schema.end());
  }
  return Schema(std::move(columns));
}

/// What a rewritten query with this output yields.
Schema with_row(const Schema& output) {
  std::vector<Column> columns = output.columns();
  columns.push_back({row_column, Type::of(DUCKDB_TYPE_BIGINT)});
  return Schema(std::move(columns));
}

/// COLUMNS(…) would have to be told which relation's columns it may choose.
Analysed<void> refuse_columns_expression(const Node& query) {
  Analysed<void> done;
  walk(query, [&](const Node& node) {
    const bool chooses =
        is_class(node, "STAR") && node.contains("expr") && !node.at("expr").is_null();
    if (done && chooses) {
      done = sql_fault("lookup-join", position_of(node),
                       "COLUMNS(…) can't be used in a query with a join: name the columns");
    }
    return done.has_value();
  });
  return done;
}

/// Which relations the query reads, and by which names.
Analysed<JoinedNames> names_in(const Node& query, const std::string& input,
                               const Catalog& catalog) {
  const Node& from = query.at("from_table");
  if (text_in(from, "type") != "JOIN") {
    return JoinedNames{LEAT_TRY_SQL(input_alias(from, input, catalog)), {}};
  }
  LEAT_TRY_SQL(refuse_columns_expression(query));
  return joined_names(from, input, catalog);
}

/// Fills in `beside`, and what it reads of each lookup, where the query can be said so.
Analysed<void> lay_beside(Binding& binding, const Node& written, const LookupJoins& joins,
                          const Schema& schema, RowQuery& out) {
  if (!joins.beside) return {};
  Node query = written;
  query.at("where_clause") = conjunction_of(joins.beside->conditions);
  query.at("from_table") = Node::object();
  Program::Input input{.schema = with_came(schema, out.sql), .with_row = true};
  for (std::size_t i = 0; i < out.lookups.size(); ++i) {
    Lookup& lookup = out.lookups[i];
    const std::vector<bool> reads = columns_read(query, lookup.schema, lookup.relation);
    for (std::size_t column = 0; column < reads.size(); ++column) {
      const auto same = [&](const std::string& used) {
        return lower(used) == lower(lookup.schema[column].name);
      };
      const bool used = std::ranges::any_of(joins.used, same);
      if (joins.beside->seen[i] && reads[column] && !used) lookup.beside.push_back(column);
    }
    input.lookups.push_back({lookup.relation, lookup.beside_schema()});
  }
  std::string sql = LEAT_TRY_SQL(
      rewritten(binding, std::move(query), joins.beside->from, joins.input_alias, schema));
  const auto bound = binding.bind_rewritten(sql, input);
  if (!bound || *bound != with_row(out.output)) return {};
  out.beside = std::move(sql);
  pick_columns(written, joins, schema, out);
  return {};
}

}  // namespace

Analysed<RowQuery> analyse_row_query(Binding& binding, std::string_view sql,
                                     const std::string& input, const Catalog& catalog) {
  const Relation* relation = LEAT_TRY_SQL(find_relation(catalog, input, 0));
  const Schema& schema = relation->schema;
  const Node written = LEAT_TRY_SQL(binding.parse(sql, schema.names()));
  LEAT_TRY_SQL(refuse_clauses(written, code, place, Joins::allowed));
  const JoinedNames names = LEAT_TRY_SQL(names_in(written, input, catalog));
  const Schema columns = with_tables(schema, names.tables);
  LEAT_TRY_SQL(
      refuse_unreplayable(written, columns, binding.functions(), code, place, Now::allowed));
  LEAT_TRY_SQL(refuse_grouping(written, binding.functions()));

  RowQuery out;
  out.input = input;
  out.output = LEAT_TRY_SQL(bind_as_written(binding, sql, written, input, schema, names.tables));
  LEAT_TRY_SQL(refuse_output(out.output));
  Node query = written;
  Catalog timed = catalog;
  if (LEAT_TRY_SQL(with_now_replaced(binding, query, names.input_alias, columns))) {
    timed.find(input)->second.schema = with_came(schema);
  }
  out.reads = columns_read(query, schema, names.input_alias);
  std::optional<LookupJoins> joins;
  if (!names.tables.empty()) {
    joins = LEAT_TRY_SQL(read_lookup_joins(binding, query, input, timed));
    for (const std::string& column : joins->used) out.reads[*schema.find(column)] = true;
    out.lookups = std::move(joins->lookups);
    out.keys = std::move(joins->keys);
  }
  Node from = joins ? joins->from : LEAT_TRY_SQL(from_input(binding, names.input_alias));
  out.sql = LEAT_TRY_SQL(rewritten(binding, query, std::move(from), names.input_alias, schema));
  Program::Input bound_input{.schema = with_came(schema, out.sql), .with_row = true};
  for (const Lookup& lookup : out.lookups) {
    bound_input.lookups.push_back({lookup.relation, lookup.schema});
  }
  const Schema bound = LEAT_TRY_SQL(binding.bind_rewritten(out.sql, bound_input));
  if (bound != with_row(out.output)) {
    return sql_fault("unsupported-sql", 0,
                     "this query can't be run row by row as it is written: name each column");
  }
  if (joins) LEAT_TRY_SQL(lay_beside(binding, query, *joins, schema, out));
  out.identity = out.lookups.empty() && is_identity(query);
  if (!out.identity && out.lookups.empty()) {
    LEAT_TRY_SQL(leave_out_passed_columns(binding, query, names.input_alias, schema, out));
  }
  return out;
}

}  // namespace leat::sql

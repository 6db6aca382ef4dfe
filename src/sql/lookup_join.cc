#include "sql/lookup_join.h"

#include <algorithm>
#include <array>

#include "sql/engine.h"
#include "sql/lookup_keys.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "lookup-join";

bool same(std::string_view left, std::string_view right) { return lower(left) == lower(right); }

std::string alias_of(const Node& table) {
  const std::string alias = text_in(table, "alias");
  return alias.empty() ? text_in(table, "table_name") : alias;
}

std::string names_of_key(const Relation& table) {
  std::string text;
  for (const std::size_t column : table.key) {
    text += (text.empty() ? "" : ", ") + table.schema[column].name;
  }
  return text;
}

Analysed<void> check_leaf(const Node& leaf, const std::string& input) {
  if (text_in(leaf, "type") == "JOIN") {
    return sql_fault(code, position_of(leaf),
                     "join the tables one after the other, without parentheses: FROM {} JOIN … ON "
                     "… JOIN … ON …",
                     input);
  }
  if (text_in(leaf, "type") != "BASE_TABLE" || !text_in(leaf, "schema_name").empty()) {
    return sql_fault(code, position_of(leaf),
                     "a stream's query joins its rows with tables and views alone, each by its "
                     "name");
  }
  if (!leaf.value("column_name_alias", Node::array()).empty()) {
    return sql_fault(code, position_of(leaf),
                     "a stream's query can't rename columns in FROM: use AS in SELECT");
  }
  if (const auto sample = leaf.find("sample"); sample != leaf.end() && !sample->is_null()) {
    return sql_fault("not-deterministic", position_of(leaf),
                     "a stream's query can't take a SAMPLE: a replay would give other rows");
  }
  return {};
}

/// Reads the joins from left to right; the stream comes first.
class JoinsReader {
 public:
  JoinsReader(const std::string& input, const Catalog& catalog)
      : input_(input), catalog_(catalog) {}

  Analysed<void> take(const Node& from) {
    if (text_in(from, "type") == "JOIN" && text_in(from.at("left"), "type") == "JOIN") {
      LEAT_TRY_SQL(take(from.at("left")));
    } else {
      LEAT_TRY_SQL(take_input(from.at("left")));
    }
    const Node& right = from.at("right");
    LEAT_TRY_SQL(check_leaf(right, input_));
    LEAT_TRY_SQL(check_join(from, right));
    return take_table(from, right);
  }

  JoinedNames names;

 private:
  Analysed<void> take_input(const Node& leaf) {
    LEAT_TRY_SQL(check_leaf(leaf, input_));
    if (!same(text_in(leaf, "table_name"), input_)) {
      return sql_fault(code, position_of(leaf),
                       "the stream is from \"{0}\", and its FROM must begin with it: FROM {0} JOIN "
                       "… ON …",
                       input_);
    }
    names.input_alias = alias_of(leaf);
    return {};
  }

  static Analysed<void> check_join(const Node& join, const Node& right) {
    static constexpr std::array<std::string_view, 4> kinds = {"INNER", "LEFT", "SEMI", "ANTI"};
    const std::string name = text_in(right, "table_name");
    const std::string kind = text_in(join, "join_type");
    if (text_in(join, "ref_type") != "REGULAR") {
      return sql_fault(code, position_of(right),
                       "the rows of \"{}\" are looked up by its key: write JOIN or LEFT JOIN, and "
                       "ON with its key",
                       name);
    }
    if (std::ranges::find(kinds, kind) == kinds.end()) {
      return sql_fault(code, position_of(right),
                       "a RIGHT or FULL JOIN needs all rows of \"{}\", and a stream looks up "
                       "those of its own rows: write LEFT JOIN, or JOIN",
                       name);
    }
    return {};
  }

  Analysed<void> take_table(const Node& join, const Node& right) {
    JoinedNames::Table table{.alias = alias_of(right),
                             .name = text_in(right, "table_name"),
                             .join = &join,
                             .position = position_of(right)};
    std::vector<std::string> known;
    for (const auto& [name, relation] : catalog_) {
      const bool looked_up =
          relation.kind == Relation::Kind::table || relation.kind == Relation::Kind::view;
      if (!looked_up) {
        if (same(name, table.name)) return refuse_stream(table);
        continue;
      }
      known.push_back(name);
      if (!same(name, table.name)) continue;
      table.relation = &relation;
      table.key = relation.key;
      table.name = name;
    }
    if (table.relation == nullptr) {
      return sql_fault("unknown-table", table.position,
                       "there is no table or view \"{}\"{}; a stream's query joins its rows with "
                       "these alone",
                       table.name, suggestion(table.name, known));
    }
    const auto taken = [&](const JoinedNames::Table& other) {
      return same(other.alias, table.alias);
    };
    if (same(table.alias, names.input_alias) || std::ranges::any_of(names.tables, taken)) {
      return sql_fault(code, table.position,
                       "\"{}\" stands in FROM twice: give each another name by AS", table.alias);
    }
    names.tables.push_back(std::move(table));
    return {};
  }

  static std::unexpected<SqlFault> refuse_stream(const JoinedNames::Table& table) {
    return sql_fault(code, table.position,
                     "\"{}\" is a stream, and a stream's query joins its rows with tables and "
                     "views, as of now: join streams in the query of a view",
                     table.name);
  }

  const std::string& input_;
  const Catalog& catalog_;
};

/// What an equality of ON says of a table's key, and which part of ON refers to which relation.
class KeyReader {
 public:
  KeyReader(const JoinedNames& names, const Schema& stream) : names_(names), stream_(stream) {}

  /// What ON and USING say of a table.
  struct Key {
    std::vector<Node> values;  ///< for each column of its key what the stream gives it
    std::vector<Node> rest;    ///< conditions of ON besides
  };

  /// A view's key becomes what is given a value.
  Analysed<Key> key_of(JoinedNames::Table& table, std::vector<std::string>& used) {
    const bool any_key = is_view(table);
    if (any_key) {
      for (std::size_t i = 0; i < table.relation->schema.size(); ++i) {
        if (!table.relation->schema[i].type.is_nested()) table.key.push_back(i);
      }
    }
    Key key{std::vector<Node>(table.key.size()), {}};
    for (const Node& condition : conjuncts_of(table.join->at("condition"))) {
      if (!LEAT_TRY_SQL(is_of_key(condition, table, key.values))) key.rest.push_back(condition);
    }
    LEAT_TRY_SQL(take_using(table, key.values, used));
    if (any_key) LEAT_TRY_SQL(keep_given(table, key.values));
    for (std::size_t i = 0; i < key.values.size(); ++i) {
      if (!key.values[i].is_null()) continue;
      const std::string& column = table.relation->schema[table.key[i]].name;
      return sql_fault(code, table.position,
                       "rows of \"{}\" are looked up by its whole key ({}): add {}.{} = and a "
                       "value of the stream's row to ON",
                       table.name, names_of_key(*table.relation), table.alias, column);
    }
    return key;
  }

  /// Whether an expression looks at the stream's row alone, by its columns' own names.
  bool is_of_stream(const Node& expression) const {
    bool is = true;
    walk(expression, [&](const Node& node) {
      if (is_class(node, "SUBQUERY") || is_class(node, "LAMBDA")) is = false;
      if (is_class(node, "COLUMN_REF")) {
        const auto parts = parts_of(node);
        const bool qualified = parts.size() > 1 && same(parts[0], names_.input_alias);
        is = is && (qualified || stream_.find(parts[0]).has_value());
      }
      return is;
    });
    return is;
  }

 private:
  static bool is_view(const JoinedNames::Table& table) {
    return table.relation->kind == Relation::Kind::view;
  }

  /// Leaves out the columns of a view that nothing is said of.
  static Analysed<void> keep_given(JoinedNames::Table& table, std::vector<Node>& values) {
    std::vector<std::size_t> key;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i].is_null()) key.push_back(table.key[i]);
    }
    if (key.empty()) {
      return sql_fault(code, table.position,
                       "rows of \"{}\" are looked up by values: add an equality of one of its "
                       "columns and a value of the stream's row to ON",
                       table.name);
    }
    std::erase_if(values, [](const Node& value) { return value.is_null(); });
    table.key = std::move(key);
    return {};
  }

  /// Whether a condition is an equality that gives a value to a part of the key that has none yet.
  Analysed<bool> is_of_key(const Node& condition, const JoinedNames::Table& table,
                           std::vector<Node>& values) {
    if (text_in(condition, "type") != "COMPARE_EQUAL") return false;
    const Node& left = condition.at("left");
    const Node& right = condition.at("right");
    for (const auto& [column, value] : {std::pair(&left, &right), std::pair(&right, &left)}) {
      const auto part = key_part(*column, table);
      if (!part || !values[*part].is_null()) continue;
      if (refers_to_table(*value)) {
        if (is_view(table)) continue;  // a condition besides
        return sql_fault(code, position_of(*value),
                         "the key of \"{}\" must come from the stream's own row: join the tables "
                         "one after the other, in a stream each",
                         table.name);
      }
      values[*part] = *value;
      return true;
    }
    return false;
  }

  Analysed<void> take_using(const JoinedNames::Table& table, std::vector<Node>& values,
                            std::vector<std::string>& used) {
    for (const Node& name : table.join->value("using_columns", Node::array())) {
      const auto column = table.relation->schema.find(name.get<std::string>());
      if (!column || !stream_.find(name.get<std::string>())) continue;
      const auto part = std::ranges::find(table.key, *column);
      used.push_back(name.get<std::string>());
      if (part == table.key.end()) continue;
      Node value = column_ref(name.get<std::string>());
      value["column_names"] = Node::array({names_.input_alias, name});
      values[static_cast<std::size_t>(part - table.key.begin())] = std::move(value);
    }
    return {};
  }

  /// Which part of the table's key an expression is.
  std::optional<std::size_t> key_part(const Node& node, const JoinedNames::Table& table) const {
    if (!is_class(node, "COLUMN_REF")) return std::nullopt;
    const auto parts = parts_of(node);
    const bool qualified = parts.size() == 2 && same(parts[0], table.alias);
    const bool alone = parts.size() == 1 && !stream_.find(parts[0]);
    if (!qualified && !alone) return std::nullopt;
    const auto column = table.relation->schema.find(parts.back());
    if (!column) return std::nullopt;
    const auto part = std::ranges::find(table.key, *column);
    if (part == table.key.end()) return std::nullopt;
    return static_cast<std::size_t>(part - table.key.begin());
  }

  bool refers_to_table(const Node& value) const {
    bool found = false;
    walk(value, [&](const Node& node) {
      if (is_class(node, "COLUMN_REF")) found = found || is_of_table(parts_of(node));
      return !found;
    });
    return found;
  }

  bool is_of_table(const std::vector<std::string>& parts) const {
    return std::ranges::any_of(names_.tables, [&](const JoinedNames::Table& table) {
      if (parts.size() > 1 && same(parts[0], table.alias)) return true;
      const bool streams = same(parts[0], names_.input_alias) || stream_.find(parts[0]);
      return !streams && table.relation->schema.find(parts[0]).has_value();
    });
  }

  const JoinedNames& names_;
  const Schema& stream_;
};

/// The conditions of WHERE.
struct Where {
  std::vector<Node> of_stream;  ///< that are about the stream's row alone
  std::vector<Node> rest;
};

/// FROM with the table functions in the place of names.
Analysed<Node> over_functions(Binding& binding, Node from, const std::string& input_alias) {
  const auto leaf = [&](const std::string& call, const std::string& alias) {
    return binding.from_of(fmt::format("SELECT * FROM {} AS {}", call, quoted_name(alias)));
  };
  Node& left = from.at("left");
  if (text_in(left, "type") == "JOIN") {
    left = LEAT_TRY_SQL(over_functions(binding, std::move(left), input_alias));
  } else {
    left = LEAT_TRY_SQL(leaf(fmt::format("{}()", input_function), input_alias));
  }
  Node& right = from.at("right");
  const std::string alias = alias_of(right);
  right = LEAT_TRY_SQL(leaf(fmt::format("{}({})", lookup_function, quoted_text(alias)), alias));
  return from;
}

/// FROM with the joins made positional.
Node without_joins(const Node& positional, Node from) {
  Node join = positional;
  Node& left = from.at("left");
  const bool chain = text_in(left, "type") == "JOIN";
  join.at("left") = chain ? without_joins(positional, std::move(left)) : std::move(left);
  join.at("right") = std::move(from.at("right"));
  return join;
}

Lookup::Wanted wanted_by(const JoinedNames::Table& table) {
  const std::string kind = text_in(*table.join, "join_type");
  if (kind == "LEFT") return Lookup::Wanted::either;
  return kind == "ANTI" ? Lookup::Wanted::no_row : Lookup::Wanted::row;
}

/// `then` where the condition is true, false elsewhere; `then` is not evaluated there.
Analysed<Node> only_where(Binding& binding, const Node& condition, Node then) {
  Node whole = LEAT_TRY_SQL(around(
      binding, fmt::format("CASE WHEN {} THEN true ELSE false END", placeholder), condition));
  whole.at("case_checks")[0].at("then_expr") = std::move(then);
  return whole;
}

/// What a join lets through, of rows with the table's beside them; null: all. Nothing where that
/// can't be said: a LEFT JOIN's row may be found and not match, and then is none.
Analysed<std::optional<Node>> passes_join(Binding& binding, const JoinedNames::Table& table,
                                          const std::vector<Node>& rest) {
  const Node found = column_of(table.alias, found_column);
  const bool inner = text_in(*table.join, "join_type") == "INNER";
  if (inner && !rest.empty()) return only_where(binding, found, conjunction_of(rest));
  if (!rest.empty()) return std::nullopt;
  const Lookup::Wanted wanted = wanted_by(table);
  if (wanted == Lookup::Wanted::either) return Node(nullptr);
  if (wanted == Lookup::Wanted::row) return found;
  return LEAT_TRY_SQL(around(binding, fmt::format("NOT {}", placeholder), found));
}

/// `rests`: of each table's ON what is not of the key. `from`: over functions.
Analysed<std::optional<LookupJoins::Beside>> beside(Binding& binding, const JoinedNames& names,
                                                    const std::vector<std::vector<Node>>& rests,
                                                    const Where& where, const Node& from) {
  LookupJoins::Beside out{.from = nullptr,
                          .conditions = where.of_stream,
                          .seen = {},
                          .only_wanted = where.rest.empty()};
  for (std::size_t i = 0; i < rests.size(); ++i) {
    const JoinedNames::Table& table = names.tables[i];
    const auto passes = LEAT_TRY_SQL(passes_join(binding, table, rests[i]));
    if (!passes) return std::nullopt;
    if (!passes->is_null()) out.conditions.push_back(*passes);
    out.only_wanted = out.only_wanted && rests[i].empty();
    const std::string kind = text_in(*table.join, "join_type");
    out.seen.push_back(kind != "SEMI" && kind != "ANTI");
  }
  out.conditions.insert(out.conditions.end(), where.rest.begin(), where.rest.end());
  const Node positional = LEAT_TRY_SQL(binding.from_of("SELECT * FROM a POSITIONAL JOIN b"));
  out.from = without_joins(positional, from);
  return out;
}

}  // namespace

Analysed<JoinedNames> joined_names(const Node& from, const std::string& input,
                                   const Catalog& catalog) {
  JoinsReader joins(input, catalog);
  LEAT_TRY_SQL(joins.take(from));
  return std::move(joins.names);
}

Analysed<LookupJoins> read_lookup_joins(Binding& binding, const Node& query,
                                        const std::string& input, const Catalog& catalog) {
  const Node& from = query.at("from_table");
  JoinedNames names = LEAT_TRY_SQL(joined_names(from, input, catalog));
  const Schema& stream = catalog.find(input)->second.schema;
  LookupJoins joins;
  joins.input_alias = names.input_alias;
  KeyReader keys(names, stream);
  Where where;
  for (Node& condition : conjuncts_of(query.at("where_clause"))) {
    auto& part = keys.is_of_stream(condition) ? where.of_stream : where.rest;
    part.push_back(std::move(condition));
  }
  LookupKeyQuery key_query(binding, names.input_alias, stream);
  std::vector<std::vector<Node>> rests;
  for (JoinedNames::Table& table : names.tables) {
    auto [values, rest] = LEAT_TRY_SQL(keys.key_of(table, joins.used));
    rests.push_back(std::move(rest));
    LEAT_TRY_SQL(key_query.add(*table.relation, table.alias, table.key, std::move(values)));
    joins.lookups.push_back({.table = table.name,
                             .relation = table.alias,
                             .schema = table.relation->schema,
                             .key = table.key,
                             .view = table.relation->kind == Relation::Kind::view,
                             .beside = {},
                             .wanted = wanted_by(table)});
  }
  joins.keys = LEAT_TRY_SQL(key_query.keys(where.of_stream));
  joins.from = LEAT_TRY_SQL(over_functions(binding, from, names.input_alias));
  joins.beside = LEAT_TRY_SQL(beside(binding, names, rests, where, joins.from));
  return joins;
}

}  // namespace leat::sql

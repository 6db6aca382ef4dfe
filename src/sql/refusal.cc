#include "sql/refusal.h"

#include <algorithm>
#include <array>

#include "model/vector_shape.h"
#include "sql/now.h"

namespace leat::sql {
namespace {

bool present(const Node& query, const char* key) {
  const auto found = query.find(key);
  return found != query.end() && !found->is_null();
}

class Unreplayable {
 public:
  Unreplayable(const Schema& columns, const FunctionCatalog& functions, std::string_view code,
               std::string_view place, Now now)
      : columns_(columns), functions_(functions), code_(code), place_(place), now_(now) {}

  Analysed<void> in(const Node& node) const {
    const std::string kind = text_in(node, "class");
    const std::size_t at = position_of(node);
    if (kind == "SUBQUERY") {
      return sql_fault(code_, at, "{} can't have a subquery: give it a stream or view of its own",
                       place_);
    }
    if (kind == "WINDOW") {
      return sql_fault(code_, at, "{} can't use {}(…) OVER: window functions need all rows at once",
                       place_, function_name(node));
    }
    if (kind == "PARAMETER") {
      return sql_fault(code_, at, "{} has no parameters: write the value in place of ? or $1",
                       place_);
    }
    if (now_ == Now::allowed && says_now(node, columns_)) return {};
    if (kind == "FUNCTION" && function_name(node) == "age" && node.at("children").size() == 1) {
      return sql_fault("not-deterministic", at,
                       "age() of one time counts from today, so a replay would give other rows: "
                       "give both, age(current_date, …)");
    }
    if (kind == "FUNCTION" && functions_.is_volatile(function_name(node))) {
      return sql_fault("not-deterministic", at,
                       "{}() gives another value each time, so a replay would give other rows: {}",
                       function_name(node), remedy_for(function_name(node)));
    }
    if (kind == "COLUMN_REF") return in_column(node, at);
    return {};
  }

 private:
  /// When a record came is known of it for ever, and what is made of its place is new each time.
  static std::string_view remedy_for(std::string_view name) {
    static constexpr std::array<std::string_view, 6> random = {
        "random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "setseed"};
    if (std::ranges::find(random, name) != random.end()) {
      return "make it of the record, as hash(…) or md5(…) of columns or of its place, which "
             "`{field: $partition}` and `{field: $offset}` give as columns of a stream";
    }
    const bool time = name.contains("now") || name.contains("time") || name.contains("date") ||
                      name == "today" || name == "get_current_timestamp";
    if (!time) return "take a column of the input instead";
    return "the time at which a record came is known of a stream's rows, so write it in the "
           "stream's "
           "select (or in a SELECT over the stream alone, in FROM), and read that column here; "
           "`{field: $timestamp, type: timestamptz}` under columns is the same";
  }

  Analysed<void> in_column(const Node& node, std::size_t at) const {
    const auto parts = parts_of(node);
    for (const std::string& part : parts) {
      if (lower(part).starts_with("__leat_") && !columns_.find(part)) {
        return sql_fault("unknown-column", at,
                         "\"{}\": names that begin with __leat_ are Leat's own", part);
      }
    }
    if (parts.size() == 1 && FunctionCatalog::is_time_word(parts[0]) && !columns_.find(parts[0])) {
      return sql_fault("not-deterministic", at,
                       "{} gives another value each time, so a replay would give other rows: {}",
                       parts[0], remedy_for(lower(parts[0])));
    }
    return {};
  }

  const Schema& columns_;
  const FunctionCatalog& functions_;
  std::string_view code_;
  std::string_view place_;
  Now now_;
};

Analysed<void> refuse_modifier(const Node& modifier, std::string_view code,
                               std::string_view place) {
  const std::string type = text_in(modifier, "type");
  std::size_t at = 0;
  walk(modifier, [&](const Node& node) {
    if (at == 0) at = position_of(node);
    return at == 0;
  });
  if (type == "ORDER_MODIFIER") {
    return sql_fault(code, at,
                     "{} can't have ORDER BY, for its rows are never complete: order them where "
                     "they are read, in a panel or with `leat sql`",
                     place);
  }
  if (type == "DISTINCT_MODIFIER") {
    return sql_fault(code, at,
                     "{} can't have SELECT DISTINCT: group by all columns in a view instead "
                     "(SELECT a, b FROM … GROUP BY a, b)",
                     place);
  }
  return sql_fault(
      code, at,
      "{} can't have LIMIT, for its rows are never complete: limit them where they are "
      "read, in a panel or with `leat sql`",
      place);
}

}  // namespace

Analysed<void> refuse_unreplayable(const Node& query, const Schema& columns,
                                   const FunctionCatalog& functions, std::string_view code,
                                   std::string_view place, Now now) {
  const Unreplayable unreplayable(columns, functions, code, place, now);
  Analysed<void> found;
  walk(query, [&](const Node& node) {
    if (found) found = unreplayable.in(node);
    return found.has_value();
  });
  return found;
}

bool can_be_kept(const Type& type) {
  if (!VectorShape::supports(type)) return false;
  if (type.id() == DUCKDB_TYPE_LIST) return can_be_kept(type.element());
  if (type.id() != DUCKDB_TYPE_STRUCT) return true;
  return std::ranges::all_of(type.fields(), [](const Type::Field& field) {
    return !field.name.empty() && can_be_kept(field.type);
  });
}

bool can_be_ranked(const Type& type) {
  switch (type.id()) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_MAP:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_BIT:
      return false;
    default:
      return can_be_kept(type);
  }
}

const Node* find_aggregate(const Node& node, const FunctionCatalog& functions) {
  const Node* aggregate = nullptr;
  walk(node, [&](const Node& at) {
    if (aggregate == nullptr && is_class(at, "FUNCTION")) {
      const std::string name = function_name(at);
      if (functions.is_aggregate(name) || functions.is_aggregate_macro(name)) aggregate = &at;
    }
    return aggregate == nullptr;
  });
  return aggregate;
}

Analysed<void> refuse_clauses(const Node& query, std::string_view code, std::string_view place,
                              Joins joins) {
  const std::string type = text_in(query, "type");
  if (type == "SET_OPERATION_NODE") {
    return sql_fault(code, 0, "{} can't combine queries with UNION, INTERSECT or EXCEPT", place);
  }
  if (type != "SELECT_NODE") return sql_fault(code, 0, "{} must be one plain SELECT", place);
  if (query.contains("cte_map") && !query.at("cte_map").at("map").empty()) {
    return sql_fault(code, 0,
                     "{} can't begin with WITH: give each part a stream or view of its own", place);
  }
  for (const Node& modifier : query.at("modifiers")) {
    if (auto refused = refuse_modifier(modifier, code, place); !refused) return refused;
  }
  if (present(query, "qualify")) {
    return sql_fault(code, position_of(query.at("qualify")),
                     "{} can't have QUALIFY: window functions need all rows at once", place);
  }
  const Node& from = query.at("from_table");
  if (present(query, "sample") || present(from, "sample")) {
    return sql_fault("not-deterministic", position_of(from),
                     "{} can't take a SAMPLE: a replay would give other rows", place);
  }
  const std::string table = text_in(from, "type");
  if (table == "JOIN" && joins == Joins::refused) {
    return sql_fault(code, position_of(from),
                     "{} reads one stream or view: join its rows with a table in the stream's "
                     "`select`",
                     place);
  }
  if (table == "SUBQUERY") {
    return sql_fault(code, position_of(from),
                     "{} can't read from a subquery: give it a stream or view of its own", place);
  }
  if (!from.value("column_name_alias", Node::array()).empty()) {
    return sql_fault(code, position_of(from), "{} can't rename columns in FROM: use AS in SELECT",
                     place);
  }
  return {};
}

}  // namespace leat::sql

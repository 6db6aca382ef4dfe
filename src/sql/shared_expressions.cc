#include "sql/shared_expressions.h"

#include <map>

#include "sql/engine.h"
#include "sql/now.h"
#include "sql/once_function.h"

namespace leat::sql {
namespace {

/// What is worth a column: calls and casts of what the row has, not operators such as `+`.
bool is_worth_sharing(const Node& node) {
  const bool call = is_class(node, "FUNCTION") && !node.value("is_operator", false);
  if (!call && !is_class(node, "CAST")) return false;
  bool of_row = false;
  walk(node, [&](const Node& below) {
    of_row |= is_class(below, "COLUMN_REF");
    return !of_row;
  });
  return of_row;
}

/// Calls `see` for the expressions at or below `node` that are computed for each row that `node` is
/// computed for, from the top; false from it: not those below.
void walk_certain(const Node& node, const std::function<bool(const Node&)>& see) {
  if (!see(node)) return;
  const std::string type = text_in(node, "type");
  const auto descend = [&](const Node& children) {
    for (const Node& child : children) walk_certain(child, see);
  };
  if (is_class(node, "CAST")) return walk_certain(node.at("child"), see);
  if (is_class(node, "COMPARISON")) return descend({node.at("left"), node.at("right")});
  if (is_class(node, "BETWEEN")) {
    return descend({node.at("input"), node.at("lower"), node.at("upper")});
  }
  const bool first_decides = is_class(node, "CONJUNCTION") || type == "OPERATOR_COALESCE";
  if (first_decides || type == "COMPARE_IN" || type == "COMPARE_NOT_IN") {
    return walk_certain(node.at("children")[0], see);
  }
  // A TRY takes what fails in it for NULL; other classes (CASE, LAMBDA) decide what they compute.
  if (is_class(node, "FUNCTION") || (is_class(node, "OPERATOR") && type != "OPERATOR_TRY")) {
    descend(node.at("children"));
  }
}

/// A SELECT whose expressions are shared, in the making.
class Sharing {
 public:
  Sharing(Binding& binding, const Node& query, const Program::Input& input)
      : binding_(binding),
        query_(query),
        input_(input),
        alias_(text_in(query.at("from_table"), "alias")) {}

  /// The query with what is shared in a subquery of FROM; null where there is nothing to share.
  Analysed<Node> run() {
    const std::vector<Node> conditions = conjuncts_of(query_.at("where_clause"));
    if (text_in(query_.at("from_table"), "type") == "JOIN") return Node();
    count_occurrences(conditions);
    // Conditions that come before are asked before, so that rows they leave out are not computed.
    for (std::size_t i = 0; i < conditions.size() && shared_.empty(); ++i) {
      LEAT_TRY_SQL(find_shared(conditions[i]));
      before_ = i;
    }
    if (shared_.empty()) return Node();
    return with_subquery(conditions);
  }

 private:
  void count_occurrences(const std::vector<Node>& conditions) {
    // What a subquery in FROM adds to the input's columns is not known here.
    const bool knows_columns = text_in(query_.at("from_table"), "type") == "TABLE_FUNCTION";
    for (const Node& item : query_.at("select_list")) {
      const std::string alias = lower(text_in(item, "alias"));
      if (alias.empty() || !knows_columns || input_.schema.find(alias)) continue;
      named_.emplace(alias, item);
    }
    const auto count = [&](const Node& node) {
      if (is_class(node, "LAMBDA") || is_class(node, "SUBQUERY")) return false;
      if (is_worth_sharing(node)) ++occurrences_[text_of(node)];
      return true;
    };
    walk(query_.at("select_list"), count);
    for (const Node& condition : conditions) walk(condition, count);
  }

  /// What WHERE may mean by a column's name: an item of the SELECT list.
  const Node& meant_by(const Node& node) const {
    if (!is_class(node, "COLUMN_REF") || parts_of(node).size() != 1) return node;
    const auto item = named_.find(lower(parts_of(node)[0]));
    return item == named_.end() ? node : item->second;
  }

  std::string text_of(const Node& node) const { return canonical_text(node, alias_); }

  Analysed<void> find_shared(const Node& condition) {
    Analysed<void> done;
    walk_certain(condition, [&](const Node& written) {
      const Node& node = meant_by(written);
      if (!done || is_class(node, "LAMBDA") || is_class(node, "SUBQUERY")) return false;
      const bool named = &node != &written;
      if (!is_worth_sharing(node)) return !named;
      const std::string text = text_of(node);
      if (!named && occurrences_.at(text) < 2) return true;
      if (shared_.contains(text)) return false;
      auto type = type_of(node);
      if (!type) {
        done = std::unexpected(std::move(type).error());
        return false;
      }
      if (!has_once(*type)) return true;
      shared_.emplace(text, fmt::format("__leat_shared_{}", shared_.size()));
      expressions_.push_back(node);
      return false;
    });
    return done;
  }

  Analysed<Type> type_of(const Node& expression) {
    Node query = query_;
    query["where_clause"] = nullptr;
    query["select_list"] = Node::array({expression});
    const std::string sql = LEAT_TRY_SQL(binding_.to_sql(query));
    return LEAT_TRY_SQL(binding_.bind_rewritten(sql, input_))[0].type;
  }

  Analysed<Node> with_subquery(const std::vector<Node>& conditions) {
    const auto split = conditions.begin() + static_cast<std::ptrdiff_t>(before_);
    const std::string name = alias_.empty() ? "" : " AS " + quoted_name(alias_);
    Node from = LEAT_TRY_SQL(binding_.from_of("SELECT * FROM (SELECT * FROM t)" + name));
    Node& inner = from["subquery"]["node"];
    inner["from_table"] = query_.at("from_table");
    inner["where_clause"] = conjunction_of({conditions.begin(), split});
    for (const Node& expression : expressions_) {
      Node once = LEAT_TRY_SQL(binding_.expression_of(fmt::format("SELECT {}(1)", once_function)));
      once["children"][0] = expression;
      once["children"][0]["alias"] = "";
      once["alias"] = shared_.at(text_of(expression));
      inner["select_list"].push_back(std::move(once));
    }
    Node outer = query_;
    outer["from_table"] = std::move(from);
    outer["where_clause"] = conjunction_of({split, conditions.end()});
    for (Node& item : outer["select_list"]) {
      if (shared_.contains(text_of(item))) LEAT_TRY_SQL(name_item(binding_, item));
    }
    for (const char* clause : {"select_list", "where_clause"}) replace_shared(outer[clause]);
    return outer;
  }

  void replace_shared(Node& clause) const {
    walk(clause, [&](Node& node) {
      if (!is_class(node, "STAR") || !node.at("expr").is_null()) return true;
      for (const auto& [text, column] : shared_) node.at("exclude_list").push_back(column);
      return true;
    });
    replace_expressions(clause, [&](const Node& node) -> std::optional<Node> {
      if (!is_worth_sharing(node)) return std::nullopt;
      const auto known = shared_.find(text_of(node));
      if (known == shared_.end()) return std::nullopt;
      return column_ref(known->second);
    });
  }

  Binding& binding_;
  const Node& query_;
  const Program::Input& input_;
  const std::string alias_;
  std::map<std::string, Node> named_;
  std::map<std::string, std::size_t> occurrences_;  ///< by canonical text
  std::map<std::string, std::string> shared_;       ///< columns' names, by canonical text
  std::vector<Node> expressions_;                   ///< that are shared
  std::size_t before_ = 0;                          ///< so many of the conditions are asked before
};

}  // namespace

Analysed<std::string> text_with_shared(Binding& binding, const Node& query,
                                       const Program::Input& input) {
  std::string plain = LEAT_TRY_SQL(binding.to_sql(query));
  const auto shared = Sharing(binding, query, input).run();
  if (!shared || shared->is_null()) return plain;
  std::string text = LEAT_TRY_SQL(binding.to_sql(*shared));
  const auto bound = binding.bind_rewritten(text, input);
  const auto meant = binding.bind_rewritten(plain, input);
  return bound && meant && *bound == *meant ? text : plain;
}

}  // namespace leat::sql

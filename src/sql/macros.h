#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/parser.h"

namespace leat::sql {

/// Functions of the user's own, as CREATE MACRO makes them: an expression or a query with
/// parameters, which takes the place of each call. Reading is thread-safe, each thread with a
/// parser of its own.
class Macros {
 public:
  /// `text`: what stands behind `CREATE MACRO name`: "(a, b := 2) AS a + b", or "(n) AS TABLE
  /// SELECT …". It may call those added before. A fault's position is one in `text`.
  Analysed<void> add(Parser& parser, const std::string& name, std::string_view text);

  struct Written {
    std::string sql;
    std::size_t call = 0;  ///< where the first macro was called
  };
  /// The query with the macros in the place of their calls; nothing: it calls none, or can't be
  /// parsed.
  Analysed<std::optional<Written>> written_out(Parser& parser, std::string_view sql) const;

  /// A scalar macro's parameters and its expression without macros, as SQL: "(a, b := 2) AS (a +
  /// b)". Nothing: there is none of this name, or it gives a table.
  const std::string* scalar_text(const std::string& name) const;
  bool empty() const { return macros_.empty(); }

 private:
  struct Parameter {
    std::string name;  ///< in lower case
    std::optional<Node> otherwise;
  };
  struct Macro {
    std::vector<Parameter> parameters;
    bool table = false;
    Node body;  ///< an expression or a query node
    std::string plain;
  };
  using Arguments = std::map<std::string, Node>;

  const Macro* find(const Node& call) const;
  Analysed<void> expand(Node& node, std::optional<std::size_t>& first) const;
  Analysed<Node> body_of(const Node& call, const Macro& macro) const;
  static Analysed<Arguments> arguments_of(const Node& call, const Macro& macro);
  static Analysed<std::vector<Parameter>> parameters_in(const Node& call);

  std::map<std::string, Macro> macros_;  // by name in lower case
};

}  // namespace leat::sql

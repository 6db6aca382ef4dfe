#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pipeline/check.h"
#include "pipeline/document.h"
#include "pipeline/fields.h"
#include "pipeline/names.h"
#include "pipeline/settings.h"

namespace leat::pipeline {

/// An entry of one of the file's sections: a source, a stream, a panel …
struct Declaration {
  const Document* document = nullptr;
  std::string pipeline;
  const Node* name = nullptr;  ///< its key; a panel has none
  const Node* body = nullptr;
};

/// What a name that SQL, `from` or a push can use stands for.
struct Relation {
  enum class Kind { topic, stream, view, table };
  Kind kind = Kind::topic;
  std::string name;
  Location at;
};
std::string_view to_string(Relation::Kind kind);
/// Why `reader` ("a view") can't read a table, and what to do.
std::string table_remedy(std::string_view reader, std::string_view table);

/// What the parts of one check share: where findings go, which names there are, and the graph as
/// far as it is known. Used by one thread.
class Scope {
 public:
  Scope(const Registry& registry_of, sql::Analyser& analyser_of, Diagnostics& diagnostics_to)
      : registry(registry_of), analyser(analyser_of), diagnostics(diagnostics_to) {}

  const Registry& registry;
  sql::Analyser& analyser;
  Diagnostics& diagnostics;
  Graph graph;
  /// Streams and views whose columns are known; one with a fault is declared but not in here.
  sql::Catalog catalog;
  /// Tables that are looked up, without a fault.
  sql::Catalog tables;

  /// Makes a name known; a fault of it or a clash with another is reported and gives false.
  bool declare(Relation::Kind kind, const std::string& name, const Location& at);
  const Relation* find(std::string_view name) const;
  /// Notes that somebody reads `name`.
  void use(std::string_view name) { used_.emplace(name); }
  bool is_used(std::string_view name) const { return used_.contains(name); }
  /// Whether the table of this name is one that only streams look rows up in, by key.
  bool is_looked_up(std::string_view name) const { return tables.contains(name); }

  /// The relation that a `from` names. Nothing is found: reported, with the nearest of `kinds`.
  const Relation* resolve(const Node& name, const std::set<Relation::Kind>& kinds);
  /// The column that a key names; a wrong name is reported.
  std::optional<std::size_t> column(const Node& name, const Schema& schema,
                                    std::string_view relation);
  /// Reports a fault in the SQL that `text` holds at its place in the file.
  void report_sql(const Document& document, const Node& text, const sql::SqlFault& fault);
  /// "stream \"orders\" (orders.yaml:12)".
  static std::string described(const Relation& relation);
  /// Notes what the text of a macro reads.
  void note_macro(const std::string& name, const std::string& text);
  /// The names that stand after FROM in a SQL text, and in the macros that it calls.
  std::vector<std::string> names_read(const std::string& sql) const;
  const StreamNode* stream(std::string_view name) const;
  const ViewNode* view(std::string_view name) const;
  /// Whether `reader` ("a panel") can ask for rows of that name: a view that keeps none is
  /// reported.
  bool has_rows(std::string_view name, std::string_view reader, const Location& at);
  std::vector<std::string_view> names(const std::set<Relation::Kind>& kinds) const;

 private:
  std::map<std::string, Relation> relations_;  // by folded name
  std::set<std::string, std::less<>> used_;
  std::map<std::string, std::vector<std::string>> macro_reads_;  // by folded name
};

/// Checks the name of a source or sink: how it looks, and that none of `nodes` has it.
template <class Nodes>
void check_own_name(Diagnostics& diagnostics, const Nodes& nodes, const Node& name,
                    std::string_view noun) {
  if (const auto ok = check_name(name.text, Named::label); !ok) {
    diagnostics.error(name.at, ok.error().code, ok.error().message);
  }
  for (const auto& node : nodes) {
    if (node.name != name.text) continue;
    diagnostics.error(
        name.at, "duplicate-name",
        fmt::format("there is a {} \"{}\" already ({}:{}); choose another name", noun,
                    printable(name.text), printable(node.at.file, 4096), node.at.line));
    return;
  }
}

/// The one connector of an entry, its Spec and settings; nothing when that has a fault, which is
/// reported.
struct ChosenConnector {
  const connector::Spec* spec = nullptr;
  CheckedSettings checked;
};
std::optional<ChosenConnector> chosen_connector(const Fields& fields,
                                                const std::vector<connector::Spec>& specs,
                                                Diagnostics& diagnostics, std::string_view noun);
std::vector<std::string_view> names_of(const std::vector<connector::Spec>& specs);

}  // namespace leat::pipeline

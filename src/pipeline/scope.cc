#include "pipeline/scope.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/nearest_name.h"
#include "pipeline/codes.h"
#include "pipeline/names.h"
#include "pipeline/sql_text.h"

namespace leat::pipeline {
std::string_view to_string(Relation::Kind kind) {
  switch (kind) {
    case Relation::Kind::topic:
      return "topic";
    case Relation::Kind::stream:
      return "stream";
    case Relation::Kind::view:
      return "view";
    case Relation::Kind::table:
      return "table";
  }
  return "topic";
}

std::string table_remedy(std::string_view reader, std::string_view table) {
  return fmt::format(
      "{0} can't read the table \"{1}\", of which streams look up single rows; join "
      "with it in the select of a stream, FROM … LEFT JOIN {1} ON …, and read that",
      reader, table);
}

std::string Scope::described(const Relation& relation) {
  return fmt::format("{} \"{}\" ({}:{})", to_string(relation.kind), relation.name,
                     printable(relation.at.file, 4096), relation.at.line);
}

bool Scope::declare(Relation::Kind kind, const std::string& name, const Location& at) {
  const auto named = kind == Relation::Kind::topic ? Named::topic : Named::relation;
  const auto ok = check_name(name, named);
  if (!ok) diagnostics.error(at, ok.error().code, ok.error().message);
  const auto [place, added] = relations_.try_emplace(folded(name), Relation{kind, name, at});
  if (!added) {
    diagnostics.error(at, "duplicate-name",
                      fmt::format("the {} \"{}\" has the name of the {}; topics, tables, streams "
                                  "and views share one set of names, whatever their case: choose "
                                  "another",
                                  to_string(kind), printable(name), described(place->second)));
  }
  return ok.has_value() && added;
}

const Relation* Scope::find(std::string_view name) const {
  const auto found = relations_.find(folded(name));
  return found == relations_.end() || found->second.name != name ? nullptr : &found->second;
}

std::vector<std::string_view> Scope::names(const std::set<Relation::Kind>& kinds) const {
  std::vector<std::string_view> out;
  for (const auto& [key, relation] : relations_) {
    if (kinds.contains(relation.kind)) out.push_back(relation.name);
  }
  return out;
}

const Relation* Scope::resolve(const Node& name, const std::set<Relation::Kind>& kinds) {
  if (const auto* found = find(name.text)) return found;
  const auto candidates = names(kinds);
  auto hint = did_you_mean(name.text, candidates);
  if (hint.empty()) {
    hint = candidates.empty() ? "; declare it first"
                              : fmt::format("; there are {}", fmt::join(candidates, ", "));
  }
  std::vector<std::string_view> nouns;
  for (const auto kind : kinds) nouns.push_back(to_string(kind));
  diagnostics.error(
      name.at, "unknown-name",
      fmt::format("there is no {} \"{}\"{}", fmt::join(nouns, " or "), name.shown(), hint));
  return nullptr;
}

std::optional<std::size_t> Scope::column(const Node& name, const Schema& schema,
                                         std::string_view relation) {
  if (const auto found = schema.find(name.text)) return found;
  const auto names = schema.names();
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  auto hint = did_you_mean(name.text, candidates);
  if (hint.empty()) hint = fmt::format("; its columns are {}", fmt::join(names, ", "));
  diagnostics.error(name.at, "unknown-column",
                    fmt::format("{} has no column \"{}\"{}", relation, name.shown(), hint));
  return std::nullopt;
}

void Scope::report_sql(const Document& document, const Node& text, const sql::SqlFault& fault) {
  hide_parts(text, diagnostics);
  const auto code = is_documented(fault.code) ? std::string_view(fault.code) : "sql-invalid";
  diagnostics.error(document.locate(text, fault.position), code, printable(fault.message, 1000));
}

void Scope::note_macro(const std::string& name, const std::string& text) {
  macro_reads_[folded(name)] = names_read(text);
}

std::vector<std::string> Scope::names_read(const std::string& sql) const {
  std::vector<std::string> names = names_after_from(sql);
  const std::string text = folded(sql);
  for (const auto& [macro, reads] : macro_reads_) {
    if (text.contains(macro)) names.insert(names.end(), reads.begin(), reads.end());
  }
  return names;
}

const StreamNode* Scope::stream(std::string_view name) const {
  const auto found = std::ranges::find(graph.streams, name, &StreamNode::name);
  return found == graph.streams.end() ? nullptr : &*found;
}

const ViewNode* Scope::view(std::string_view name) const {
  const auto found = std::ranges::find(graph.views, name, &ViewNode::name);
  return found == graph.views.end() ? nullptr : &*found;
}

bool Scope::has_rows(std::string_view name, std::string_view reader, const Location& at) {
  const ViewNode* found = view(name);
  if (found == nullptr || found->kept()) return true;
  diagnostics.error(
      at, "rows-not-kept",
      fmt::format("{} asks for rows, and the view \"{}\" ({}:{}) does not keep its own; "
                  "remove keep: false there",
                  reader, found->name, printable(found->at.file, 4096), found->at.line));
  return false;
}

std::vector<std::string_view> names_of(const std::vector<connector::Spec>& specs) {
  std::vector<std::string_view> out;
  for (const auto& spec : specs) out.push_back(spec.name);
  return out;
}

std::optional<ChosenConnector> chosen_connector(const Fields& fields,
                                                const std::vector<connector::Spec>& specs,
                                                Diagnostics& diagnostics, std::string_view noun) {
  const auto chosen = fields.others();
  if (chosen.empty()) {
    // A name that no connector has was reported already.
    const auto& entries = fields.node().entries;
    const bool misspelt = std::ranges::any_of(entries, [&](const Node::Entry& entry) {
      return entry.value.is_mapping() && !entry.value.entries.empty() && entry.key.text != "topic";
    });
    if (!misspelt) {
      diagnostics.error(fields.at(), "missing-key",
                        fmt::format("this {} has no connector; write one of {} and its settings",
                                    noun, fmt::join(names_of(specs), ", ")));
    }
    return std::nullopt;
  }
  for (std::size_t i = 1; i < chosen.size(); ++i) {
    diagnostics.error(chosen[i]->key.at, "conflicting-keys",
                      fmt::format("this {} has the connector \"{}\" already; keep one, and write "
                                  "another {} for the other",
                                  noun, chosen[0]->key.text, noun));
  }
  const auto spec = std::ranges::find(specs, chosen[0]->key.text, &connector::Spec::name);
  Node body = chosen[0]->value;
  if (body.is_nothing()) body.at = chosen[0]->key.at;
  auto checked = check_settings(body, *spec, diagnostics);
  if (!checked) return std::nullopt;
  return ChosenConnector{&*spec, std::move(*checked)};
}

}  // namespace leat::pipeline

#include "pipeline/check.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/log_check.h"
#include "pipeline/names.h"
#include "pipeline/order.h"
#include "pipeline/output_check.h"
#include "pipeline/scope.h"
#include "pipeline/sql_text.h"
#include "pipeline/stream_check.h"
#include "pipeline/table_check.h"
#include "pipeline/test_check.h"
#include "pipeline/topic_check.h"
#include "pipeline/view_check.h"

namespace leat::pipeline {
namespace {

constexpr std::size_t files_max = 1000;

/// Everything that the files declare, in their order.
struct Declarations {
  std::vector<Declaration> sources, topics, macros, tables, streams, views, sinks, panels, tests;
  std::vector<const Node*> logs;
};

void take_sequence(const Document& document, const Fields& fields, std::string_view key,
                   const std::string& pipeline, std::vector<Declaration>& out) {
  const Node* entries = fields.find(key);
  if (entries == nullptr) return;
  for (const auto& body : entries->items) {
    if (!body.faulty) out.push_back({&document, pipeline, nullptr, &body});
  }
}

void take_named(const Document& document, const Fields& fields, std::string_view key,
                const std::string& pipeline, std::vector<Declaration>& out) {
  const Node* entries = fields.find(key);
  if (entries == nullptr) return;
  for (const auto& [name, body] : entries->entries) {
    if (!body.faulty) out.push_back({&document, pipeline, &name, &body});
  }
}

std::string take_pipeline_name(Scope& scope, const Fields& fields,
                               std::map<std::string, Location>& pipelines) {
  const Node* name = fields.find("pipeline");
  if (name == nullptr) return "";
  if (const auto ok = check_name(name->text, Named::label); !ok) {
    scope.diagnostics.error(name->at, ok.error().code, ok.error().message);
  }
  const auto [other, fresh] = pipelines.try_emplace(name->text, name->at);
  if (!fresh) {
    scope.diagnostics.error(
        name->at, "duplicate-name",
        fmt::format("there is a pipeline \"{}\" already ({}:{}); choose another "
                    "name",
                    name->shown(), printable(other->second.file, 4096), other->second.line));
  }
  scope.graph.pipelines.push_back(name->text);
  return name->text;
}

void take_document(Scope& scope, const Document& document,
                   std::map<std::string, Location>& pipelines, Declarations& out) {
  const Node& root = document.root();
  if (root.is_nothing()) {
    scope.diagnostics.error(root.at, "wrong-shape",
                            "the file is empty; begin it with pipeline: and a name");
    return;
  }
  const Fields fields(root, section("file"), scope.diagnostics);
  if (!fields.readable()) return;
  const auto pipeline = take_pipeline_name(scope, fields, pipelines);
  if (const Node* log = fields.find("log")) out.logs.push_back(log);
  take_named(document, fields, "sources", pipeline, out.sources);
  take_named(document, fields, "topics", pipeline, out.topics);
  take_named(document, fields, "macros", pipeline, out.macros);
  take_named(document, fields, "tables", pipeline, out.tables);
  take_named(document, fields, "streams", pipeline, out.streams);
  take_named(document, fields, "views", pipeline, out.views);
  take_named(document, fields, "sinks", pipeline, out.sinks);
  take_sequence(document, fields, "dashboard", pipeline, out.panels);
  take_sequence(document, fields, "tests", pipeline, out.tests);
}

void check_macro(Scope& scope, const Declaration& declaration) {
  const Node& name = *declaration.name;
  if (const auto ok = check_name(name.text, Named::relation); !ok) {
    scope.diagnostics.error(name.at, ok.error().code, ok.error().message);
    return;
  }
  const auto known = std::ranges::find(scope.graph.macros, folded(name.text),
                                       [](const MacroNode& node) { return folded(node.name); });
  if (known != scope.graph.macros.end()) {
    scope.diagnostics.error(
        name.at, "duplicate-name",
        fmt::format("there is a macro \"{}\" already ({}:{}); choose another "
                    "name",
                    name.shown(), printable(known->at.file, 4096), known->at.line));
    return;
  }
  if (!declaration.body->is_scalar()) {
    scope.diagnostics.error(declaration.body->is_nothing() ? name.at : declaration.body->at,
                            "wrong-shape",
                            fmt::format("the macro \"{0}\" is {1}; write its parameters and what "
                                        "it stands for, as {0}: (a, b := 2) AS a + b",
                                        name.shown(), to_string(declaration.body->kind)));
    return;
  }
  const std::string& text = declaration.body->text;
  if (const auto added = scope.analyser.add_macro(name.text, text); !added) {
    scope.report_sql(*declaration.document, *declaration.body, added.error());
    return;
  }
  scope.note_macro(name.text, text);
  scope.graph.macros.push_back({name.text, name.at, text});
}

/// A stream or view with the names that it reads.
struct Reader {
  const Declaration* declaration;
  Relation::Kind kind;
  std::vector<std::string> reads;
};

std::vector<std::string> names_read(const Scope& scope, const Declaration& declaration) {
  std::vector<std::string> out;
  if (const auto* from = declaration.body->find("from")) out.push_back(from->value.text);
  for (const auto* key : {"query", "select"}) {
    const auto* query = declaration.body->find(key);
    if (query == nullptr) continue;
    for (auto& name : scope.names_read(query->value.text)) out.push_back(std::move(name));
  }
  return out;
}

/// Declares the streams and views; those whose names clash are checked no further.
std::vector<Reader> declare_readers(Scope& scope, const Declarations& declared) {
  std::vector<Reader> readers;
  const auto take = [&](const std::vector<Declaration>& declarations, Relation::Kind kind) {
    for (const auto& declaration : declarations) {
      const bool known = scope.declare(kind, declaration.name->text, declaration.name->at);
      const auto* mine = scope.find(declaration.name->text);
      const bool first = mine != nullptr && mine->at.file == declaration.name->at.file &&
                         mine->at.line == declaration.name->at.line &&
                         mine->at.column == declaration.name->at.column;
      if (known || first) readers.push_back({&declaration, kind, names_read(scope, declaration)});
    }
  };
  take(declared.streams, Relation::Kind::stream);
  take(declared.views, Relation::Kind::view);
  return readers;
}

void report_cycle(Scope& scope, const std::vector<Reader>& readers,
                  const std::vector<std::size_t>& cycle) {
  std::string path;
  for (const auto index : cycle) {
    path += printable(readers[index].declaration->name->text) + " → ";
  }
  const auto& first = *readers[cycle.front()].declaration->name;
  scope.diagnostics.error(
      first.at, "cycle",
      fmt::format("\"{0}\" reads itself: {1}{0}; let one of them read something "
                  "else",
                  printable(first.text), path));
}

void check_readers(Scope& scope, const std::vector<Reader>& readers) {
  std::map<std::string, std::size_t> by_name;
  for (std::size_t i = 0; i < readers.size(); ++i) {
    by_name.emplace(folded(readers[i].declaration->name->text), i);
  }
  std::vector<std::vector<std::size_t>> reads(readers.size());
  for (std::size_t i = 0; i < readers.size(); ++i) {
    for (const auto& name : readers[i].reads) {
      const auto found = by_name.find(folded(name));
      if (found == by_name.end() || std::ranges::find(reads[i], found->second) != reads[i].end()) {
        continue;
      }
      reads[i].push_back(found->second);
    }
  }
  const auto order = order_of(reads);
  for (const auto& cycle : order.cycles) report_cycle(scope, readers, cycle);
  for (const auto index : order.sequence) {
    const auto& reader = readers[index];
    if (reader.kind == Relation::Kind::stream) {
      check_stream(scope, *reader.declaration);
    } else {
      check_view(scope, *reader.declaration);
    }
  }
}

ReadsByName reads_by_name(const std::vector<Reader>& readers) {
  ReadsByName reads;
  for (const Reader& reader : readers) {
    auto& names = reads[folded(reader.declaration->name->text)];
    for (const auto& name : reader.reads) names.push_back(folded(name));
  }
  return reads;
}

void report_unused(Scope& scope) {
  for (const auto& stream : scope.graph.streams) {
    if (scope.is_used(stream.name)) continue;
    scope.diagnostics.warning(
        stream.at, "unused-stream",
        fmt::format("nothing reads the stream \"{}\"; add a view, sink or panel over it, or remove "
                    "it",
                    stream.name));
  }
  for (const auto& view : scope.graph.views) {
    if (view.kept() || scope.is_used(view.name)) continue;
    scope.diagnostics.warning(
        view.at, "unused-view",
        fmt::format("nothing reads the view \"{}\", whose rows are not kept; add a sink or view "
                    "over it, or remove keep: false",
                    view.name));
  }
  for (const auto& table : scope.graph.tables) {
    if (scope.is_used(table.name)) continue;
    scope.diagnostics.warning(
        table.at, "unused-table",
        fmt::format("nothing reads the table \"{0}\"; join with it in a stream's select: FROM … "
                    "LEFT JOIN {0} ON …, or remove it",
                    table.name));
  }
  for (const auto& topic : scope.graph.topics) {
    if (scope.is_used(topic.name)) continue;
    scope.diagnostics.note(
        topic.at, "unused-topic",
        fmt::format("no stream reads the topic \"{}\"; its records are kept, and "
                    "nothing is made of them",
                    printable(topic.name)));
  }
}

Checked finish(Scope& scope) {
  Checked checked;
  if (!scope.diagnostics.has_errors()) checked.graph = std::move(scope.graph);
  checked.diagnostics = scope.diagnostics.take();
  return checked;
}

bool is_pipeline_file(const std::filesystem::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

void report_file(Diagnostics& diagnostics, const std::filesystem::path& path, std::string_view code,
                 std::string_view message) {
  diagnostics.error({path.string(), 0, 0}, code, std::string(message));
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path,
                                            Diagnostics& diagnostics) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return {path};
  std::vector<std::filesystem::path> out;
  std::filesystem::directory_iterator entries(path, error);
  if (error) {
    report_file(diagnostics, path, "file-unreadable",
                fmt::format("can't list the folder ({}); name one that the process may read",
                            error.message()));
    return out;
  }
  for (; entries != std::filesystem::directory_iterator() && !error; entries.increment(error)) {
    if (is_pipeline_file(entries->path())) out.push_back(entries->path());
  }
  std::ranges::sort(out);
  if (out.empty()) {
    report_file(diagnostics, path, "no-files",
                "the folder holds no pipeline; put files *.yaml into it");
  }
  return out;
}

std::optional<SourceText> read_file(const std::filesystem::path& path, Diagnostics& diagnostics) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    report_file(diagnostics, path, "file-unreadable",
                "there is no such file; check the path, or make one by leat init");
    return std::nullopt;
  }
  std::ifstream in(path, std::ios::binary);
  // One byte past the limit, so that the parser refuses what is larger.
  std::string text(document_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof()) {
    report_file(diagnostics, path, "file-unreadable",
                "can't read the file; check that the process may");
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  return SourceText{path.string(), std::move(text)};
}

Checked check_documents(std::vector<SourceText> texts, const Registry& registry,
                        sql::Analyser& analyser, const Environment& environment,
                        Diagnostics& diagnostics) {
  Scope scope(registry, analyser, diagnostics);
  std::vector<Document> documents;
  documents.reserve(texts.size());
  for (auto& [file, text] : texts) {
    documents.push_back(
        Document::parse(std::move(file), std::move(text), environment, diagnostics));
  }
  Declarations declared;
  std::map<std::string, Location> pipelines;
  for (const auto& document : documents) {
    // A file that could not be read at all has said so.
    if (document.root().is_nothing() && diagnostics.has_errors()) continue;
    take_document(scope, document, pipelines, declared);
  }
  for (const Node* log : declared.logs) {
    check_log(scope, *log, log == declared.logs.front() ? nullptr : declared.logs.front());
  }
  for (const auto& declaration : declared.sources) check_source(scope, declaration);
  for (const auto& declaration : declared.topics) check_topic(scope, declaration);
  for (const auto& declaration : declared.macros) check_macro(scope, declaration);
  for (const auto& declaration : declared.tables) check_table(scope, declaration);
  const std::vector<Reader> readers = declare_readers(scope, declared);
  check_readers(scope, readers);
  for (const auto& declaration : declared.sinks) check_sink(scope, declaration);
  check_sink_targets(scope);
  for (const auto& declaration : declared.panels) check_panel(scope, declaration);
  check_tests(scope, declared.tests, reads_by_name(readers));
  if (!diagnostics.has_errors()) report_unused(scope);
  return finish(scope);
}

}  // namespace

Checked check(const std::vector<std::filesystem::path>& files_or_folders, const Registry& registry,
              sql::Analyser& analyser, const Environment& environment) {
  Diagnostics diagnostics;
  std::vector<SourceText> texts;
  std::set<std::filesystem::path> seen;
  if (files_or_folders.empty()) {
    diagnostics.error({}, "no-files", "no pipeline file was named; name one, or a folder of them");
  }
  for (const auto& path : files_or_folders) {
    for (const auto& file : files_of(path, diagnostics)) {
      std::error_code error;
      const auto absolute = std::filesystem::weakly_canonical(file, error);
      if (!seen.insert(error ? file : absolute).second) continue;
      if (texts.size() >= files_max) {
        report_file(diagnostics, path, "file-too-large",
                    fmt::format("there are more than {} pipeline files; run fewer in one server",
                                files_max));
        break;
      }
      if (auto text = read_file(file, diagnostics)) texts.push_back(std::move(*text));
    }
  }
  return check_documents(std::move(texts), registry, analyser, environment, diagnostics);
}

Checked check_texts(std::vector<SourceText> texts, const Registry& registry,
                    sql::Analyser& analyser, const Environment& environment) {
  Diagnostics diagnostics;
  return check_documents(std::move(texts), registry, analyser, environment, diagnostics);
}

}  // namespace leat::pipeline

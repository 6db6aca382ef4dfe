#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "connector/spec.h"
#include "pipeline/diagnostic.h"
#include "pipeline/environment.h"
#include "pipeline/graph.h"
#include "sql/analyse.h"

namespace leat::pipeline {

/// What a pipeline file may use: the one list of connectors and formats, from `app`.
struct Registry {
  std::vector<connector::Spec> sources;
  std::vector<connector::Spec> sinks;
  std::vector<connector::Spec> tables;
  std::vector<connector::Spec> logs;
  std::vector<connector::Spec> formats;
  /// Sources that can be read again from a position: they are their topic, unless copied.
  std::set<std::string, std::less<>> replayable;
  /// Whether a stream's decoder takes a column; an Error says why not. Of the graph, sources are
  /// known, and of the stream its topic and format. Left empty: all are taken.
  std::function<Status(const Graph& graph, const StreamNode& stream, const DecodedColumn& column)>
      decodes;
  /// What only the table's columns and the connector's settings together show. Connects to nothing.
  std::function<Status(const std::string& connector, const connector::TableInput& input,
                       const connector::Settings& settings)>
      takes_table = {};
  /// The columns of a table that is kept: what it says itself, or `declared`, which then must be
  /// in it. Error `table-missing` (user): there is nothing to look at. Left empty: `declared`.
  std::function<Result<Schema>(const std::string& connector, const Schema& declared,
                               const connector::Settings& settings)>
      table_columns = {};
};

/// The graph is there exactly if no diagnostic is an error.
struct Checked {
  std::optional<Graph> graph;
  std::vector<Diagnostic> diagnostics;
};

/// A pipeline file's name, as diagnostics call it, and its content.
struct SourceText {
  std::string file;
  std::string text;
};

/// Checks pipeline files, and all `*.yaml` and `*.yml` of folders, as one graph. Reads only; finds
/// every fault in one go.
Checked check(const std::vector<std::filesystem::path>& files_or_folders, const Registry& registry,
              sql::Analyser& analyser, const Environment& environment);
Checked check_texts(std::vector<SourceText> texts, const Registry& registry,
                    sql::Analyser& analyser, const Environment& environment);

}  // namespace leat::pipeline

#include "trial/test_graph.h"

#include <algorithm>

#include "base/check.h"
#include "format/csv_record.h"
#include "format/text_arena.h"
#include "pipeline/typed_rows.h"

namespace leat::trial {
namespace {

using pipeline::Graph;
using pipeline::StreamNode;
using pipeline::TestGiven;
using pipeline::TestNode;

constexpr std::size_t recent_rows_max = 1'000'000;

template <class Use>
void each_given(const TestNode& test, const Use& use) {
  for (const TestNode::Step& step : test.steps) {
    for (const TestGiven& given : step.given) use(given);
  }
}

/// From now on the stream is what the test says.
void read_given_rows(StreamNode& stream) {
  stream.input = topic_of_rows(stream.name);
  stream.from_topic = true;
  stream.format = "json";
  stream.format_settings = {};
  stream.columns = pipeline::columns_by_name(stream.schema);
  stream.columns_at.assign(stream.columns.size(), stream.at);
  stream.select.clear();
  stream.query = {};
  stream.query.input = stream.input;
  stream.query.output = stream.schema;
  stream.query.identity = true;
  stream.query.reads.assign(stream.schema.size(), true);
  stream.expectations.clear();
}

/// Whether files of the source that fills a topic begin with a line of column names.
bool has_header_line(const Graph& whole, const runtime::Connectors& connectors,
                     const std::string& topic) {
  return std::ranges::any_of(whole.sources, [&](const pipeline::SourceNode& source) {
    const auto found = connectors.sources.find(source.connector);
    return source.topic == topic && found != connectors.sources.end() &&
           found->second.has_csv_header && found->second.has_csv_header(source.settings);
  });
}

std::vector<std::string> names_in(std::string_view line, const connector::Settings& settings) {
  const auto character = [&](const char* name, char otherwise) {
    const std::string& text = settings.text(name);
    return text.empty() ? otherwise : text.front();
  };
  format::TextArena arena;
  std::vector<format::CsvField> cells;
  std::size_t position = 0;
  std::vector<std::string> names;
  if (format::split_csv(line, character("delimiter", ','), character("quote", '"'), arena, cells,
                        position) == nullptr) {
    for (const format::CsvField& cell : cells) names.emplace_back(cell.text);
  }
  return names;
}

/// A CSV stream finds its columns by the header that the test's text begins with.
void take_header(const TestNode& test, StreamNode& stream) {
  if (!stream.format_settings.list("header").empty()) return;
  each_given(test, [&](const TestGiven& given) {
    if (given.name != stream.input || !given.text) return;
    std::string_view line = std::string_view(*given.text).substr(0, given.text->find('\n'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    stream.format_settings.set("header", names_in(line, stream.format_settings));
  });
}

/// Gives the stream its rows by a topic of its own.
void give_rows(const TestGiven& given, Graph& graph) {
  const auto stream = std::ranges::find(graph.streams, given.name, &StreamNode::name);
  LEAT_CHECK(stream != graph.streams.end());
  const std::string topic = topic_of_rows(stream->name);
  if (stream->input == topic) return;
  read_given_rows(*stream);
  pipeline::TopicNode node;
  node.name = topic;
  graph.topics.push_back(std::move(node));
}

}  // namespace

std::string topic_of_rows(const std::string& stream) { return "__leat_rows." + stream; }

TestGraph graph_of_test(const Graph& whole, const TestNode& test,
                        const runtime::Connectors& connectors) {
  TestGraph out;
  Graph& graph = out.graph;
  graph.pipelines = whole.pipelines;
  const auto is_kept = [&](const auto& node) { return test.relations.contains(node.name); };
  std::ranges::copy_if(whole.topics, std::back_inserter(graph.topics), is_kept);
  std::ranges::copy_if(whole.streams, std::back_inserter(graph.streams), is_kept);
  std::ranges::copy_if(whole.views, std::back_inserter(graph.views), is_kept);
  std::ranges::copy_if(whole.tables, std::back_inserter(graph.tables), is_kept);
  for (pipeline::ViewNode& view : graph.views) {
    // What it would hand on alone is expected of it, too.
    if (auto* select = std::get_if<op::SelectView>(&view.definition)) select->kept = true;
  }
  for (pipeline::TableNode& table : graph.tables) {
    // What the test gives counts at once.
    table.cache.found_ms = 0;
    table.cache.missing_ms = 0;
  }
  for (pipeline::TopicNode& topic : graph.topics) {
    topic.source.clear();
    topic.retention_ms.reset();
    topic.retention_bytes.reset();
  }
  each_given(test, [&](const TestGiven& given) {
    const bool rows = given.kind == TestGiven::Kind::rows;
    if (rows) give_rows(given, graph);
    const std::string name = rows ? topic_of_rows(given.name) : given.name;
    const auto topic = std::ranges::find(graph.topics, name, &pipeline::TopicNode::name);
    if (topic == graph.topics.end()) return;
    topic->partitions = std::max(topic->partitions, given.partition + 1);
  });
  for (StreamNode& stream : graph.streams) {
    stream.recent_rows_max = recent_rows_max;
    if (!stream.from_topic || stream.format != "csv") continue;
    out.csv.insert(stream.input);
    if (!has_header_line(whole, connectors, stream.input)) continue;
    out.headed.insert(stream.input);
    take_header(test, stream);
  }
  return out;
}

}  // namespace leat::trial

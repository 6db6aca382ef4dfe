#include <algorithm>

#include "pipeline/graph.h"

namespace leat::pipeline {

connector::SinkInput sink_input_of(const Graph& graph, const SinkNode& sink) {
  using Kind = connector::SinkInput::Kind;
  connector::SinkInput input{
      .sink = sink.name, .from = sink.from, .schema = {}, .key = {}, .changes = sink.changes};
  if (sink.from_topic) {
    input.kind = Kind::topic;
    input.schema = connector::record_schema();
    return input;
  }
  const auto view = std::ranges::find(graph.views, sink.from, &ViewNode::name);
  if (view != graph.views.end()) {
    const bool rows_add_up = view->append_only && view->key.empty() && !view->one_row;
    input.kind = rows_add_up ? Kind::stream : Kind::view;
    input.schema = view->schema;
    input.key = view->key;
    input.rows_change = !view->append_only;
    input.written_anew = view->kept() && !rows_add_up;
    return input;
  }
  const auto stream = std::ranges::find(graph.streams, sink.from, &StreamNode::name);
  if (stream != graph.streams.end()) input.schema = stream->schema;
  return input;
}

bool keeps_rows(const Graph& graph, std::string_view name) {
  const auto view = std::ranges::find(graph.views, name, &ViewNode::name);
  return view != graph.views.end() && view->kept();
}

connector::TableInput table_input_of(const TableNode& table) {
  return {.table = table.name,
          .schema = table.schema,
          .key = table.key,
          .rows_per_key_max = table.rows_per_key_max};
}

}  // namespace leat::pipeline

#include "pipeline/topic_check.h"

#include <algorithm>

#include <fmt/format.h>

namespace leat::pipeline {
namespace {

/// Keys that say how the embedded log holds a topic.
constexpr std::string_view log_keys[] = {"partitions", "retention", "compact", "compression"};

void read_topic_settings(Scope& scope, const Fields& fields, TopicNode& topic) {
  if (const auto partitions = fields.number("partitions")) {
    topic.partitions = static_cast<std::int32_t>(*partitions);
  }
  topic.compacted = fields.flag("compact");
  topic.compression = fields.text("compression").value_or("lz4");
  if (const Node* retention = fields.find("retention")) {
    const Fields bounds(*retention, section("retention"), scope.diagnostics);
    topic.retention_ms = bounds.number("time");
    topic.retention_bytes = bounds.number("size");
  }
}

TopicNode* find_topic(Scope& scope, std::string_view name) {
  const auto found = std::ranges::find(scope.graph.topics, name, &TopicNode::name);
  return found == scope.graph.topics.end() ? nullptr : &*found;
}

bool gives_log_settings(const Fields& fields) {
  return std::ranges::any_of(log_keys, [&](auto key) { return fields.has(key); });
}

/// What an entry says of its topic.
struct TopicPart {
  TopicNode topic;
  bool configured = false;  // it has settings, not only a name
};

TopicPart read_topic_part(Scope& scope, const Fields& fields, const Declaration& declaration,
                          SourceNode& source) {
  TopicPart part;
  part.topic.name = declaration.name->text;
  part.topic.at = declaration.name->at;
  const Node* value = fields.find("topic");
  if (value == nullptr) return part;
  part.topic.at = value->at;
  if (value->is_scalar()) {
    part.topic.name = value->text;
    return part;
  }
  const Fields topic(*value, section("source.topic"), scope.diagnostics);
  if (const Node* name = topic.find("name")) {
    part.topic.name = name->text;
    part.topic.at = name->at;
  }
  source.copied = topic.flag("copy");
  part.configured = gives_log_settings(topic);
  read_topic_settings(scope, topic, part.topic);
  return part;
}

void check_copy(Scope& scope, const Fields& fields, const SourceNode& source, bool replayable,
                bool configured) {
  const Node* value = fields.find("topic");
  if (value == nullptr || !value->is_mapping()) return;
  if (source.copied && !replayable) {
    scope.diagnostics.error(
        value->find("copy")->key.at, "topic-not-kept",
        fmt::format("the records of \"{}\" can't be read again, they always are kept in the topic; "
                    "remove \"copy\"",
                    source.connector));
  }
  if (replayable && !source.copied && configured) {
    scope.diagnostics.error(
        value->at, "topic-not-kept",
        fmt::format("a \"{}\" source is its topic: its records are not stored a second time, and "
                    "these settings have no meaning; remove them, or write copy: true",
                    source.connector));
  }
}

void join_topic(Scope& scope, TopicPart part, const SourceNode& source, bool is_topic) {
  part.topic.source = is_topic ? source.name : "";
  TopicNode* same = find_topic(scope, part.topic.name);
  if (same == nullptr) {
    scope.declare(Relation::Kind::topic, part.topic.name, part.topic.at);
    scope.graph.topics.push_back(std::move(part.topic));
    return;
  }
  if (is_topic || !same->source.empty()) {
    const auto& whole = is_topic ? source.name : same->source;
    scope.diagnostics.error(
        part.topic.at, "topic-conflict",
        fmt::format(
            "the topic \"{}\" can't have two sources: the source \"{}\" is the topic itself, "
            "it is not stored; give each a topic, or write topic: {{name: {}, copy: true}}",
            printable(part.topic.name), whole, printable(part.topic.name)));
  } else if (part.configured) {
    scope.diagnostics.error(
        part.topic.at, "topic-conflict",
        fmt::format("the topic \"{}\" has its settings at {}:{} already; name it here without any",
                    printable(part.topic.name), printable(same->at.file, 4096), same->at.line));
  }
}

}  // namespace

void check_source(Scope& scope, const Declaration& declaration) {
  SourceNode source;
  source.name = declaration.name->text;
  source.at = declaration.name->at;
  source.pipeline = declaration.pipeline;
  check_own_name(scope.diagnostics, scope.graph.sources, *declaration.name, "source");
  const Fields fields(*declaration.body, section("source"), scope.diagnostics,
                      names_of(scope.registry.sources));
  const auto chosen = fields.readable() ? chosen_connector(fields, scope.registry.sources,
                                                           scope.diagnostics, "source")
                                        : std::nullopt;
  auto part = read_topic_part(scope, fields, declaration, source);
  source.topic = part.topic.name;
  bool is_topic = false;
  if (const auto connectors = fields.others(); !connectors.empty()) {
    source.connector = connectors[0]->key.text;
    const bool replayable = scope.registry.replayable.contains(source.connector);
    is_topic = replayable && !source.copied;
    check_copy(scope, fields, source, replayable, part.configured);
  }
  if (chosen) {
    source.settings = chosen->checked.settings;
    source.shown = chosen->checked.shown;
  }
  join_topic(scope, std::move(part), source, is_topic);
  scope.graph.sources.push_back(std::move(source));
}

void check_topic(Scope& scope, const Declaration& declaration) {
  TopicNode topic;
  topic.name = declaration.name->text;
  topic.at = declaration.name->at;
  if (!declaration.body->is_nothing()) {
    const Fields fields(*declaration.body, section("topic"), scope.diagnostics);
    if (fields.readable()) read_topic_settings(scope, fields, topic);
  }
  if (const auto* same = find_topic(scope, topic.name)) {
    scope.diagnostics.error(
        topic.at, "topic-conflict",
        fmt::format("the topic \"{}\" is declared at {}:{} already; give it its settings there",
                    printable(topic.name), printable(same->at.file, 4096), same->at.line));
    return;
  }
  scope.declare(Relation::Kind::topic, topic.name, topic.at);
  scope.graph.topics.push_back(std::move(topic));
}

void imply_topic(Scope& scope, const Node& name) {
  if (!scope.declare(Relation::Kind::topic, name.text, name.at)) return;
  TopicNode topic;
  topic.name = name.text;
  topic.at = name.at;
  scope.graph.topics.push_back(std::move(topic));
  scope.diagnostics.note(
      name.at, "implied-topic",
      fmt::format("no source fills the topic \"{0}\", so it takes pushes alone (POST "
                  "/v1/topics/{0}/records); write it under \"topics:\" to say so",
                  name.shown()));
}

}  // namespace leat::pipeline

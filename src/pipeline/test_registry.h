#pragma once

#include "pipeline/check.h"
#include "pipeline/format_specs.h"

namespace leat::pipeline {

/// A source with every kind of setting.
inline connector::Spec test_http_source() {
  using connector::Kind;
  connector::Spec http;
  http.name = "http";
  http.summary = "Pulls.";
  http.settings = {
      {.name = "url", .kind = Kind::url, .doc = "Where.", .required = true},
      {.name = "every",
       .kind = Kind::duration,
       .doc = "How often.",
       .default_value = "1m",
       .min = 10},
      {.name = "records", .kind = Kind::json_pointer, .doc = "The array."},
      {.name = "method",
       .kind = Kind::enumeration,
       .default_value = "GET",
       .choices = {"GET", "POST"}},
      {.name = "headers", .kind = Kind::text_map, .doc = "Headers.", .secret = true},
      {.name = "token", .kind = Kind::text, .doc = "A token.", .secret = true},
      {.name = "retries", .kind = Kind::integer, .default_value = "5", .min = 0, .max = 100},
      {.name = "share", .kind = Kind::number, .min = 0, .max = 1},
      {.name = "gzip", .kind = Kind::boolean, .default_value = "true"},
      {.name = "bytes_max", .kind = Kind::bytes, .default_value = "32MiB", .max = 1 << 30},
      {.name = "backoff",
       .kind = Kind::group,
       .fields = {{.name = "first", .kind = Kind::duration, .default_value = "500ms"}}},
      {.name = "paging",
       .kind = Kind::group,
       .fields = {{.name = "kind", .kind = Kind::text, .required = true},
                  {.name = "pages_max", .kind = Kind::integer, .default_value = "100"}}},
  };
  http.example = "http:\n  url: https://example.com\n";
  return http;
}

/// A table that is kept as a whole.
inline connector::Spec test_kept_table() {
  connector::Spec kept;
  kept.name = "file";
  kept.role = connector::Role::table;
  kept.kept = true;
  kept.settings = {{.name = "path", .kind = connector::Kind::path, .required = true}};
  kept.example = "file: {path: a.csv}\n";
  return kept;
}

/// Connectors for the tests and fuzz targets of this folder.
inline Registry test_registry() {
  using connector::Kind;
  connector::Spec file;
  file.name = "file";
  file.settings = {
      {.name = "path", .kind = Kind::path, .doc = "Which.", .required = true},
      {.name = "follow", .kind = Kind::boolean, .default_value = "false"},
      {.name = "framing",
       .kind = Kind::enumeration,
       .default_value = "lines",
       .choices = {"lines", "csv"}},
      {.name = "only", .kind = Kind::text_list},
  };
  file.example = "file: {path: a.jsonl}\n";
  connector::Spec file_sink;
  file_sink.name = "file";
  file_sink.role = connector::Role::sink;
  file_sink.rows_only_added = true;
  file_sink.settings = {{.name = "path", .kind = Kind::path, .required = true},
                        {.name = "format",
                         .kind = Kind::enumeration,
                         .default_value = "json",
                         .choices = {"json", "csv"}},
                        {.name = "if_exists",
                         .kind = Kind::enumeration,
                         .default_value = "refuse",
                         .choices = {"refuse", "append", "replace"}}};
  file_sink.example = "file: {path: out.jsonl}\n";
  connector::Spec table;
  table.name = "table";
  table.role = connector::Role::sink;
  table.settings = {
      {.name = "uri", .kind = Kind::url, .required = true, .choices = {"postgresql"}}};
  table.check_input = [](const connector::SinkInput& input, const connector::Settings&) -> Status {
    if (input.schema.find("id")) return {};
    return user_error("no-id", "{} has no column \"id\", which the table needs", input.from);
  };
  table.example = "table: {uri: \"postgresql://localhost/a\"}\n";
  connector::Spec looked_up;
  looked_up.name = "cassandra";
  looked_up.role = connector::Role::table;
  looked_up.settings = {{.name = "hosts", .kind = Kind::text_list, .required = true},
                        {.name = "table", .required = true}};
  looked_up.example = "cassandra: {hosts: [a], table: b.c}\n";
  connector::Spec kafka;
  kafka.name = "kafka";
  kafka.role = connector::Role::log;
  kafka.settings = {{.name = "brokers", .kind = Kind::text_list, .required = true},
                    {.name = "topic_prefix", .doc = "Before names."},
                    {.name = "password", .secret = true},
                    {.name = "replication", .kind = Kind::integer, .min = 1}};
  kafka.example = "kafka: {brokers: [\"a:1\"]}\n";
  Registry registry;
  registry.tables = {looked_up, test_kept_table()};
  registry.takes_table = [](const std::string&, const connector::TableInput&,
                            const connector::Settings& settings) -> Status {
    if (settings.text("table").contains('.')) return {};
    return user_error("bad-table", "\"{}\" is no table; write keyspace.table",
                      settings.text("table"));
  };
  registry.sources = {test_http_source(), file};
  registry.sinks = {file_sink, table};
  registry.logs = {kafka};
  registry.formats = format_specs();
  registry.replayable = {"file"};
  return registry;
}

}  // namespace leat::pipeline

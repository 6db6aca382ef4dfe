#include "app/connectors.h"

#include "connector/file/file_source.h"
#include "connector/file/spec.h"
#include "connector/file_sink/file_sink.h"
#include "connector/file_sink/spec.h"
#include "connector/http/http_source.h"
#include "connector/http/spec.h"
#include "connector/random_user/generator.h"
#include "connector/random_user/spec.h"

namespace leat::app {
namespace {

using connector::Kind;
using connector::Role;
using connector::Setting;
using connector::Spec;

Spec json_format() {
  return {.name = "json",
          .role = Role::format,
          .summary = "Each record is one JSON document.",
          .doc =
              "Columns are found by JSON pointer (`at:`) or by their own name at the top level. Of "
              "members with the same name the last one counts.",
          .settings = {},
          .example = "json",
          .delivery = {}};
}

Spec csv_format() {
  return {
      .name = "csv",
      .role = Role::format,
      .summary = "Each record is one row of comma-separated values (RFC 4180).",
      .doc =
          "Columns are found by their name in the header: the file's first line where the source "
          "has one, else `header`, else the order in which the stream declares its columns.",
      .settings = {{.name = "delimiter",
                    .kind = Kind::text,
                    .doc = "The character between two values.",
                    .default_value = ","},
                   {.name = "quote",
                    .kind = Kind::text,
                    .doc = "The character around values that hold a delimiter or a line end.",
                    .default_value = "\""},
                   {.name = "header",
                    .kind = Kind::text_list,
                    .doc = "Names of the values, in order, for records without a header line."},
                   {.name = "null",
                    .kind = Kind::text,
                    .doc = "The text that stands for NULL; the empty one when left out."}},
      .example = "csv: {delimiter: \";\"}",
      .delivery = {}};
}

}  // namespace

pipeline::Registry registry() {
  return {.sources = {connector::http_source_spec(), connector::file_source_spec(),
                      connector::random_user_spec()},
          .sinks = {connector::file_sink_spec()},
          .formats = {json_format(), csv_format()},
          .replayable = {"file", "random_user"}};
}

runtime::Connectors connectors() {
  runtime::Connectors all;
  all.sources["http"] = {.live = connector::make_http_source, .replayable = {}, .csv_header = {}};
  all.sources["file"] = {
      .live = {}, .replayable = connector::make_file_source, .csv_header = connector::csv_header};
  all.sources["random_user"] = {
      .live = {}, .replayable = connector::make_random_user_source, .csv_header = {}};
  all.sinks["file"] = [](const pipeline::SinkNode& node, const Schema& schema,
                         const connector::Context& context) {
    return connector::make_file_sink(node.settings, schema, node.changes, context);
  };
  return all;
}

}  // namespace leat::app

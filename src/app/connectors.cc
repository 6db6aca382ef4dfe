#include "app/connectors.h"

#include "connector/blackhole/blackhole_sink.h"
#include "connector/blackhole/spec.h"
#include "connector/cassandra/cassandra_sink.h"
#include "connector/cassandra/cassandra_table.h"
#include "connector/cassandra/spec.h"
#include "connector/file/file_source.h"
#include "connector/file/spec.h"
#include "connector/file_sink/file_sink.h"
#include "connector/file_sink/spec.h"
#include "connector/file_table/file_table.h"
#include "connector/file_table/spec.h"
#include "connector/http/http_source.h"
#include "connector/http/spec.h"
#include "connector/http_sink/http_sink.h"
#include "connector/http_sink/spec.h"
#include "connector/kafka/kafka_sink.h"
#include "connector/kafka/kafka_source.h"
#include "connector/kafka/kafka_topics.h"
#include "connector/kafka/spec.h"
#include "connector/mongodb/mongodb_sink.h"
#include "connector/mongodb/mongodb_source.h"
#include "connector/mongodb/spec.h"
#include "connector/nexmark/nexmark_source.h"
#include "connector/nexmark/spec.h"
#include "connector/object/objects_source.h"
#include "connector/object/parquet_history.h"
#include "connector/object/parquet_sink.h"
#include "connector/object/spec.h"
#include "connector/postgresql/postgresql_sink.h"
#include "connector/postgresql/postgresql_source.h"
#include "connector/postgresql/spec.h"
#include "connector/random_user/generator.h"
#include "connector/random_user/spec.h"
#include "format/decoder.h"
#include "pipeline/format_specs.h"

namespace leat::app {
namespace {

/// Whether the stream's decoder can fill the column, by making one for it.
Status can_decode(const pipeline::Graph& graph, const pipeline::StreamNode& stream,
                  const DecodedColumn& column) {
  for (const pipeline::SourceNode& source : graph.sources) {
    // One with a fault has no settings.
    if (source.connector != "nexmark" || source.topic != stream.input ||
        !source.settings.has("records")) {
      continue;
    }
    if (LEAT_TRY(connector::make_nexmark_source_decoder(source.settings, {{column}, {}})))
      return {};
  }
  if (stream.format == "csv") {
    const std::string& field = column.field.empty() ? column.name : column.field;
    LEAT_TRY(format::make_csv_decoder({column}, {.header = {field}}));
  } else {
    LEAT_TRY(format::make_json_decoder({column}));
  }
  return {};
}

Status takes_table(const std::string& connector, const connector::TableInput& input,
                   const connector::Settings& settings) {
  if (connector == "cassandra") return connector::check_cassandra_table(input, settings);
  return {};
}

Result<Schema> table_columns(const std::string& connector, const Schema& declared,
                             const connector::Settings& settings) {
  if (connector == "file") return connector::columns_of_file_table(declared, settings, {});
  return declared;
}

}  // namespace

pipeline::Registry registry() {
  return {.sources = {connector::http_source_spec(), connector::file_source_spec(),
                      connector::random_user_spec(), connector::postgresql_source_spec(),
                      connector::kafka_source_spec(), connector::mongodb_source_spec(),
                      connector::objects_source_spec(), connector::nexmark_source_spec()},
          .sinks = {connector::file_sink_spec(), connector::http_sink_spec(),
                    connector::postgresql_sink_spec(), connector::mongodb_sink_spec(),
                    connector::cassandra_sink_spec(), connector::kafka_sink_spec(),
                    connector::parquet_sink_spec(), connector::blackhole_sink_spec()},
          .tables = {connector::cassandra_table_spec(), connector::file_table_spec()},
          .logs = {connector::kafka_log_spec()},
          .formats = pipeline::format_specs(),
          .replayable = {"file", "random_user", "nexmark", "kafka"},
          .decodes = can_decode,
          .takes_table = takes_table,
          .table_columns = table_columns};
}

runtime::Connectors connectors() {
  runtime::Connectors all;
  all.sources["http"] = {.live = connector::make_http_source, .replayable = {}, .csv_header = {}};
  all.sources["file"] = {.live = {},
                         .replayable = connector::make_file_source,
                         .csv_header = connector::csv_header,
                         .has_csv_header = connector::has_csv_header};
  all.sources["mongodb"] = {
      .live = connector::make_mongodb_source, .replayable = {}, .csv_header = {}};
  all.sources["objects"] = {
      .live = connector::make_objects_source, .replayable = {}, .csv_header = {}};
  all.sources["nexmark"] = {.live = {},
                            .replayable = connector::make_nexmark_source,
                            .csv_header = {},
                            .decoder = connector::make_nexmark_source_decoder};
  all.sources["random_user"] = {
      .live = {}, .replayable = connector::make_random_user_source, .csv_header = {}};
  all.sinks["file"].with_the_epoch = [](const pipeline::SinkNode& node, const Schema& schema,
                                        const connector::Context& context) {
    return connector::make_file_sink(node.settings, schema, node.changes, context);
  };
  all.sinks["blackhole"].with_the_epoch = [](const pipeline::SinkNode&, const Schema&,
                                             const connector::Context&) {
    return Result<std::unique_ptr<connector::EpochSink>>(connector::make_blackhole_sink());
  };
  all.sources["postgresql"] = {
      .live = connector::make_postgresql_source, .replayable = {}, .csv_header = {}};
  all.sinks["http"].remote = connector::make_http_sink;
  all.sinks["postgresql"].remote = connector::make_postgresql_sink;
  all.sinks["mongodb"].remote = connector::make_mongodb_sink;
  all.tables["cassandra"] = connector::make_cassandra_table;
  all.reference_tables["file"] = connector::make_file_table;
  all.sinks["cassandra"].remote = connector::make_cassandra_sink;
  all.sources["kafka"] = {.live = {}, .replayable = connector::make_kafka_source, .csv_header = {}};
  all.sinks["kafka"].remote = connector::make_kafka_sink;
  all.logs["kafka"] = {.open = connector::open_kafka_topics, .probe = connector::probe_kafka_log};
  all.sinks["parquet"].remote = connector::make_parquet_sink;
  all.sinks["parquet"].history = connector::make_parquet_history;
  return all;
}

}  // namespace leat::app

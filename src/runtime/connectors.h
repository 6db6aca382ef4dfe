#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "connector/context.h"
#include "connector/history.h"
#include "connector/reference_table.h"
#include "connector/sink.h"
#include "connector/source.h"
#include "connector/spec.h"
#include "connector/table.h"
#include "format/shared_decoder.h"
#include "log/topics.h"
#include "pipeline/graph.h"

namespace leat::runtime {

/// How to make what a pipeline file names: `app/connectors.cc` holds the one list. A source is
/// either live or replayable.
struct Connectors {
  struct Source {
    std::function<Result<std::unique_ptr<connector::LiveSource>>(const connector::Settings&,
                                                                 const connector::Context&)>
        live;
    std::function<Result<std::unique_ptr<connector::ReplayableSource>>(const connector::Settings&,
                                                                       const connector::Context&)>
        replayable;
    /// Column names of CSV records, for sources whose data has a header line.
    std::function<Result<std::vector<std::string>>(const connector::Settings&,
                                                   const connector::Context&)>
        csv_header;
    /// Whether it has one, by the settings alone.
    std::function<bool(const connector::Settings&)> has_csv_header = {};
    /// For sources whose records may be of a form of their own: reads a stream's columns from them.
    /// Null: with these settings they are of the stream's format.
    std::function<Result<std::unique_ptr<format::Decoder>>(const connector::Settings&,
                                                           format::WantedColumns)>
        decoder = {};
  };
  /// A sink either commits with the epoch (files) or is another system's, read from the log.
  struct Sink {
    std::function<Result<std::unique_ptr<connector::EpochSink>>(
        const pipeline::SinkNode&, const Schema&, const connector::Context&)>
        with_the_epoch = {};
    std::function<Result<std::unique_ptr<connector::Sink>>(
        const connector::SinkInput&, const connector::Settings&, const connector::Context&)>
        remote = {};
    /// What it has written as a table, where SQL can read it.
    std::function<Result<std::unique_ptr<connector::History>>(
        const connector::SinkInput&, const connector::Settings&, const connector::Context&)>
        history = {};
  };

  using Table = std::function<Result<std::unique_ptr<connector::Table>>(
      const connector::TableInput&, const connector::Settings&, const connector::Context&)>;

  /// Tables that are read as a whole and kept.
  using ReferenceTable = std::function<Result<std::unique_ptr<connector::ReferenceTable>>(
      const connector::TableInput&, const connector::Settings&, const connector::Context&)>;

  /// Topics that another system keeps.
  struct Log {
    std::function<Result<std::unique_ptr<log::Topics>>(const connector::Settings&,
                                                       const connector::Context&)>
        open = {};
    /// For `leat check --connect`.
    std::function<Result<std::string>(const connector::Settings&, const connector::Context&,
                                      std::stop_token)>
        probe = {};
  };

  std::map<std::string, Log> logs;
  std::map<std::string, Source> sources;
  std::map<std::string, Table> tables;
  std::map<std::string, ReferenceTable> reference_tables;
  std::map<std::string, Sink> sinks;

  /// Whether sinks of this connector write to another system.
  bool is_remote(const std::string& sink_connector) const {
    const auto found = sinks.find(sink_connector);
    return found != sinks.end() && found->second.remote != nullptr;
  }
};

}  // namespace leat::runtime

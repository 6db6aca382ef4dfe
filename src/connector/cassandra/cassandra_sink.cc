#include "connector/cassandra/cassandra_sink.h"

#include <spdlog/spdlog.h>

#include <optional>
#include <string>
#include <utility>

#include "connector/cassandra/batch_writer.h"

namespace leat::connector {
namespace {

using namespace cql;

class CassandraSink final : public Sink {
 public:
  CassandraSink(TablePlan plan, ClusterOptions cluster, BatchWriter::Options options)
      : plan_(std::move(plan)), cluster_(std::move(cluster)), options_(options) {}

  Result<std::optional<std::string>> open(std::stop_token stop) override {
    LEAT_TRY(connect(std::move(stop)));
    TargetTable table = LEAT_TRY(open_table(*session_, plan_));
    writer_.emplace(plan_.schema, std::move(table), options_);
    // Writing rows again changes nothing: Leat may keep the position.
    return std::optional<std::string>();
  }

  Result<std::vector<RefusedRow>> write(const SinkBatch& batch, std::stop_token stop) override {
    session_->use(std::move(stop));
    return writer_->write(*session_, batch);
  }

  Result<std::string> probe(std::stop_token stop) override {
    LEAT_TRY(connect(std::move(stop)));
    const Cluster& cluster = session_->cluster();
    const std::string table = LEAT_TRY(probe_table(*session_, plan_));
    return fmt::format("Cassandra {}, cluster {} of {} {}; {}", cluster.release(), cluster.name(),
                       cluster.node_count(), cluster.node_count() == 1 ? "node" : "nodes", table);
  }

 private:
  Status connect(std::stop_token stop) {
    writer_.reset();
    session_ = std::make_unique<Session>(cluster_);
    return session_->open(std::move(stop));
  }

  const TablePlan plan_;
  const ClusterOptions cluster_;
  const BatchWriter::Options options_;
  std::unique_ptr<Session> session_;
  std::optional<BatchWriter> writer_;  ///< of an open table of `session_`
};

Result<std::shared_ptr<const TlsContext>> read_tls(const Settings& settings,
                                                   const Context& context) {
  if (!settings.has("tls")) return std::shared_ptr<const TlsContext>();
  const Settings& tls = settings.group("tls");
  const auto path = [&](const char* name) {
    const std::string& written = tls.text(name);
    return written.empty() ? std::string() : context.path(written);
  };
  return TlsContext::make({.ca_file = path("ca"),
                           .certificate_file = path("cert"),
                           .key_file = path("key"),
                           .server_name = tls.text("server_name")});
}

Result<ClusterOptions> read_cluster(const SinkInput& input, const Settings& settings,
                                    const Context& context) {
  ClusterOptions cluster;
  const auto port = static_cast<std::uint16_t>(settings.integer("port"));
  for (const std::string& host : settings.list("hosts")) {
    cluster.hosts.push_back(LEAT_TRY(parse_endpoint(host, port)));
  }
  if (cluster.hosts.empty()) {
    return user_error("invalid-host", "`hosts` names no node of Cassandra");
  }
  cluster.datacenter = settings.text("datacenter");
  ConnectionOptions& connection = cluster.connection;
  connection.username = settings.text("username");
  connection.password = settings.text("password");
  connection.tls = LEAT_TRY(read_tls(settings, context));
  connection.lz4 = settings.text("compression") == "lz4";
  connection.version_max = settings.text("protocol") == "4" ? 4 : 5;
  connection.request_timeout = std::chrono::milliseconds(settings.duration_ms("timeout"));
  connection.connect_timeout = std::chrono::milliseconds(settings.duration_ms("connect_timeout"));
  cluster.on_notice = [sink = input.sink](const std::string& text) {
    spdlog::warn("sink {}: {}", sink, text);
  };
  return cluster;
}

}  // namespace

Result<std::unique_ptr<Sink>> make_cassandra_sink(const SinkInput& input, const Settings& settings,
                                                  const Context& context) {
  TablePlan plan = LEAT_TRY(plan_table(input, settings));
  ClusterOptions cluster = LEAT_TRY(read_cluster(input, settings, context));
  const BatchWriter::Options options{
      .consistency = consistency_of(settings.text("consistency")),
      .nulls = settings.text("nulls") == "keep" ? Nulls::keep : Nulls::delete_};
  return std::make_unique<CassandraSink>(std::move(plan), std::move(cluster), options);
}

}  // namespace leat::connector

#include "connector/cassandra/cassandra_sink.h"

#include <optional>
#include <string>
#include <utility>

#include "connector/cassandra/batch_writer.h"
#include "connector/cassandra/cluster_settings.h"

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

}  // namespace

Result<std::unique_ptr<Sink>> make_cassandra_sink(const SinkInput& input, const Settings& settings,
                                                  const Context& context) {
  TablePlan plan = LEAT_TRY(plan_table(input, settings));
  ClusterOptions cluster = LEAT_TRY(read_cluster("sink " + input.sink, settings, context));
  const BatchWriter::Options options{
      .consistency = consistency_of(settings.text("consistency")),
      .nulls = settings.text("nulls") == "keep" ? Nulls::keep : Nulls::delete_};
  return std::make_unique<CassandraSink>(std::move(plan), std::move(cluster), options);
}

}  // namespace leat::connector

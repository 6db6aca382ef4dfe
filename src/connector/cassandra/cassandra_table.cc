#include "connector/cassandra/cassandra_table.h"

#include <optional>
#include <utility>

#include "connector/cassandra/cluster_settings.h"
#include "connector/cassandra/row_finder.h"

namespace leat::connector {
namespace {

using namespace cql;

class CassandraTable final : public Table {
 public:
  CassandraTable(TableInput input, TableName name, ClusterOptions cluster,
                 RowFinder::Options options)
      : input_(std::move(input)),
        name_(std::move(name)),
        cluster_(std::move(cluster)),
        options_(options) {}

  Status open(std::stop_token stop) override {
    LEAT_TRY(connect(std::move(stop)));
    finder_.emplace(input_, LEAT_TRY(open_lookup(*session_, name_, input_)), options_);
    return {};
  }

  Status look_up(const Chunk& keys, Answers& answers, std::stop_token stop) override {
    session_->use(std::move(stop));
    return finder_->find(*session_, keys, answers);
  }

  Result<std::string> probe(std::stop_token stop) override {
    LEAT_TRY(connect(std::move(stop)));
    LEAT_TRY(open_lookup(*session_, name_, input_));
    const Cluster& cluster = session_->cluster();
    return fmt::format(
        "Cassandra {}, cluster {} of {} {}; the table {} is there, with its key and "
        "columns",
        cluster.release(), cluster.name(), cluster.node_count(),
        cluster.node_count() == 1 ? "node" : "nodes", name_.shown());
  }

 private:
  Status connect(std::stop_token stop) {
    finder_.reset();
    session_ = std::make_unique<Session>(cluster_);
    return session_->open(std::move(stop));
  }

  const TableInput input_;
  const TableName name_;
  const ClusterOptions cluster_;
  const RowFinder::Options options_;
  std::unique_ptr<Session> session_;
  std::optional<RowFinder> finder_;  ///< of an open table of `session_`
};

}  // namespace

Status check_cassandra_table(const TableInput& input, const Settings& settings) {
  LEAT_TRY(parse_table_name(settings.text("table")));
  for (const Column& column : input.schema) {
    if (ValueReader::can_read(column.type)) continue;
    return user_error("type-mismatch",
                      "no column of a Cassandra table gives {}, as `{}` is declared; see the types "
                      "of the table `cassandra` in the reference",
                      column.type.to_sql(), column.name);
  }
  return {};
}

Result<std::unique_ptr<Table>> make_cassandra_table(const TableInput& input,
                                                    const Settings& settings,
                                                    const Context& context) {
  LEAT_TRY(check_cassandra_table(input, settings));
  TableName name = LEAT_TRY(parse_table_name(settings.text("table")));
  ClusterOptions cluster = LEAT_TRY(read_cluster("table " + input.table, settings, context));
  const RowFinder::Options options{
      .consistency = consistency_of(settings.text("consistency")),
      .in_flight_max = static_cast<std::size_t>(settings.integer("in_flight"))};
  return std::make_unique<CassandraTable>(input, std::move(name), std::move(cluster), options);
}

}  // namespace leat::connector

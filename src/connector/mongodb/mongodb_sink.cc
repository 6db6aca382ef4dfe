#include "connector/mongodb/mongodb_sink.h"

#include <optional>

#include "connector/mongodb/batch_writer.h"
#include "connector/mongodb/client.h"
#include "connector/mongodb/collection_setup.h"
#include "connector/mongodb/endpoint.h"
#include "connector/mongodb/operations.h"
#include "connector/mongodb/sink_plan.h"
#include "connector/mongodb/time_series_writer.h"
#include "connector/mongodb/transaction_writer.h"

namespace leat::connector {

using namespace mongodb;

namespace {

class MongodbSink final : public Sink {
 public:
  MongodbSink(SinkPlan plan, Endpoint endpoint, const Clock& clock)
      : plan_(std::move(plan)), endpoint_(std::move(endpoint)), clock_(clock), builder_(plan_) {}

  Result<std::optional<std::string>> open(std::stop_token stop) override {
    transactions_.reset();
    series_.reset();
    plain_.reset();
    client_ = LEAT_TRY(Client::make(endpoint_));
    const auto turn = client_->begin(stop);
    const ServerFacts facts = LEAT_TRY(client_->greet());
    LEAT_TRY(check_transactions(facts));
    LEAT_TRY(set_up_collection(*client_, plan_));
    if (plan_.transactions) {
      transactions_.emplace(*client_, plan_);
      return transactions_->claim();
    }
    if (plan_.time_series) {
      series_.emplace(*client_, plan_, clock_.now_ms() * 1000);
    } else {
      plain_.emplace(*client_, plan_);
    }
    return std::nullopt;
  }

  Result<std::vector<RefusedRow>> write(const SinkBatch& batch, std::stop_token stop) override {
    std::vector<RefusedRow> refused;
    Operations& operations = builder_.build(batch, refused);
    const auto turn = client_->begin(stop);
    if (transactions_) {
      LEAT_TRY(transactions_->write(operations, batch, std::move(refused)));
      return std::vector<RefusedRow>();
    }
    if (series_) {
      LEAT_TRY(series_->write(batch, operations, refused));
    } else {
      LEAT_TRY(plain_->write(operations, refused));
    }
    return refused;
  }

  Result<std::string> probe(std::stop_token stop) override {
    const auto client = LEAT_TRY(Client::make(endpoint_));
    const auto turn = client->begin(stop);
    const ServerFacts facts = LEAT_TRY(client->greet());
    LEAT_TRY(check_transactions(facts));
    const std::string collection = LEAT_TRY(look_at_collection(*client, plan_));
    LEAT_TRY(check_rights(*client, plan_));
    return fmt::format("MongoDB {}{}; {}", facts.version,
                       facts.is_replica_set ? "" : " (standalone)", collection);
  }

 private:
  Status check_transactions(const ServerFacts& facts) const {
    if (!plan_.transactions || facts.is_replica_set) return {};
    return user_error(
        "mongodb-refused",
        "mongodb {}: `transactions: true` needs a replica set, and this server stands "
        "alone; start it with --replSet and run rs.initiate(), or leave "
        "`transactions` out",
        endpoint_.shown);
  }

  const SinkPlan plan_;
  const Endpoint endpoint_;
  const Clock& clock_;
  OperationBuilder builder_;
  std::unique_ptr<Client> client_;
  /// One of them, as the plan says; made anew by each `open`.
  std::optional<BatchWriter> plain_;
  std::optional<TimeSeriesWriter> series_;
  std::optional<TransactionWriter> transactions_;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_mongodb_sink(const SinkInput& input, const Settings& settings,
                                                const Context& context) {
  prepare_library();
  Endpoint endpoint = LEAT_TRY(read_endpoint(settings, context));
  SinkPlan plan = LEAT_TRY(read_sink_plan(input, settings));
  return std::make_unique<MongodbSink>(std::move(plan), std::move(endpoint), context.clock);
}

}  // namespace leat::connector

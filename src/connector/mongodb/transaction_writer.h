#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/mongodb/batch_writer.h"
#include "connector/mongodb/bulk.h"
#include "connector/mongodb/client.h"
#include "connector/mongodb/operations.h"
#include "connector/mongodb/sink_plan.h"
#include "connector/sink.h"

namespace leat::connector::mongodb {

/// Writes a batch's documents and the position after it in one transaction: exactly once. The
/// position stands in a collection of its own, one document a sink:
/// `{_id: <sink>, collection: <where the rows go>, position: <text>, owner: <number>, at: <date>,
/// claimed: <date>, sessions: [<id>, …]}`. `owner` rises with every start, at `claimed`: who holds
/// an older number is shut out. `sessions` are the newest starts': one that a server was in when it
/// froze, or its client died, would hold its rows' places for a minute, so it is ended. Used by one
/// thread; `client` and `plan` outlive it.
class TransactionWriter {
 public:
  TransactionWriter(Client& client, const SinkPlan& plan);

  /// Shuts earlier instances out, and gives the position that was stored last.
  Result<std::optional<std::string>> claim();
  /// Rows that are refused, `refused` among them, are set aside before the commit. Errors: those of
  /// Client::failed and `set_aside`, `mongodb-id-taken` (user), `sink-fenced` (external).
  Status write(const Operations& operations, const SinkBatch& batch,
               std::vector<RefusedRow> refused);

 private:
  /// How far a try came.
  struct Outcome {
    bool done = false;                         ///< all of it, and committed where that was asked
    std::optional<Error> failure;              ///< of the transaction as a whole
    bool try_again = false;                    ///< the failure passes: the server says so
    std::size_t at = 0;                        ///< operation that the transaction broke off at
    std::optional<BulkAnswer::Fault> fault{};  ///< what the server said of it
    std::size_t halve = 0;  ///< that many operations from `at` on failed, nobody says which
  };
  /// What makes a try the last one: when all is written it is committed.
  struct Completion {
    const SinkBatch& batch;
    std::span<const RefusedRow> refused;
    std::size_t& set_aside;  ///< so many of them are among the dead letters already
  };
  void end_sessions(const bson_t& reply);
  Outcome attempt(const Operations& operations, std::span<const Operation> list,
                  std::size_t count_max, const Completion* completion);
  Outcome complete(const Completion& completion);
  Outcome write_runs(const Operations& operations, std::span<const Operation> list,
                     std::size_t count_max);
  Outcome store_position(const std::string& position);
  Outcome commit();
  Outcome failed(const bson_error_t& error, const Reply& reply, std::string_view action) const;
  Status settle(const Operations& operations, const Outcome& outcome, std::vector<Operation>& left,
                std::size_t at, std::vector<RefusedRow>& refused);
  Status drop_present(const Operations& operations, std::vector<Operation>& left, std::size_t from,
                      std::vector<RefusedRow>& refused);

  Client& client_;
  const SinkPlan& plan_;
  CollectionName positions_;
  BatchWriter outside_;  ///< of any transaction: to look at what is there
  Session session_;
  std::optional<BulkSender> sender_;
  std::int64_t owner_ = 0;
};

}  // namespace leat::connector::mongodb

#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "connector/mongodb/bulk.h"
#include "connector/mongodb/client.h"
#include "connector/mongodb/operations.h"
#include "connector/mongodb/sink_plan.h"
#include "connector/sink.h"

namespace leat::connector::mongodb {

/// Writes operations one run after the other, finds the ones that the server refuses, and tells a
/// document that an earlier try wrote from another one with the same `_id`. Used by one thread;
/// `client` and `plan` outlive it.
class BatchWriter {
 public:
  BatchWriter(Client& client, const SinkPlan& plan);

  /// Writes all but the rows that are added to `refused`, and returns once a majority has them.
  /// Safe to repeat. Errors: those of Client::failed, `mongodb-id-taken` (user).
  Status write(const Operations& operations, std::vector<RefusedRow>& refused);

  /// What one fault comes to.
  enum class Verdict {
    refused,  ///< the row is refused for good, and was added to `refused`
    taken,    ///< its `_id` is there already: see `settle_taken`
  };
  /// An Error: the fault is no matter of the one row.
  Result<Verdict> judge(const Operation& operation, const BulkAnswer::Fault& fault,
                        std::vector<RefusedRow>& refused) const;
  /// Of operations whose `_id` is there already, adds those to `differing` whose document is not
  /// the one that is there.
  Status find_differing(const Operations& operations, std::span<const Operation> taken,
                        std::vector<Operation>& differing);
  /// The same, but leaves alone what is not there at all.
  Status find_present(const Operations& operations, std::span<const Operation> asked,
                      std::vector<Operation>& equal, std::vector<Operation>& differing);
  /// What is done with a document whose place is taken by another one: refused where the row
  /// brought its `_id` itself. Error `mongodb-id-taken`: it can't be told.
  Status refuse_taken(const Operations& operations, const Operation& operation,
                      std::vector<RefusedRow>& refused) const;

 private:
  Status write_run(const Operations& operations, std::span<const Operation> run,
                   std::vector<RefusedRow>& refused);
  Status settle_taken(const Operations& operations, std::span<const Operation> taken,
                      std::vector<RefusedRow>& refused);

  Client& client_;
  const SinkPlan& plan_;
  BulkSender sender_;
};

}  // namespace leat::connector::mongodb

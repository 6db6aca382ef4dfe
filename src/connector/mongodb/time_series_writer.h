#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "connector/mongodb/batch_writer.h"
#include "connector/mongodb/client.h"
#include "connector/mongodb/operations.h"
#include "connector/mongodb/sink_plan.h"
#include "connector/sink.h"

namespace leat::connector::mongodb {

/// Writes to a time-series collection, which keeps no `_id` from being there twice: rows that an
/// earlier try may have written are looked for first. Only rows from before the sink was opened can
/// be among them. Used by one thread; `client` and `plan` outlive it.
class TimeSeriesWriter {
 public:
  /// `opened_us`: when the sink was opened, in microseconds since 1970.
  TimeSeriesWriter(Client& client, const SinkPlan& plan, std::int64_t opened_us);

  /// As BatchWriter::write; `batch` is what the operations were made from.
  Status write(const SinkBatch& batch, Operations& operations, std::vector<RefusedRow>& refused);

 private:
  Status leave_out_present(Operations& operations);

  Client& client_;
  const SinkPlan& plan_;
  const std::int64_t opened_us_;
  BatchWriter writer_;
};

}  // namespace leat::connector::mongodb

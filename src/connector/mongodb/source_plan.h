#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "connector/mongodb/endpoint.h"
#include "connector/spec.h"

namespace leat::connector::mongodb {

/// What a source's records are.
enum class RecordForm : std::uint8_t { document, change };

/// What happens when the changes after the source's position are no longer kept by the server.
enum class HistoryLost : std::uint8_t { stop, snapshot, latest };

/// All that a source does, as its settings say it. Pure data.
struct SourcePlan {
  CollectionName collection;  ///< without a collection: the whole database
  RecordForm form = RecordForm::document;
  bool extended_json = false;
  std::string pipeline;  ///< stages (a BSON array's bytes) behind the change stream; empty: none
  std::string full_document;
  std::string before;  ///< empty: the document before the change is not asked for
  bool snapshot = true;
  HistoryLost history_lost = HistoryLost::stop;
};

/// Errors (user): those of read_collection_name, `bad-pipeline`, `bad-records`.
Result<SourcePlan> read_source_plan(const Settings& settings, const Uri& uri);

}  // namespace leat::connector::mongodb

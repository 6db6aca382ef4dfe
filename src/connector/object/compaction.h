#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/context.h"
#include "connector/object/location.h"
#include "connector/object/object_copies.h"
#include "connector/object/object_store.h"
#include "connector/object/parquet_plan.h"
#include "sql/parquet_merge.h"

namespace leat::connector::object {

/// Finds small files of a Parquet sink and makes one of them, on this machine: to show it in their
/// place is the sink's work. Used by one thread.
class Compaction {
 public:
  /// `scratch`: a folder of the sink's own, that is there; it may leave files behind in it.
  static Result<Compaction> open(const ParquetPlan& plan, const Location& location,
                                 const Context& context, const std::string& scratch);

  struct Merged {
    std::string key;
    sql::ParquetFile file;
    std::vector<std::string> removes;  ///< keys of the files that it takes the place of
  };
  /// Makes a file called `name`; nothing where nothing is to be merged. Files that can't be merged
  /// are told of in the log and left as they are, as long as this lives.
  /// Errors: the store's, the disk's.
  Result<std::optional<Merged>> merge(ObjectStore& store, const std::string& name,
                                      const std::stop_token& stop);

 private:
  Compaction(const ParquetPlan& plan, const Location& location, const Context& context,
             std::string scratch)
      : plan_(&plan), location_(&location), context_(&context), scratch_(std::move(scratch)) {}
  Result<std::vector<Object>> files(ObjectStore& store, const std::stop_token& stop) const;

  const ParquetPlan* plan_;
  const Location* location_;
  const Context* context_;
  std::string scratch_;
  std::optional<ObjectCopies> copies_;  // of S3
  std::vector<std::string> unmergeable_;
};

}  // namespace leat::connector::object

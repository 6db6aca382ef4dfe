#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/chunk.h"
#include "runtime/lookup_source.h"
#include "sql/program.h"
#include "sql/query.h"

namespace leat::runtime {

/// What one chunk of a stream's input is joined with.
struct JoinedRows {
  std::vector<std::vector<Chunk>> relations;  ///< the rows of each lookup
  struct Refused {
    std::uint32_t row;  ///< of the input
    std::string reason;
  };
  std::vector<Refused> refused;  ///< rows for which the table has what can't be taken; by row
};

/// Fetches what a stream's query joins its rows with. Each worker has programs of its own.
class StreamLookups {
 public:
  /// `input`: the stream's. One session a worker.
  static Result<std::unique_ptr<StreamLookups>> make(
      const sql::RowQuery& query, const Schema& input, const LookupSources& sources,
      std::span<const std::shared_ptr<sql::Session>> sessions);

  /// For each of the chunks, all keys of all of them asked at once. Waits for the tables' systems.
  Result<std::vector<JoinedRows>> look_up(unsigned worker, std::span<const Chunk> inputs) const;

 private:
  struct OfTable {
    LookupSource* table;
    std::vector<std::unique_ptr<sql::Program>> keys;  ///< by worker
  };
  class Round;

  std::vector<OfTable> lookups_;
};

}  // namespace leat::runtime

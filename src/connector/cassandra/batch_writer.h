#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "connector/cassandra/target_table.h"
#include "connector/net_changes.h"
#include "connector/sink.h"
#include "model/vector_shape.h"

namespace leat::connector::cql {

/// Writes batches of rows to a table: what a batch leaves of each key is put in or taken out, rows
/// of one partition together. Used by one thread; reused from batch to batch.
class BatchWriter final : private ExecutionHandler {
 public:
  struct Options {
    Consistency consistency = Consistency::local_quorum;
    Nulls nulls = Nulls::delete_;
  };

  BatchWriter(const Schema& schema, TargetTable table, Options options);

  /// Returns once every row was written or refused for good. On an error some rows may be written.
  Result<std::vector<RefusedRow>> write(Session& session, const SinkBatch& batch);

 private:
  /// One row on its way.
  struct Row {
    KeyChange change;
    std::size_t begin = 0, end = 0;                      ///< of the statement's values in `arena_`
    std::size_t partition_begin = 0, partition_end = 0;  ///< of the partition key's cells
  };
  /// Rows of one partition: of `order_`.
  struct Group {
    std::size_t begin = 0, end = 0;
    std::optional<Token> token;
  };

  void encode(const SinkBatch& batch);
  bool encode_row(const SinkRows& rows, const std::vector<VectorReader>& readers, Row& row,
                  std::string& reason);
  bool encode_values(const std::vector<VectorReader>& readers, Row& row, std::size_t count,
                     std::string& reason);
  void group();
  void group_by_partition();
  std::optional<Token> token_of_row(const Row& row);
  void refuse(const Row& row, const std::string& reason);
  bool submit_next(Session& session);

  void executed(std::uint64_t tag, Rows* rows) override;
  void row_refused(std::uint64_t tag, const std::string& reason) override;
  void failed(std::uint64_t tag, const Error& error) override;

  const TargetTable table_;
  const Options options_;
  const std::vector<VectorShape> shapes_;  ///< of the table's columns
  NetChanges net_changes_;

  // Of the batch that is being written.
  std::string arena_;
  std::string scratch_;
  std::vector<Row> rows_;
  std::vector<std::size_t> order_;  ///< of `rows_`, by group
  std::vector<Bound> bounds_;       ///< as `order_`
  std::vector<Group> groups_;
  std::deque<std::size_t> waiting_;  ///< groups to be sent; grows when a refused one is split up
  std::size_t on_their_way_ = 0;
  std::optional<Error> failure_;
  std::vector<RefusedRow> refused_;
};

}  // namespace leat::connector::cql

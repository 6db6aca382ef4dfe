#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connector/mongodb/bson_writer.h"
#include "connector/mongodb/json_document.h"
#include "connector/mongodb/row_document.h"
#include "connector/mongodb/sink_plan.h"
#include "connector/net_changes.h"
#include "connector/sink.h"

namespace leat::connector::mongodb {

/// The largest document that MongoDB takes.
inline constexpr std::size_t document_bytes_max = 16 * 1024 * 1024;

/// One thing to do to the collection.
struct Operation {
  enum class Kind : std::uint8_t { insert, replace, remove };
  Kind kind = Kind::insert;
  bool own_id = false;        ///< the row brought its `_id` itself
  std::uint32_t id_size = 0;  ///< bytes of the element `_id`, the document's first
  std::size_t begin = 0, size = 0;
  std::size_t part = 0, row = 0;  ///< where it comes from in the batch
};

/// What a batch comes to: operations, and their documents' bytes side by side.
struct Operations {
  std::string bytes;
  std::vector<Operation> list;

  /// The whole document; of a removal it has the `_id` alone.
  std::string_view document(const Operation& operation) const {
    return std::string_view(bytes).substr(operation.begin, operation.size);
  }
  /// The element `_id`: type, name and value.
  std::string_view id(const Operation& operation) const {
    return std::string_view(bytes).substr(operation.begin + 4, operation.id_size);
  }
};

/// Turns batches into operations. Used by one thread; memory is reused from batch to batch.
class OperationBuilder {
 public:
  explicit OperationBuilder(const SinkPlan& plan);

  /// Valid until the next call. Rows that have no place in a document are added to `refused`.
  Operations& build(const SinkBatch& batch, std::vector<RefusedRow>& refused);

 private:
  void build_rows(const SinkBatch& batch, std::vector<RefusedRow>& refused);
  void build_by_key(const SinkBatch& batch, std::vector<RefusedRow>& refused);
  void build_records(const SinkBatch& batch, std::vector<RefusedRow>& refused);
  void keep_last_of_each_id();
  Status add_row(const SinkBatch& batch, std::size_t part, std::size_t row, Operation::Kind kind);
  Status add_record(const SinkBatch& batch, std::size_t part, std::size_t row);
  Status row_id(const SinkBatch& batch, std::size_t part, std::size_t row, BsonWriter& out);
  /// False: the record is to be taken for its own `_id`.
  Result<bool> record_document(const SinkBatch& batch, std::size_t part, std::size_t row,
                               bool with_own_id, Operation& operation);
  Status record_id(const SinkBatch& batch, std::size_t part, std::size_t row, BsonWriter& out);
  Status metadata(std::size_t row, BsonWriter& out);
  void position_id(const SinkBatch& batch, std::size_t part, std::size_t row, BsonWriter& out);
  template <class Add>
  void add_or_refuse(std::size_t part, std::size_t row, std::vector<RefusedRow>& refused, Add add);

  const SinkPlan& plan_;
  RowDocument rows_;
  NetChanges net_;
  JsonDocument json_;
  JsonDocument headers_;  ///< of a record
  std::vector<VectorShape> record_shapes_;
  std::vector<VectorReader> record_;
  std::string id_text_;
  Operations operations_;
};

}  // namespace leat::connector::mongodb

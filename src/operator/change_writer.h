#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/changes.h"
#include "model/row_codec.h"

namespace leat::op {

/// Puts changes whose rows are bytes of RowCodec together into chunks. The bytes must stay until
/// they are flushed.
class ChangeWriter {
 public:
  ChangeWriter(const RowCodec& codec, const Schema& schema, std::vector<ChangeChunk>& output)
      : codec_(codec), schema_(schema), output_(output) {}

  Status add(std::string_view row, std::int64_t weight) {
    if (rows_.size() == chunk_rows_max) LEAT_TRY(flush());
    rows_.push_back(row);
    weights_.push_back(weight);
    return {};
  }
  Status flush() {
    if (rows_.empty()) return {};
    ChangeChunk changes;
    changes.rows = Chunk(schema_);
    LEAT_TRY(codec_.decode(rows_, changes.rows, 0));
    changes.rows.set_size(rows_.size());
    changes.weights = std::move(weights_);
    output_.push_back(std::move(changes));
    rows_.clear();
    weights_.clear();
    return {};
  }

 private:
  const RowCodec& codec_;
  const Schema& schema_;
  std::vector<ChangeChunk>& output_;
  std::vector<std::string_view> rows_;
  std::vector<std::int64_t> weights_;
};

}  // namespace leat::op

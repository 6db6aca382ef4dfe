#include "connector/net_changes.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "model/column_types.h"

namespace leat::connector {

NetChanges::NetChanges(const Schema& schema, std::vector<std::size_t> key)
    : key_(std::move(key)), codec_(types_of(schema, key_)) {}

const std::vector<KeyChange>& NetChanges::fold(const SinkBatch& batch) {
  changes_.clear();
  if (encoded_.size() < batch.parts.size()) encoded_.resize(batch.parts.size());
  for (std::size_t part = 0; part < batch.parts.size() && !key_.empty(); ++part) {
    codec_.encode(batch.parts[part].rows, key_, encoded_[part]);
  }
  // From the newest on: the first one met of a key is the one that counts.
  std::unordered_set<std::string_view> seen;
  seen.reserve(batch.rows);
  for (std::size_t part = batch.parts.size(); part-- > 0;) {
    const SinkRows& rows = batch.parts[part];
    for (std::size_t row = rows.rows.size(); row-- > 0;) {
      const std::string_view key = key_.empty() ? std::string_view() : encoded_[part][row];
      if (seen.insert(key).second) changes_.push_back({part, row, rows.weights[row] < 0});
    }
  }
  std::reverse(changes_.begin(), changes_.end());
  return changes_;
}

}  // namespace leat::connector

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connector/reference_table.h"
#include "connector/table.h"
#include "model/row_codec.h"

namespace leat::trial {

/// The rows of a table that a test gives in place of a file's or another system's, by key.
/// Thread-safe.
class TableRows {
 public:
  explicit TableRows(connector::TableInput input);

  /// Adds rows with the table's columns, each a JSON object.
  Status add(const std::vector<std::string>& rows);
  /// Answers for all keys at once, as connector::Table does.
  Status look_up(const Chunk& keys, connector::Answers& answers) const;
  /// Hands over copies of all of them.
  Status read(const std::function<Status(Chunk)>& sink) const;
  std::size_t count() const;

 private:
  const connector::TableInput input_;
  const KeyCodec codec_;
  mutable std::mutex mutex_;
  std::vector<Chunk> chunks_;
  struct Place {
    std::size_t chunk;
    std::uint32_t row;
  };
  std::map<std::string, std::vector<Place>> by_key_;  // as the codec has them
};

/// A connector that looks keys up in such rows.
std::unique_ptr<connector::Table> make_test_table(std::shared_ptr<const TableRows> rows);
/// A table that is kept, which has such rows.
std::unique_ptr<connector::ReferenceTable> make_test_reference_table(
    std::shared_ptr<const TableRows> rows);

}  // namespace leat::trial

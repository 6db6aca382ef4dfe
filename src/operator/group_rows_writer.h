#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "model/changes.h"
#include "model/row_codec.h"
#include "operator/accumulator.h"
#include "operator/program_pool.h"
#include "sql/query.h"

namespace leat::op {

/// Turns groups into the view's rows: keys and results of the aggregates, through the query's
/// SELECT list and HAVING. Any thread: each call uses a session of its own.
///
/// A group whose row can't be computed (its SQL fails on it, a sum is beyond its type) has none:
/// the view is without it until it can be, and the others are unharmed.
class GroupRowsWriter {
 public:
  GroupRowsWriter(const sql::AggregateQuery& query, const KeyCodec& keys,
                  const std::vector<std::unique_ptr<Accumulator>>& accumulators,
                  sql::Database& database);

  /// Prepares `post` once. Error `sql-invalid`.
  Status prepare();

  /// Groups by the bytes of their key and their record; at most chunk_rows_max of them.
  struct Groups {
    std::vector<std::string_view> keys;
    std::vector<const std::byte*> records;
    void add(std::string_view key, const std::byte* record) {
      keys.push_back(key);
      records.push_back(record);
    }
    void clear() {
      keys.clear();
      records.clear();
    }
  };
  /// The rows of these groups, without those that HAVING drops.
  Status write(const Groups& groups, const std::function<Status(Chunk)>& sink);

  /// The changes from the groups' rows before to those after; equal rows cancel. A null record is a
  /// group that did not or does not exist. At most half of chunk_rows_max groups.
  struct Turned {
    std::string_view key;
    const std::byte* before;
    const std::byte* after;
  };
  Status write_changes(std::span<const Turned> groups, std::vector<ChangeChunk>& output);

  /// How often a group's row could not be computed, and why the last one.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  std::string last_refusal() const;

 private:
  struct Row {
    std::size_t chunk;
    std::uint32_t row;
  };
  /// Rows and, for each group, where its row is.
  struct Written {
    std::vector<Chunk> chunks;
    std::vector<EncodedRows> encoded;
    std::vector<std::optional<Row>> row_of;
    std::string_view bytes_of(const Row& row) const { return encoded[row.chunk][row.row]; }
  };
  /// `result` is what `post` gave, with row numbers that count from the group `first` on.
  using Sink = std::function<Status(const Chunk& result, Chunk rows, std::size_t first)>;
  Status run(const Groups& groups, const Sink& sink) {
    return run(groups, 0, groups.keys.size(), sink);
  }
  Status run(const Groups& groups, std::size_t first, std::size_t count, const Sink& sink);
  Result<std::vector<Chunk>> compute(std::span<const std::string_view> keys,
                                     std::span<const std::byte* const> records);
  void note_refusal(const Error& error);
  Result<Written> write_apart(const Groups& groups, std::size_t group_count,
                              std::span<const std::size_t> index_of);
  Chunk without_row_column(const Chunk& result) const;

  const sql::AggregateQuery& query_;
  const KeyCodec& keys_;
  const std::vector<std::unique_ptr<Accumulator>>& accumulators_;
  const RowCodec output_codec_;
  std::vector<std::size_t> key_columns_;
  ProgramPool post_;
  std::atomic<std::uint64_t> refused_{0};
  mutable std::mutex refusal_mutex_;
  std::string last_refusal_;
};

}  // namespace leat::op

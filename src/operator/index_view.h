#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/keyed_inputs.h"
#include "operator/row_pages.h"
#include "operator/view.h"

namespace leat::op {

/// The rows of a view by some of its columns, for streams to look up. It gives nothing out. A row
/// with a NULL among these columns is found by nobody, and not kept.
class IndexView final : public ViewOperator {
 public:
  /// `rows`: what the rows look like; `key`: which of its columns they are found by, of plain
  /// types.
  static Result<std::unique_ptr<IndexView>> make(const std::string& name, const Schema& rows,
                                                 const std::vector<std::size_t>& key,
                                                 const Resources& resources);

  /// Appends the rows of a key, by RowCodec, as of the newest epoch; false: there are more than
  /// `rows_max`. `key`: by KeyCodec. Any thread, several at once, while no epoch merges.
  Result<bool> find(std::string_view key, std::size_t rows_max, std::vector<std::string>& rows);
  /// Another number after each epoch that changed rows. Between epochs.
  std::uint64_t version() const { return version_; }
  /// Whether the last commit had no state of it: what its view has must be absorbed once.
  bool is_new() const { return is_new_; }

  const Schema& output() const override { return rows_; }
  Status absorb(unsigned worker, const EpochContext& context, std::size_t input,
                const ChangeChunk& changes, std::vector<LateRow>& late) override;
  Status merge(unsigned shard, const EpochContext& context,
               std::vector<ChangeChunk>& output) override;
  Status persist(unsigned shard, state::CommitBatch& batch) override;
  Status restore() override;
  Status scan(const state::Snapshot&, const std::function<bool(const Chunk&)>&) const override {
    return {};
  }
  std::uint64_t row_count() const override { return 0; }
  std::uint64_t memory_bytes() const override { return pages_.memory_bytes(); }

 private:
  IndexView(const std::string& name, const Schema& rows, const std::vector<std::size_t>& key,
            const sql::ViewInput& input, const Resources& resources, state::Family& family);

  const Schema rows_;
  const std::size_t key_count_;
  const Resources resources_;
  state::Family& family_;
  DefinitionRecord definition_;
  KeyedInputs inputs_;
  RowPagesTable pages_;
  std::vector<EvictionPolicy> evictions_;   // by shard
  std::atomic<std::uint64_t> version_ = 0;  // shards merge at once
  bool is_new_ = true;
};

}  // namespace leat::op

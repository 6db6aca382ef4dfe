#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/chunk_copy.h"
#include "model/duck_test_database.h"
#include "operator/view.h"
#include "state/scratch_directory.h"

namespace leat::op {

/// A keyed view over rows (k, v) that gives such rows, its input made by hand.
class ViewAlone : public ::testing::Test {
 protected:
  static Schema rows_schema() {
    const Type integer = Type::of(DUCKDB_TYPE_INTEGER);
    return Schema({{"k", integer}, {"v", integer}});
  }
  static sql::Database& database() {
    static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
    return *database;
  }
  void start(const KeyedView& view) {
    view_ = make_keyed_view("v", view, {rows_schema()}, {*store_, timeline_, database()}).value();
    ASSERT_TRUE(view_->restore());
  }
  void run(const std::string& rows, std::int64_t weight = 1) {
    const EpochContext context{Epoch(++epoch_), no_watermark, true};
    std::vector<LateRow> late;
    std::vector<ChangeChunk> output;
    DuckTestDatabase judge;
    for (const Chunk& chunk : judge.chunks("SELECT * FROM (" + rows + ") AS t(k, v)")) {
      changes_.push_back({copy_of(chunk), {}, 0, {}});
      changes_.back().weights.assign(chunk.size(), weight);
      ASSERT_TRUE(view_->absorb(0, context, 0, changes_.back(), late));
    }
    ASSERT_TRUE(view_->merge(0, context, output));
    timeline_.publish(context.epoch);
    changed_ = 0;
    for (const ChangeChunk& changes : output) changed_ += changes.rows.size();
  }
  /// The view's rows, as `k:v`, sorted.
  std::vector<std::string> rows(const state::Snapshot& snapshot) {
    std::vector<std::string> texts;
    EXPECT_TRUE(view_->scan(snapshot, [&](const Chunk& chunk) {
      const auto* keys = static_cast<const int*>(duckdb_vector_get_data(chunk.vector(0)));
      const auto* values = static_cast<const int*>(duckdb_vector_get_data(chunk.vector(1)));
      for (std::size_t row = 0; row < chunk.size(); ++row) {
        texts.push_back(fmt::format("{}:{}", keys[row], values[row]));
      }
      return true;
    }));
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  std::vector<std::string> rows() { return rows(*timeline_.take_snapshot()); }
  using Texts = std::vector<std::string>;

  state::ScratchDirectory directory_;
  std::unique_ptr<state::Store> store_ = state::Store::open(directory_.path()).value();
  state::Timeline timeline_{*store_};
  std::unique_ptr<ViewOperator> view_;
  std::vector<ChangeChunk> changes_;
  std::uint64_t epoch_ = 0;
  std::size_t changed_ = 0;
};

}  // namespace leat::op

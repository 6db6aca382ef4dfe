#pragma once

#include <memory>
#include <string>
#include <vector>

#include "log/topics_fixture.h"
#include "model/vector_access.h"
#include "runtime/changelog.h"

namespace leat::runtime {

/// One row of the tests' view or stream: a key, a text, and the weight that it comes with.
struct TestChange {
  std::int64_t key;
  std::string text;
  std::int64_t weight = 1;
};

inline const Schema& test_schema() {
  static const Schema schema(
      {{"k", Type::of(DUCKDB_TYPE_BIGINT)}, {"v", Type::of(DUCKDB_TYPE_VARCHAR)}});
  return schema;
}

inline ChangeChunk change_chunk(const std::vector<TestChange>& changes) {
  static const std::vector<VectorShape> shapes =
      VectorShape::of({Type::of(DUCKDB_TYPE_BIGINT), Type::of(DUCKDB_TYPE_VARCHAR)});
  ChangeChunk out{.rows = Chunk(test_schema()), .weights = {}, .order = 0, .record_of = {}};
  VectorWriter keys(shapes[0], out.rows.vector(0)), texts(shapes[1], out.rows.vector(1));
  for (std::size_t row = 0; row < changes.size(); ++row) {
    keys.set(row, changes[row].key);
    texts.set_text(row, changes[row].text);
    out.weights.push_back(changes[row].weight);
  }
  out.rows.set_size(changes.size());
  return out;
}

/// "+1=a" of each row, after its weight's sign: key and text.
inline std::vector<std::string> texts_of(const Chunk& rows,
                                         const std::vector<std::int64_t>& weights) {
  static const std::vector<VectorShape> shapes =
      VectorShape::of({Type::of(DUCKDB_TYPE_BIGINT), Type::of(DUCKDB_TYPE_VARCHAR)});
  const VectorReader keys(shapes[0], rows.vector(0)), texts(shapes[1], rows.vector(1));
  std::vector<std::string> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    out.push_back(fmt::format("{}{}={}", weights[row] > 0 ? '+' : '-',
                              keys.value<std::int64_t>(row), texts.text(row)));
  }
  return out;
}

/// A sink's changelog on a simulated disk, written to as the engine does.
class ChangelogFixture : public log::TopicsFixture {
 protected:
  ChangelogFixture() {
    input_.sink = "out";
    input_.from = "rows";
    input_.schema = test_schema();
    config_.segment_bytes = 32u << 20;
    EXPECT_TRUE(start());
  }

  /// The input becomes a view, whose rows have the key `k`.
  void is_view() {
    input_.kind = connector::SinkInput::Kind::view;
    input_.written_anew = true;
    input_.key = {0};
    input_.rows_change = true;
  }

  /// As at a start of the engine; `prepared`: what the last commit says.
  Status open(const std::optional<std::string>& prepared = std::nullopt) {
    changelog_ = std::make_unique<Changelog>(log("changes.out"), input_, target_, clock_);
    return changelog_->recover(prepared);
  }

  /// One epoch's rows, in as many chunks.
  Status write(const std::vector<std::vector<TestChange>>& chunks) {
    std::string encoded;
    std::uint64_t rows = 0;
    for (const auto& chunk : chunks) {
      LEAT_TRY(changelog_->encode(change_chunk(chunk), encoded));
      rows += chunk.size();
    }
    return changelog_->write(encoded, rows);
  }
  /// What the commit says of the changelog.
  Result<std::string> commit() {
    std::string prepared = LEAT_TRY(changelog_->prepare());
    LEAT_TRY(changelog_->committed());
    return prepared;
  }

  connector::SinkInput input_;
  std::string target_ = "one table";
  std::unique_ptr<Changelog> changelog_;
};

}  // namespace leat::runtime

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/changes.h"
#include "operator/change_sum.h"
#include "operator/join_codec.h"

namespace leat::op {

/// What a shard of a join gives out in an epoch. One thread at a time.
class JoinOutput {
 public:
  /// `sums`: rows may be taken back, so changes are added up and written at the epoch's end. Else
  /// all of them are rows gained, and written as they come.
  JoinOutput(const JoinCodec& codec, bool sums) : codec_(codec), sums_(sums) {}

  /// Null: nobody wants the changes.
  void begin(std::vector<ChangeChunk>* output) { output_ = output; }
  bool wanted() const { return output_ != nullptr; }
  /// Whether pairs are to be given by their bytes, or as chunks of JoinCodec::decode_pairs.
  bool takes_chunks() const { return !sums_; }

  Status add_pair(std::string_view left, std::string_view right, std::int64_t weight);
  /// Pairs of weight 1.
  void add_pairs(Chunk pairs);
  /// A row of one side that has no match or, of a semi join, has one. Without sums its bytes must
  /// stay until flush().
  Status add_alone(bool of_left, std::string_view row, std::int64_t weight);
  /// Lets go of bytes that were given.
  Status flush();
  /// Ends the epoch.
  Status finish();

 private:
  class SumWriter;
  enum class Form : char { pair, left, right };

  Status wait_pair(std::string_view left, std::string_view right, std::int64_t weight);
  Status wait_alone(bool of_left, std::string_view row, std::int64_t weight);
  Status flush_pairs();
  Status flush_alone(bool of_left);
  void write(Chunk rows, std::vector<std::int64_t>& weights);
  void sum(Form form, std::string_view first, std::string_view second, std::int64_t weight);
  char* allocate(std::size_t bytes);

  static constexpr std::size_t block_bytes = 64u << 10;

  const JoinCodec& codec_;
  const bool sums_;
  std::vector<ChangeChunk>* output_ = nullptr;
  ChangeSum changes_;
  std::vector<std::unique_ptr<char[]>> blocks_;  // rows of changes_
  std::size_t block_left_ = 0;
  char* block_at_ = nullptr;
  // Rows that wait until a chunk is full.
  struct Waiting {
    std::vector<std::string_view> rows;
    std::vector<std::int64_t> weights;
  };
  std::vector<std::string_view> pair_lefts_;
  Waiting pairs_;  // their right rows
  Waiting alone_[2];
};

}  // namespace leat::op

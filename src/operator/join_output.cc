#include "operator/join_output.h"

#include <algorithm>

#include "state/hash.h"

namespace leat::op {

/// Takes rows of changes_ apart: their form, the length of the first row, the rows.
class JoinOutput::SumWriter {
 public:
  explicit SumWriter(JoinOutput& output) : output_(output) {}

  Status add(std::string_view row, std::int64_t weight) {
    const auto form = static_cast<Form>(row[0]);
    std::uint32_t size;
    std::memcpy(&size, row.data() + 1, sizeof size);
    const std::string_view rows = row.substr(1 + sizeof size);
    if (form != Form::pair) return output_.wait_alone(form == Form::left, rows, weight);
    return output_.wait_pair(rows.substr(0, size), rows.substr(size), weight);
  }

 private:
  JoinOutput& output_;
};

Status JoinOutput::add_pair(std::string_view left, std::string_view right, std::int64_t weight) {
  if (!wanted()) return {};
  if (!sums_) return wait_pair(left, right, weight);
  sum(Form::pair, left, right, weight);
  return {};
}

Status JoinOutput::add_alone(bool of_left, std::string_view row, std::int64_t weight) {
  if (!wanted()) return {};
  if (!sums_) return wait_alone(of_left, row, weight);
  sum(of_left ? Form::left : Form::right, row, {}, weight);
  return {};
}

void JoinOutput::add_pairs(Chunk pairs) {
  if (!wanted() || pairs.size() == 0) return;
  output_->push_back({std::move(pairs), {}, 0, {}});
}

void JoinOutput::sum(Form form, std::string_view first, std::string_view second,
                     std::int64_t weight) {
  const auto size = static_cast<std::uint32_t>(first.size());
  const std::size_t bytes = 1 + sizeof size + first.size() + second.size();
  char* const begin = allocate(bytes);
  char* at = begin;
  *at++ = static_cast<char>(form);
  std::memcpy(at, &size, sizeof size);
  at = std::ranges::copy(first, at + sizeof size).out;
  std::ranges::copy(second, at);
  const std::string_view row(begin, bytes);
  changes_.add(row, state::hash_bytes(row), weight);
}

char* JoinOutput::allocate(std::size_t bytes) {
  if (bytes > block_left_) {
    block_left_ = std::max(bytes, block_bytes);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_left_));
    block_at_ = blocks_.back().get();
  }
  block_left_ -= bytes;
  return std::exchange(block_at_, block_at_ + bytes);
}

Status JoinOutput::wait_pair(std::string_view left, std::string_view right, std::int64_t weight) {
  if (pair_lefts_.size() == chunk_rows_max) LEAT_TRY(flush_pairs());
  pair_lefts_.push_back(left);
  pairs_.rows.push_back(right);
  pairs_.weights.push_back(weight);
  return {};
}

Status JoinOutput::wait_alone(bool of_left, std::string_view row, std::int64_t weight) {
  Waiting& waiting = alone_[of_left ? 0 : 1];
  if (waiting.rows.size() == chunk_rows_max) LEAT_TRY(flush_alone(of_left));
  waiting.rows.push_back(row);
  waiting.weights.push_back(weight);
  return {};
}

Status JoinOutput::flush_pairs() {
  if (pair_lefts_.empty()) return {};
  write(LEAT_TRY(codec_.decode_pairs(pair_lefts_, pairs_.rows)), pairs_.weights);
  pair_lefts_.clear();
  pairs_.rows.clear();
  return {};
}

Status JoinOutput::flush_alone(bool of_left) {
  Waiting& waiting = alone_[of_left ? 0 : 1];
  if (waiting.rows.empty()) return {};
  write(LEAT_TRY(codec_.decode_alone(of_left, waiting.rows)), waiting.weights);
  waiting.rows.clear();
  return {};
}

void JoinOutput::write(Chunk rows, std::vector<std::int64_t>& weights) {
  ChangeChunk changes;
  changes.rows = std::move(rows);
  if (sums_) changes.weights = weights;
  weights.clear();
  output_->push_back(std::move(changes));
}

Status JoinOutput::flush() {
  if (!wanted() || sums_) return {};
  LEAT_TRY(flush_pairs());
  LEAT_TRY(flush_alone(true));
  return flush_alone(false);
}

Status JoinOutput::finish() {
  if (!wanted()) return {};
  SumWriter writer(*this);
  LEAT_TRY(changes_.write(writer));
  LEAT_TRY(flush_pairs());
  LEAT_TRY(flush_alone(true));
  LEAT_TRY(flush_alone(false));
  changes_.clear();
  blocks_.clear();
  block_left_ = 0;
  return {};
}

}  // namespace leat::op

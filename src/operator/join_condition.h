#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/chunk.h"
#include "operator/program_pool.h"

namespace leat::op {

/// What a join asks of pairs besides equal keys. A pair that it fails on is none, and counted.
/// Thread-safe.
class JoinCondition {
 public:
  /// `pairs`: what the condition's SQL reads. No SQL: every pair will do.
  JoinCondition(sql::Database& database, const std::string& sql, const Schema& pairs);

  /// Prepares the condition once. Error `sql-invalid`.
  Status prepare();

  bool empty() const { return program_ == nullptr; }
  /// Replaces `passing` by the rows for which it is true, in order.
  Status test(const Chunk& pairs, std::vector<std::uint32_t>& passing);

  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  std::string last_refusal() const;

 private:
  Status test(const Chunk& pairs, std::size_t first, std::size_t count,
              std::vector<std::uint32_t>& passing);

  std::unique_ptr<ProgramPool> program_;
  std::atomic<std::uint64_t> refused_{0};
  mutable std::mutex refusal_mutex_;
  std::string last_refusal_;
};

}  // namespace leat::op

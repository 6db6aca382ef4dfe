#include "operator/join_condition.h"

#include <algorithm>

namespace leat::op {

JoinCondition::JoinCondition(sql::Database& database, const std::string& sql, const Schema& pairs) {
  if (sql.empty()) return;
  program_ = std::make_unique<ProgramPool>(database, sql, sql::Program::Input{pairs, true, false});
}

Status JoinCondition::prepare() {
  if (program_) (void)LEAT_TRY(program_->borrow());
  return {};
}

Status JoinCondition::test(const Chunk& pairs, std::vector<std::uint32_t>& passing) {
  passing.clear();
  LEAT_TRY(test(pairs, 0, pairs.size(), passing));
  std::ranges::sort(passing);
  return {};
}

/// Where the condition fails on a pair, the pairs are halved until it stands alone.
Status JoinCondition::test(const Chunk& pairs, std::size_t first, std::size_t count,
                           std::vector<std::uint32_t>& passing) {
  if (count == 0) return {};
  const std::size_t before = passing.size();
  const auto run = [&]() -> Status {
    const ProgramPool::Lease program = LEAT_TRY(program_->borrow());
    const std::vector<std::int64_t> no_weights;
    const auto input = sql::input_of(pairs, no_weights, true, false, first, count);
    return program->run(*input, [&](const Chunk& result) -> Status {
      const auto* yes = static_cast<const bool*>(duckdb_vector_get_data(result.vector(0)));
      const std::uint64_t* validity = duckdb_vector_get_validity(result.vector(0));
      const auto* row = static_cast<const std::int64_t*>(duckdb_vector_get_data(result.vector(1)));
      for (std::size_t i = 0; i < result.size(); ++i) {
        if (is_valid(validity, i) && yes[i]) passing.push_back(static_cast<std::uint32_t>(row[i]));
      }
      return {};
    });
  };
  Status done = run();
  if (done || done.error().domain != Domain::user) return done;
  passing.resize(before);
  if (count > 1) {
    LEAT_TRY(test(pairs, first, count / 2, passing));
    return test(pairs, first + count / 2, count - count / 2, passing);
  }
  refused_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(refusal_mutex_);
  last_refusal_ = done.error().message;
  return {};
}

std::string JoinCondition::last_refusal() const {
  const std::lock_guard lock(refusal_mutex_);
  return last_refusal_;
}

}  // namespace leat::op

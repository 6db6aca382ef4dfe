#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sql/program.h"

namespace leat::op {

/// One SQL text prepared as often as it is run at the same time, each in a session of its own: a
/// query's scan never waits for a worker of the engine. Thread-safe.
class ProgramPool {
 public:
  ProgramPool(sql::Database& database, std::string sql, sql::Program::Input input)
      : database_(database), sql_(std::move(sql)), input_(std::move(input)) {}

  /// A program of the caller's own until it is destroyed.
  class Lease {
   public:
    Lease(ProgramPool& pool, std::unique_ptr<sql::Program> program)
        : pool_(&pool), program_(std::move(program)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (program_) pool_->give_back(std::move(program_));
    }
    sql::Program& operator*() const { return *program_; }
    sql::Program* operator->() const { return program_.get(); }

   private:
    ProgramPool* pool_;
    std::unique_ptr<sql::Program> program_;
  };

  /// Error `sql-invalid` (user) when the SQL does not fit its input.
  Result<Lease> borrow() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<sql::Program> program = std::move(idle_.back());
        idle_.pop_back();
        return Lease(*this, std::move(program));
      }
    }
    std::shared_ptr<sql::Session> session = LEAT_TRY(database_.connect());
    return Lease(*this, LEAT_TRY(sql::Program::prepare(std::move(session), sql_, input_)));
  }

 private:
  static constexpr std::size_t idle_max = 64;

  void give_back(std::unique_ptr<sql::Program> program) {
    std::lock_guard lock(mutex_);
    if (idle_.size() < idle_max) idle_.push_back(std::move(program));
  }

  sql::Database& database_;
  const std::string sql_;
  const sql::Program::Input input_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<sql::Program>> idle_;
};

}  // namespace leat::op

#include "sql/program.h"

#include "base/check.h"
#include "sql/engine.h"
#include "sql/engine_fault.h"
#include "sql/input_function.h"
#include "sql/session.h"

namespace leat::sql {
namespace {

class PreparedProgram final : public Program {
 public:
  PreparedProgram(std::shared_ptr<Session> session, std::unique_ptr<InputSlot> slot,
                  StatementHandle statement)
      : session_(std::move(session)),
        slot_(std::move(slot)),
        statement_(std::move(statement)),
        output_(columns_of(statement_.get())) {}

  const Schema& output() const override { return output_; }

  Status run(ChunkInput& input, std::span<ChunkInput* const> lookups,
             const std::function<Status(Chunk)>& sink) override {
    LEAT_CHECK(lookups.size() == slot_->lookups.size());
    const InputScope scope(*slot_);
    set(slot_->input, &input);
    for (std::size_t i = 0; i < lookups.size(); ++i) set(slot_->lookups[i], lookups[i]);
    Status done = hand_out(sink);
    set(slot_->input, nullptr);
    for (RelationSlot& lookup : slot_->lookups) set(lookup, nullptr);
    return done;
  }

 private:
  static void set(RelationSlot& relation, ChunkInput* rows) {
    relation.rows = rows;
    relation.failure.reset();
  }

  Status hand_out(const std::function<Status(Chunk)>& sink) {
    // Streaming: text is copied once and not twice, and the chunks depend on nobody. Those of a
    // stored result are no longer valid when it is gone (texts inside lists).
    duckdb_pending_result raw = nullptr;
    const duckdb_state state = duckdb_pending_prepared_streaming(statement_.get(), &raw);
    const PendingHandle pending(raw);
    if (state != DuckDBSuccess) return failed(duckdb_pending_error(raw));
    ResultHandle result;
    if (duckdb_execute_pending(raw, result.get()) != DuckDBSuccess) {
      return failed(duckdb_result_error(result.get()));
    }
    while (duckdb_data_chunk handle = duckdb_fetch_chunk(*result.get())) {
      Chunk chunk = Chunk::adopt(handle);
      if (chunk.size() == 0) break;
      LEAT_TRY(sink(std::move(chunk)));
    }
    const char* error = duckdb_result_error(result.get());
    return error == nullptr ? Status() : failed(error);
  }

  Status failed(const char* text) {
    if (slot_->input.failure) return std::unexpected(std::move(*slot_->input.failure));
    for (RelationSlot& lookup : slot_->lookups) {
      if (lookup.failure) return std::unexpected(std::move(*lookup.failure));
    }
    const EngineFault fault = engine_fault(text);
    if (fault.is_of_a_row()) return user_error("row-failed", "{}", fault.message);
    if (fault.type == "Out of Memory") return transient_error("sql-memory", "{}", fault.message);
    return internal_error("sql-engine", "{}: {}", fault.type, fault.message);
  }

  std::shared_ptr<Session> session_;  // outlives the statement
  std::unique_ptr<InputSlot> slot_;   // outlives the statement, which is bound to its address
  StatementHandle statement_;
  Schema output_;
};

}  // namespace

Result<std::unique_ptr<Program>> Program::prepare(std::shared_ptr<Session> session,
                                                  const std::string& sql, Input input) {
  auto slot = std::make_unique<InputSlot>(input);
  const InputScope scope(*slot);
  duckdb_prepared_statement raw = nullptr;
  const duckdb_state state = duckdb_prepare(session->connection(), sql.c_str(), &raw);
  StatementHandle statement(raw);
  if (state != DuckDBSuccess) {
    return user_error("sql-invalid", "{}", engine_fault(duckdb_prepare_error(raw)).message);
  }
  return std::make_unique<PreparedProgram>(std::move(session), std::move(slot),
                                           std::move(statement));
}

}  // namespace leat::sql

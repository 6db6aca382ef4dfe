#include "operator/input_program.h"

#include "base/check.h"
#include "sql/came.h"

namespace leat::op {

InputProgram::InputProgram(sql::Database& database, const sql::ViewInput& definition,
                           const Schema& input)
    : columns_(definition.schema.size()),
      schema_(definition.schema),
      weighted_(definition.weighted) {
  if (definition.sql.empty()) return;
  program_ = std::make_unique<ProgramPool>(
      database, definition.sql,
      sql::Program::Input{sql::with_came(input, definition.sql), true, weighted_});
}

Status InputProgram::prepare() {
  if (program_) (void)LEAT_TRY(program_->borrow());
  return {};
}

InputRows InputProgram::pass(const ChangeChunk& changes) const {
  LEAT_CHECK(columns_ <= changes.rows.column_count());
  Chunk rows(schema_);
  for (std::size_t i = 0; i < columns_; ++i) {
    duckdb_vector_reference_vector(rows.vector(i), changes.rows.vector(i));
  }
  rows.set_size(changes.rows.size());
  return {std::move(rows), weighted_ ? changes.weights : std::vector<std::int64_t>(), {}};
}

Status InputProgram::run(const ChangeChunk& changes, std::vector<InputRows>& results) {
  if (!program_) {
    results.push_back(pass(changes));
    return {};
  }
  const ProgramPool::Lease program = LEAT_TRY(program_->borrow());
  const auto rows = sql::input_of(changes.rows, changes.weights, true, weighted_);
  // Nothing counts before the whole chunk has gone through: a later row may fail.
  std::vector<InputRows> yielded;
  LEAT_TRY(program->run(*rows, [&](Chunk result) -> Status {
    std::vector<std::int64_t> weights;
    if (weighted_) {
      const auto* begin =
          static_cast<const std::int64_t*>(duckdb_vector_get_data(result.vector(columns_ + 1)));
      weights.assign(begin, begin + result.size());
    }
    yielded.emplace_back(std::move(result), std::move(weights), columns_);
    return {};
  }));
  for (InputRows& some : yielded) results.push_back(std::move(some));
  return {};
}

InputPrograms::InputPrograms(sql::Database& database,
                             const std::vector<sql::ViewInput>& definitions,
                             const std::vector<Schema>& inputs) {
  LEAT_CHECK(definitions.size() == inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    programs_.push_back(std::make_unique<InputProgram>(database, definitions[i], inputs[i]));
  }
}

Status InputPrograms::prepare() {
  for (const auto& program : programs_) LEAT_TRY(program->prepare());
  return {};
}

}  // namespace leat::op

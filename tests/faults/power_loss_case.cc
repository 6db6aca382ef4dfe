#include "power_loss_case.h"

#include <random>

#include "case_pipeline.h"
#include "random_case.h"

namespace leat::proof {
namespace {

/// One record of so many can't be decoded.
constexpr std::size_t records_per_letter = 8;

std::string undecodable(std::size_t number) { return fmt::format("{{number {}.", number); }

/// Takes a step's rows: numbers those of the stream that is looked at.
std::vector<InputRow> numbered(const std::vector<InputRow>& rows, std::mt19937_64& random,
                               PowerLossCase& made) {
  std::vector<InputRow> out;
  for (InputRow row : rows) {
    if (random() % records_per_letter == 0) {
      InputRow refused{.cells = {}, .late = true};  // DuckDB is not told of it
      refused.cells.assign(row.cells.size() + 1, std::nullopt);
      made.letters.push_back(undecodable(out.size()));
      out.push_back(std::move(refused));
    }
    row.cells.push_back(std::to_string(made.rows++));
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

PowerLossCase power_loss_case(std::uint64_t number) {
  PowerLossCase made;
  made.one = random_case(number);
  std::mt19937_64 random(number);
  Relation& stream = made.one.relations.front();
  stream.columns.push_back({"number", "BIGINT"});
  stream.steps.front() = numbered(stream.steps.front(), random, made);
  for (const Relation& relation : made.one.relations) {
    if (relation.kind != Relation::Kind::stream) continue;
    std::vector<std::string>& records = made.records[relation.name];
    for (const InputRow& row : relation.steps.front()) {
      const bool refused = &relation == &stream && row.late;
      records.push_back(refused ? undecodable(records.size()) : record_of(relation, row));
    }
  }
  made.one.sinks = fmt::format(
      "  rows: {{from: {}, file: {{path: {}}}}}\n"
      "  answer: {{from: {}, changes: true, file: {{path: {}}}}}\n",
      stream.name, PowerLossCase::rows_path, made.one.query.name, PowerLossCase::answer_path);
  return made;
}

}  // namespace leat::proof

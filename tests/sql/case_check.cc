#include "case_check.h"

#include <algorithm>

#include "case_pipeline.h"
#include "case_run.h"

namespace leat::proof {

std::string to_string(Way way) {
  switch (way) {
    case Way::straight:
      return "straight";
    case Way::workers:
      return "workers";
    case Way::rows:
      return "rows";
    case Way::kills:
      return "kills";
  }
  return {};
}

Result<std::unique_ptr<CaseCheck>> CaseCheck::open(Setup setup) {
  auto check = std::make_unique<CaseCheck>();
  check->setup_ = std::move(setup);
  check->analyser_ = LEAT_TRY(sql::Analyser::open());
  check->database_ = LEAT_TRY(sql::Database::open());
  check->judge_ = LEAT_TRY(Judge::open());
  return check;
}

Result<Table> CaseCheck::judged(const Case& one) {
  LEAT_TRY(judge_->take(one));
  return judge_->answer(one);
}

std::optional<std::string> CaseCheck::fault_of(const Case& one) {
  if (!one.refused.empty()) return refusal_fault(one);
  const pipeline::Checked checked = proof::checked(one, *analyser_);
  if (!checked.graph) {
    std::string text = fmt::format("{}: case {}: leat check refuses it\n", one.place(), one.name);
    for (const auto& found : checked.diagnostics) text += "  " + pipeline::to_text(found) + "\n";
    return text;
  }
  const auto answer = judged(one);
  if (!answer)
    return fmt::format("{}: case {}: {}\n", one.place(), one.name, answer.error().message);
  if (const auto found = difference(answer->types, one.expected, answer->rows)) {
    return fmt::format("{}:{}: case {}: DuckDB (+) says other rows than the case (-)\n{}", one.file,
                       one.expected_line, one.name, *found);
  }
  for (const Way way : setup_.ways) {
    const unsigned times = way == Way::kills ? setup_.kills_runs : 1;
    for (unsigned time = 0; time < times; ++time) {
      if (auto fault = run_fault(one, *checked.graph, way, setup_.seed + time)) return fault;
    }
  }
  return std::nullopt;
}

std::optional<std::string> CaseCheck::refusal_fault(const Case& one) {
  const pipeline::Checked checked = proof::checked(one, *analyser_);
  std::string said;
  for (const auto& found : checked.diagnostics) {
    const bool meant = found.code == one.refused &&
                       std::ranges::all_of(one.message_parts, [&](const std::string& part) {
                         return found.message.contains(part);
                       });
    if (meant && !checked.graph) return std::nullopt;
    said += "  " + pipeline::to_text(found) + "\n";
  }
  return fmt::format("{}: case {}: leat check does not refuse it as {}{}{}\n{}", one.place(),
                     one.name, one.refused, one.message_parts.empty() ? "" : " with ",
                     fmt::join(one.message_parts, " … "),
                     said.empty() ? "  it finds no fault\n" : said);
}

std::optional<std::string> CaseCheck::run_fault(const Case& one, const pipeline::Graph& graph,
                                                Way way, std::uint64_t seed) {
  ++runs_;
  CaseRun run({.one = one,
               .graph = graph,
               .way = way,
               .seed = seed,
               .directory = setup_.directory,
               .database = database_,
               .judge = *judge_});
  const Status status = run.run();
  if (status && run.fault().empty()) return std::nullopt;
  return fmt::format("{}: case {}, way {}, seed {}: {}\n{}", one.place(), one.name, to_string(way),
                     seed, status ? run.at() : run.at() + ": " + status.error().message,
                     run.fault());
}

}  // namespace leat::proof

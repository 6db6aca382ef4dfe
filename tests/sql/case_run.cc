#include "case_run.h"

#include <algorithm>
#include <filesystem>

#include "case_pipeline.h"

namespace leat::proof {
namespace {

constexpr std::size_t rows_in_batch = 3;
constexpr std::size_t chunk_rows = 4;
/// So little that nearly every group must leave memory for the store.
constexpr std::size_t scarce_memory = 4096;

}  // namespace

/// Each case has chances of its own.
CaseRun::CaseRun(Setup setup)
    : setup_(std::move(setup)), random_(setup_.seed ^ std::hash<std::string>()(setup_.one.name)) {}

std::string CaseRun::at() const {
  std::string text = fmt::format("after {} rows", rows_);
  if (kills_ > 0) text += fmt::format(" and {} kill{}", kills_, kills_ == 1 ? "" : "s");
  return text + (ended_ ? " and the input's end" : "");
}

Status CaseRun::run() {
  EngineRun::Setup setup{.graph = setup_.graph, .database = setup_.database};
  if (setup_.way == Way::workers) {
    setup.workers = 2;
    setup.slice_bytes = 1;
  }
  if (setup_.way == Way::kills) {
    setup.disk = any(2) == 0 ? EngineRun::Setup::Disk::simulated : EngineRun::Setup::Disk::real;
    setup.directory = setup_.directory;
    std::filesystem::remove_all(setup_.directory);
    std::filesystem::create_directories(setup_.directory);
    setup.workers = 1 + static_cast<unsigned>(any(2));
    if (any(2) == 0) setup.state_memory_max = scarce_memory;
  }
  engine_ = LEAT_TRY(EngineRun::start(std::move(setup)));
  std::size_t steps = 0;
  for (const Relation& relation : setup_.one.relations) {
    steps = std::max(steps, relation.steps.size());
  }
  for (std::size_t step = 0; step < steps && fault_.empty(); ++step) LEAT_TRY(take_step(step));
  if (!fault_.empty()) return {};
  return end();
}

/// A table changes as a whole when a step begins.
Status CaseRun::set_tables(std::size_t step) {
  for (const Relation& table : setup_.one.relations) {
    if (table.kind != Relation::Kind::table || step >= table.steps.size()) continue;
    std::vector<std::string> rows;
    for (const InputRow& row : table.steps[step]) rows.push_back(record_of(table, row));
    LEAT_TRY(engine_->set_table(table.name, rows));
    taken_[table.name] = step + 1;
  }
  return {};
}

Status CaseRun::take_step(std::size_t step) {
  LEAT_TRY(set_tables(step));
  switch (setup_.way) {
    case Way::straight:
      LEAT_TRY(append_at_once(step, std::numeric_limits<std::size_t>::max()));
      break;
    case Way::workers:
      LEAT_TRY(append_at_once(step, rows_in_batch));
      break;
    case Way::rows:
      LEAT_TRY(by_rows(step));
      break;
    case Way::kills:
      LEAT_TRY(with_kills(step));
      break;
  }
  return engine_->settle();
}

Status CaseRun::append_at_once(std::size_t step, std::size_t batch_rows) {
  for (const Relation& stream : setup_.one.relations) {
    if (step >= stream.steps.size() || stream.kind != Relation::Kind::stream) continue;
    std::vector<std::string> records;
    for (const InputRow& row : stream.steps[step]) {
      records.push_back(record_of(stream, row));
      if (records.size() < batch_rows) continue;
      LEAT_TRY(engine_->append(topic_of(stream), records));
      records.clear();
    }
    LEAT_TRY(engine_->append(topic_of(stream), records));
    rows_ += stream.steps[step].size();
  }
  return {};
}

/// The step's rows of all streams: each stream's in order, the streams among each other by chance.
std::vector<CaseRun::Next> CaseRun::interleaved(std::size_t step) {
  std::vector<Next> out;
  std::vector<std::pair<const Relation*, std::size_t>> left;
  for (const Relation& stream : setup_.one.relations) {
    if (stream.kind != Relation::Kind::stream) continue;
    if (step < stream.steps.size() && !stream.steps[step].empty()) left.emplace_back(&stream, 0);
  }
  while (!left.empty()) {
    auto& [stream, next] = left[any(left.size())];
    out.push_back({stream, &stream->steps[step][next++]});
    std::erase_if(left,
                  [&](const auto& each) { return each.second == each.first->steps[step].size(); });
  }
  return out;
}

Status CaseRun::append(const Next& next) {
  const std::string record = record_of(*next.stream, *next.row);
  LEAT_TRY(engine_->append(topic_of(*next.stream), std::span(&record, 1)));
  ++taken_[next.stream->name];
  ++rows_;
  return {};
}

Status CaseRun::by_rows(std::size_t step) {
  const auto rows = interleaved(step);
  const std::size_t looked_at = rows.empty() ? 0 : any(rows.size());
  for (std::size_t i = 0; i < rows.size() && fault_.empty(); ++i) {
    LEAT_TRY(append(rows[i]));
    LEAT_TRY(engine_->settle());
    if (i == looked_at) LEAT_TRY(compare_so_far());
  }
  return {};
}

Status CaseRun::with_kills(std::size_t step) {
  const auto rows = interleaved(step);
  std::size_t next = 0;
  while (next < rows.size() && fault_.empty()) {
    const std::size_t end = std::min(rows.size(), next + 1 + any(chunk_rows));
    while (next < end) LEAT_TRY(append(rows[next++]));
    if (any(4) == 0) continue;  // more comes before an epoch takes it in
    if (any(2) == 0) {
      LEAT_TRY(engine_->step());
    } else {
      LEAT_TRY(engine_->settle());
      if (any(4) == 0) LEAT_TRY(compare_so_far());
    }
    if (any(3) == 0) LEAT_TRY(kill());
  }
  // What is late by the next step is so only once this one is committed.
  LEAT_TRY(engine_->settle());
  return any(2) == 0 ? kill() : Status();
}

Status CaseRun::kill() {
  ++kills_;
  return engine_->kill(random_());
}

Status CaseRun::end() {
  if (!setup_.one.open) {
    LEAT_TRY(engine_->finish());
    ended_ = true;
  }
  LEAT_TRY(compare_with_expected());
  if (setup_.way != Way::kills || !fault_.empty()) return {};
  LEAT_TRY(kill());
  LEAT_TRY(engine_->settle());
  return compare_with_expected();
}

Status CaseRun::compare_with_expected() {
  std::map<std::string, std::size_t> all;
  for (const Relation& relation : setup_.one.relations) {
    std::size_t rows = 0;
    for (const auto& step : relation.steps) rows += step.size();
    if (relation.kind == Relation::Kind::stream) all[relation.name] = rows;
    if (relation.kind == Relation::Kind::table) all[relation.name] = relation.steps.size();
  }
  LEAT_TRY(setup_.judge.only_the_first(all));
  const EngineRun::Rows rows = LEAT_TRY(engine_->rows_of(setup_.one.query.name));
  const Table came = LEAT_TRY(setup_.judge.read(rows.schema, rows.chunks));
  if (auto found = difference(came.types, setup_.one.expected, came.rows)) {
    fault_ = "  other rows (+) than the case says (-)\n" + *found;
    return {};
  }
  if (auto found = difference(LEAT_TRY(setup_.judge.answer(setup_.one)), came)) {
    fault_ = "  something else (+) than DuckDB says (-)\n" + *found;
    return {};
  }
  return compare_letters();
}

/// Windows that close, and rows that come too late for them, are judged at the end alone.
bool CaseRun::may_compare_so_far() const {
  const auto has_late = [](const Relation& relation) {
    return std::ranges::any_of(relation.steps, [](const auto& step) {
      return std::ranges::any_of(step, &InputRow::late);
    });
  };
  return !setup_.one.is_final_only() && std::ranges::none_of(setup_.one.relations, has_late);
}

Status CaseRun::compare_so_far() {
  if (!may_compare_so_far()) return {};
  std::map<std::string, std::size_t> taken = taken_;
  for (const Relation& relation : setup_.one.relations) {
    if (relation.kind == Relation::Kind::stream) taken.emplace(relation.name, 0);
  }
  LEAT_TRY(setup_.judge.only_the_first(taken));
  const EngineRun::Rows rows = LEAT_TRY(engine_->rows_of(setup_.one.query.name));
  const Table came = LEAT_TRY(setup_.judge.read(rows.schema, rows.chunks));
  if (auto found = difference(LEAT_TRY(setup_.judge.answer(setup_.one)), came)) {
    fault_ = "  something else (+) than DuckDB says (-) of the rows so far\n" + *found;
  }
  return {};
}

Status CaseRun::compare_letters() {
  if (!setup_.one.letters) return {};
  const auto letters = LEAT_TRY(engine_->letters());
  std::string all;
  for (const std::string& letter : letters) all += "  + " + letter + "\n";
  if (letters.size() != setup_.one.letters->size()) {
    fault_ = fmt::format("  {} dead letters, not {}\n{}", letters.size(),
                         setup_.one.letters->size(), all);
    return {};
  }
  for (const std::string& part : *setup_.one.letters) {
    const bool found = std::ranges::any_of(
        letters, [&](const std::string& letter) { return letter.contains(part); });
    if (!found) fault_ = fmt::format("  no dead letter has \"{}\"\n{}", part, all);
  }
  return {};
}

}  // namespace leat::proof

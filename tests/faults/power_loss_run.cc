#include "power_loss_run.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "case_pipeline.h"
#include "connector/file_sink/file_sink.h"

namespace leat::proof {
namespace {

constexpr std::size_t losses_max = 4;  ///< and one at the end
constexpr std::size_t batch_records_max = 5;
/// Operations that change something: so many are a start's, and so many a batch's with its epoch.
constexpr std::size_t changes_of_a_start = 40;
constexpr std::size_t changes_of_a_batch = 8;
constexpr std::size_t changes_of_a_push = 3;
constexpr std::size_t pushes_before_loss_max = 8;
/// So little that nearly every group must leave memory for the store.
constexpr std::size_t scarce_memory = 4096;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

void PowerLossRun::Outcome::add(const Outcome& other) {
  losses += other.losses;
  losses_at_start += other.losses_at_start;
  batches += other.batches;
  unanswered += other.unanswered;
  kept += other.kept;
}

void PowerLossRun::begin() {
  EngineRun::Setup setup{.graph = setup_.graph,
                         .database = setup_.database,
                         .disk = EngineRun::Setup::Disk::simulated};
  if (any(2) == 0) setup.state_memory_max = scarce_memory;
  engine_ = std::make_unique<EngineRun>(std::move(setup));
  clients_.clear();
  for (const Relation& relation : setup_.made.one.relations) {
    if (relation.kind != Relation::Kind::stream) continue;
    Client& client = clients_.emplace_back();
    client.stream = relation.name;
    client.relation = &relation;
    client.records = &setup_.made.records.at(relation.name);
  }
  losses_left_ = 1 + any(losses_max);
  is_broken_ = false;
  outcome_ = {};
}

/// Where the machine stops next: in the middle of a push, so soon that it is still starting, or at
/// some place of all that is left to do.
void PowerLossRun::plan_loss() {
  pushes_until_loss_ = 0;
  if (losses_left_ == 0) return;
  --losses_left_;
  const std::size_t place = any(3);
  if (place == 0) {
    pushes_until_loss_ = 1 + any(pushes_before_loss_max);
    return;
  }
  std::size_t left = 0;
  for (const Client& client : clients_) left += client.records->size() - client.answered;
  const std::size_t all = changes_of_a_start + changes_of_a_batch * left / 2;
  engine_->files().halt_at(any(place == 1 ? changes_of_a_start : all));
}

/// After a loss of power, until a start succeeds.
Status PowerLossRun::start_again() {
  while (true) {
    note(engine_->files().changes());
    ++outcome_.losses;
    engine_->lose_power(random_());
    plan_loss();
    Status started = engine_->open();
    if (started) started = look_at_topics();
    if (started || is_broken_ || !engine_->files().failed()) return started;
    ++outcome_.losses_at_start;
  }
}

Status PowerLossRun::look_at_topics() {
  for (Client& client : clients_) {
    const std::string topic = topic_of(*client.relation);
    const std::vector<std::string> there = LEAT_TRY(engine_->records_of(topic));
    const auto& sent = *client.records;
    const bool same =
        there.size() <= client.sent && std::equal(there.begin(), there.end(), sent.begin());
    if (!same || (there.size() != client.answered && there.size() != client.sent)) {
      return breach("lost-records", "{} holds {} records{}, while {} were answered and {} sent",
                    topic, there.size(), same ? "" : ", not as they were sent", client.answered,
                    client.sent);
    }
    client.is_there = client.sent > client.answered && there.size() == client.sent;
    note(there.size());
  }
  return {};
}

/// A client whose answer is open sends again first; the others by turns.
PowerLossRun::Client* PowerLossRun::next() {
  std::vector<Client*> left;
  for (Client& client : clients_) {
    if (client.answered == client.records->size()) continue;
    if (client.sent > client.answered) return &client;
    left.push_back(&client);
  }
  return left.empty() ? nullptr : left[any(left.size())];
}

Status PowerLossRun::send(Client& client) {
  const bool again = client.sent > client.answered;
  if (!again) {
    ++client.sequence;
    client.is_there = false;
    client.sent = std::min(client.records->size(), client.sent + 1 + any(batch_records_max));
  }
  const std::span batch(client.records->data() + client.answered, client.sent - client.answered);
  if (pushes_until_loss_ > 0 && --pushes_until_loss_ == 0) {
    engine_->files().halt_at(any(changes_of_a_push));
  }
  const auto pushed = engine_->push(topic_of(*client.relation), batch,
                                    {.id = client.stream, .sequence = client.sequence});
  if (!pushed) {
    ++outcome_.unanswered;
    return std::unexpected(pushed.error());
  }
  if (pushed->duplicate != client.is_there) {
    return breach("not-once", "batch {} of {} is {}taken for one that was there", client.sequence,
                  client.stream, pushed->duplicate ? "" : "not ");
  }
  if (client.is_there) ++outcome_.kept;
  client.answered = client.sent;
  ++outcome_.batches;
  return {};
}

/// A settle commits; a step leaves what it took in to the next commit.
Status PowerLossRun::work() {
  while (Client* client = next()) {
    LEAT_TRY(send(*client));
    const std::size_t then = any(8);
    if (then < 3) LEAT_TRY(engine_->step());
    if (then < 3 || then > 5) continue;
    LEAT_TRY(engine_->settle());
    if (then == 5) LEAT_TRY(compare_so_far());
  }
  LEAT_TRY(engine_->settle());
  return engine_->finish();
}

Result<PowerLossRun::Outcome> PowerLossRun::run(std::uint64_t seed) {
  random_.seed(seed);
  random_.discard(8);
  begin();
  plan_loss();
  Status status = engine_->open();
  if (status) status = work();
  while (engine_->files().failed() && !is_broken_) {
    LEAT_TRY(start_again());
    status = work();
  }
  LEAT_TRY(status);
  LEAT_TRY(end());
  return outcome_;
}

/// All rows have come, and the end of the input: what is there then must stay.
Status PowerLossRun::end() {
  LEAT_TRY(compare_all("at the end"));
  losses_left_ = 0;
  LEAT_TRY(start_again());
  LEAT_TRY(engine_->settle());
  LEAT_TRY(engine_->finish());
  return compare_all("after the end and a loss of power");
}

Status PowerLossRun::compare_so_far() {
  if (setup_.made.one.is_final_only()) return {};
  std::map<std::string, std::size_t> there;
  for (const Client& client : clients_) there[client.stream] = client.answered;
  LEAT_TRY(setup_.judge.only_the_first(there));
  return compare_answer(LEAT_TRY(setup_.judge.answer(setup_.made.one)), "so far");
}

Status PowerLossRun::compare_all(const char* when) {
  LEAT_TRY(compare_answer(setup_.answer, when));
  LEAT_TRY(compare_rows(when));
  LEAT_TRY(compare_changes(when));
  return compare_letters(when);
}

Status PowerLossRun::compare_answer(const Table& wanted, const char* when) {
  const EngineRun::Rows rows = LEAT_TRY(engine_->rows_of(setup_.made.one.query.name));
  const Table came = LEAT_TRY(setup_.judge.read(rows.schema, rows.chunks));
  const auto found = difference(wanted, came);
  if (!found) return {};
  return breach("other-rows", "{}: other rows (+) than DuckDB says (-)\n{}", when, *found);
}

Status PowerLossRun::compare_rows(const char* when) {
  const auto lines = lines_of(engine_->files().contents(PowerLossCase::rows_path));
  for (std::size_t i = 0; i < std::max(lines.size(), setup_.made.rows); ++i) {
    const auto row = i < lines.size() ? nlohmann::json::parse(lines[i], nullptr, false) : nullptr;
    if (row.is_object() && i < setup_.made.rows && row.value("number", -1) == std::int64_t(i)) {
      continue;
    }
    return breach("not-once", "{}: the file of rows has {} of {}, and {} in place of {}", when,
                  lines.size(), setup_.made.rows, i < lines.size() ? lines[i] : "nothing", i);
  }
  return {};
}

/// What the sink would write of the view's rows is what is left of all that it wrote.
Status PowerLossRun::compare_changes(const char* when) {
  const std::string prefix = "{\"weight\":";
  std::map<std::string, std::int64_t> net;
  for (const std::string& line : lines_of(engine_->files().contents(PowerLossCase::answer_path))) {
    const std::size_t end = line.find(',');
    if (!line.starts_with(prefix) || end == std::string::npos) {
      return breach("torn-output", "{}: the file of changes has the line {}", when, line);
    }
    net[line.substr(end)] += std::stoll(line.substr(prefix.size()));
  }
  const auto sink = std::ranges::find(setup_.graph.sinks, "answer", &pipeline::SinkNode::name);
  EngineRun::Rows rows = LEAT_TRY(engine_->rows_of(setup_.made.one.query.name));
  const auto text = LEAT_TRY(
      connector::make_file_sink(sink->settings, rows.schema, true, {.files = engine_->files()}));
  std::string wanted;
  for (Chunk& chunk : rows.chunks) {
    LEAT_TRY(text->encode(ChangeChunk{.rows = std::move(chunk)}, wanted));
  }
  for (const std::string& line : lines_of(wanted)) --net[line.substr(line.find(','))];
  for (const auto& [row, weight] : net) {
    if (weight == 0) continue;
    return breach("other-changes", "{}: the file of changes adds up to {} more than the view of {}",
                  when, weight, row);
  }
  return {};
}

Status PowerLossRun::compare_letters(const char* when) {
  const auto letters = LEAT_TRY(engine_->letters());
  bool each_once = letters.size() == setup_.made.letters.size();
  for (const std::string& part : setup_.made.letters) {
    each_once = each_once && std::ranges::count_if(letters, [&](const std::string& letter) {
                               return letter.contains(part);
                             }) == 1;
  }
  if (each_once) return {};
  return breach("other-letters", "{}: {} dead letters of {} records, or not each once", when,
                letters.size(), setup_.made.letters.size());
}

}  // namespace leat::proof

#include "fault_run.h"

#include <algorithm>

#include "case_pipeline.h"

namespace leat::proof {
namespace {

using io::SimulatedFileSystem;

SimulatedFileSystem::Fault operation_fault(DiskFault fault) {
  if (fault == DiskFault::disk_full) return SimulatedFileSystem::Fault::disk_full;
  if (fault == DiskFault::short_write) return SimulatedFileSystem::Fault::short_write;
  return SimulatedFileSystem::Fault::io_error;
}

/// Of RocksDB's, for people to read: nothing of ours hangs on it.
bool is_of_no_use(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.starts_with("LOG") || name == "LOCK" || name == "lock";
}

}  // namespace

std::string to_string(DiskFault fault) {
  switch (fault) {
    case DiskFault::stop:
      return "stop";
    case DiskFault::io_error:
      return "io_error";
    case DiskFault::disk_full:
      return "disk_full";
    case DiskFault::short_write:
      return "short_write";
  }
  return {};
}

FaultRun::FaultRun(Setup setup) : setup_(std::move(setup)) {}

std::unique_ptr<EngineRun> FaultRun::new_engine() const {
  return std::make_unique<EngineRun>(EngineRun::Setup{.graph = setup_.graph,
                                                      .database = setup_.database,
                                                      .disk = EngineRun::Setup::Disk::simulated});
}

void FaultRun::begin() {
  engine_ = new_engine();
  streams_.clear();
  for (const Relation& relation : setup_.one.relations) {
    if (relation.kind != Relation::Kind::stream) continue;
    Progress& progress = streams_.emplace_back();
    progress.stream = &relation;
    for (const auto& step : relation.steps) {
      for (const InputRow& row : step) progress.records.push_back(record_of(relation, row));
    }
  }
}

/// The stream whose turn it is: they come by turns, as long as each has rows.
FaultRun::Progress* FaultRun::next() {
  Progress* least = nullptr;
  for (Progress& stream : streams_) {
    if (stream.tried == stream.records.size()) continue;
    if (least == nullptr || stream.tried < least->tried) least = &stream;
  }
  return least;
}

/// A settle commits; a step leaves what it took in to the next commit.
Status FaultRun::work() {
  for (unsigned turn = 0; Progress* stream = next(); ++turn) {
    const std::string& record = stream->records[stream->tried++];
    LEAT_TRY(engine_->append(topic_of(*stream->stream), std::span(&record, 1)));
    ++stream->acknowledged;
    if (turn % 3 == 0) LEAT_TRY(engine_->settle());
    if (turn % 3 == 1) LEAT_TRY(engine_->step());
  }
  LEAT_TRY(engine_->settle());
  return engine_->finish();
}

Status FaultRun::restart() {
  engine_->files().heal();
  LEAT_TRY(engine_->kill(random_()));
  return count_what_is_there();
}

Status FaultRun::count_what_is_there() {
  for (Progress& stream : streams_) {
    const std::size_t there = engine_->records_in(topic_of(*stream.stream));
    if (there < stream.acknowledged || there > stream.tried) {
      return internal_error("lost-records",
                            "{} has {} records, while {} were acknowledged and {} sent",
                            topic_of(*stream.stream), there, stream.acknowledged, stream.tried);
    }
    stream.tried = stream.acknowledged = there;
  }
  return {};
}

Status FaultRun::compare(const char* when) {
  std::map<std::string, std::size_t> there;
  for (const Progress& stream : streams_) there[stream.stream->name] = stream.acknowledged;
  LEAT_TRY(setup_.judge.only_the_first(there));
  const EngineRun::Rows rows = LEAT_TRY(engine_->rows_of(setup_.one.query.name));
  const Table came = LEAT_TRY(setup_.judge.read(rows.schema, rows.chunks));
  if (const auto found = difference(LEAT_TRY(setup_.judge.answer(setup_.one)), came)) {
    return internal_error("other-rows", "{}: other rows (+) than DuckDB says (-)\n{}", when,
                          *found);
  }
  return {};
}

/// Every row has come: the view is the case's, and still is after another power loss.
Status FaultRun::end() {
  engine_->files().heal();
  LEAT_TRY(compare("at the end"));
  LEAT_TRY(restart());
  LEAT_TRY(engine_->settle());
  return compare("after the end and a power loss");
}

Result<bool> FaultRun::run(DiskFault fault, std::uint64_t nth) {
  random_.seed(nth);
  begin();
  if (fault == DiskFault::stop) {
    engine_->files().halt_at(nth);
  } else {
    engine_->files().fail_change(nth, operation_fault(fault));
  }
  Status status = engine_->open();
  if (status) status = work();
  const bool happened = engine_->files().failed();
  if (!status && !happened) return std::unexpected(status.error());
  if (!status || (happened && fault == DiskFault::stop)) {
    LEAT_TRY(restart());
    LEAT_TRY(work());
  }
  LEAT_TRY(end());
  return happened;
}

Result<FaultRun::Flips> FaultRun::flip_bits(std::size_t places) {
  random_.seed(places);
  begin();
  LEAT_TRY(engine_->open());
  LEAT_TRY(work());
  engine_->close();
  Files files;
  for (const std::string& path : engine_->files().paths()) {
    if (!is_of_no_use(path)) files[path] = engine_->files().contents(path);
  }
  Flips flips;
  // As it is, it must do: else nothing below shows anything.
  LEAT_TRY(open_with(files));
  LEAT_TRY(compare("copied"));
  for (const auto& [path, bytes] : files) {
    const std::size_t count = std::min(places, bytes.size());
    for (std::size_t i = 0; i < count; ++i) {
      LEAT_TRY(flip_bit(files, path, i * bytes.size() / count, flips));
    }
  }
  return flips;
}

/// Starts a new engine over a copy of these files.
Status FaultRun::open_with(const Files& files) {
  engine_ = new_engine();
  for (const auto& [name, bytes] : files) {
    if (name.ends_with('/')) {
      LEAT_TRY(engine_->files().create_directories(name.substr(0, name.size() - 1)));
    } else {
      engine_->files().overwrite(name, bytes);
    }
  }
  LEAT_TRY(engine_->open());
  LEAT_TRY(engine_->settle());
  return count_what_is_there();
}

Status FaultRun::flip_bit(Files files, const std::string& path, std::size_t place, Flips& flips) {
  char& byte = files.at(path)[place];
  byte = static_cast<char>(byte ^ (1 << random_() % 8));
  ++flips.tried;
  Status shown = open_with(files);
  if (!shown && shown.error().domain != Domain::internal) {
    ++flips.refused;
    return {};
  }
  if (shown) shown = compare("with a bit turned");
  if (shown) return {};
  return internal_error(shown.error().code, "{} at byte {} of {}: {}", path, place,
                        files.at(path).size(), shown.error().message);
}

}  // namespace leat::proof

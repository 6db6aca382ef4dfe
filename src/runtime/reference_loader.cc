#include "runtime/reference_loader.h"

#include <algorithm>
#include <unordered_map>

#include <spdlog/spdlog.h>

#include "model/chunk_copy.h"
#include "model/column_types.h"
#include "model/row_codec.h"

namespace leat::runtime {
namespace {

std::size_t rows_of(const std::vector<ChangeChunk>& changes, bool put_in) {
  std::size_t rows = 0;
  for (const ChangeChunk& chunk : changes) {
    if (chunk.weights.empty()) {
      rows += put_in ? chunk.rows.size() : 0;
      continue;
    }
    for (const std::int64_t weight : chunk.weights) {
      if ((weight > 0) == put_in) rows += static_cast<std::size_t>(weight > 0 ? weight : -weight);
    }
  }
  return rows;
}

}  // namespace

ReferenceLoader::ReferenceLoader(Setup setup) : setup_(std::move(setup)) {}

Status ReferenceLoader::look() { return look_at(false); }

void ReferenceLoader::start() {
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

void ReferenceLoader::stop() {
  thread_.request_stop();
  thread_ = {};
}

void ReferenceLoader::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, setup_.reload, [] { return false; });
      if (stop.stop_requested()) return;
      changed_.wait(lock, stop, [&] { return !waits_for_epoch_; });
      if (stop.stop_requested()) return;
    }
    static_cast<void>(look_at(true));  // a failure is in the status
  }
}

/// `unchanged_twice`: who writes the file in place may be at it, so it is read when it is found as
/// it was a look before.
Status ReferenceLoader::look_at(bool unchanged_twice) {
  const auto version = setup_.table->version();
  if (!version) {
    seen_.clear();
    note_failure(version.error());
    return std::unexpected(version.error());
  }
  const bool same = *version == seen_;
  seen_ = *version;
  if (*version == settled_ || (unchanged_twice && !same)) return {};
  const Status status = load(*version);
  if (!status) note_failure(status.error());
  return status;
}

Status ReferenceLoader::load(const std::string& version) {
  std::vector<Chunk> rows;
  Status read = setup_.table->read([&](Chunk chunk) -> Status {
    rows.push_back(std::move(chunk));
    return {};
  });
  const auto after = setup_.table->version();
  // Somebody writes: another look will find what came of it.
  if (!after || *after != version) return {};
  settled_ = version;
  LEAT_TRY(std::move(read));
  offer(LEAT_TRY(difference(std::move(rows))));
  return {};
}

/// From the rows that the engine has to these: what is new is put in, what is left is taken back.
Result<std::vector<ChangeChunk>> ReferenceLoader::difference(std::vector<Chunk> rows) const {
  const RowCodec codec(types_of(setup_.schema));
  EncodedRows encoded;
  std::unordered_map<std::string, std::int64_t> before;
  LEAT_TRY(setup_.scan([&](const Chunk& chunk) {
    codec.encode(chunk, encoded);
    for (std::size_t row = 0; row < chunk.size(); ++row) ++before[std::string(encoded[row])];
    return true;
  }));
  std::vector<ChangeChunk> changes;
  for (Chunk& chunk : rows) {
    if (before.empty()) {
      changes.push_back({.rows = std::move(chunk), .weights = {}, .order = 0, .record_of = {}});
      continue;
    }
    codec.encode(chunk, encoded);
    std::vector<std::uint32_t> added;
    for (std::uint32_t row = 0; row < chunk.size(); ++row) {
      const auto found = before.find(std::string(encoded[row]));
      if (found == before.end() || found->second == 0) {
        added.push_back(row);
      } else {
        --found->second;
      }
    }
    if (added.empty()) continue;
    changes.push_back({.rows = copy_of(chunk, added), .weights = {}, .order = 0, .record_of = {}});
  }
  std::vector<std::string_view> gone;
  std::vector<std::int64_t> weights;
  const auto take_back = [&]() -> Status {
    Chunk chunk(setup_.schema);
    LEAT_TRY(codec.decode(gone, chunk, 0));
    chunk.set_size(gone.size());
    // The texts of what is decoded may lie where the rows were encoded.
    changes.push_back({.rows = copy_of(chunk),
                       .weights = std::exchange(weights, {}),
                       .order = 0,
                       .record_of = {}});
    gone.clear();
    return {};
  };
  for (const auto& [row, count] : before) {
    if (count == 0) continue;
    gone.emplace_back(row);
    weights.push_back(-count);
    if (gone.size() == chunk_rows_max) LEAT_TRY(take_back());
  }
  if (!gone.empty()) LEAT_TRY(take_back());
  for (std::size_t i = 0; i < changes.size(); ++i) changes[i].order = i;
  return changes;
}

void ReferenceLoader::offer(std::vector<ChangeChunk> changes) {
  const std::size_t added = rows_of(changes, true), gone = rows_of(changes, false);
  {
    const std::lock_guard lock(mutex_);
    if (!loaded_ || !last_error_.empty() || added + gone > 0) {
      spdlog::info("table {}: {} rows come, {} go", setup_.name, added, gone);
    }
    loaded_ = true;
    ++loads_;
    state_ = "ready";
    last_error_.clear();
    waits_for_epoch_ = !changes.empty();
    offered_ = std::move(changes);
  }
  if (setup_.wake) setup_.wake();
}

void ReferenceLoader::note_failure(const Error& error) {
  const std::lock_guard lock(mutex_);
  ++failures_;
  state_ = error.code == "table-missing" ? "retrying" : "failed";
  if (last_error_ == error.message) return;
  last_error_ = error.message;
  spdlog::error("table {}: {}; {}", setup_.name, error.message,
                loaded_ ? "its rows stay what they were until that is mended"
                        : "it has the rows of the last run, or records wait for it");
}

std::vector<ChangeChunk> ReferenceLoader::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(offered_, {});
}

void ReferenceLoader::taken() {
  {
    const std::lock_guard lock(mutex_);
    waits_for_epoch_ = false;
  }
  changed_.notify_all();
}

bool ReferenceLoader::loaded() const {
  const std::lock_guard lock(mutex_);
  return loaded_;
}

TableState ReferenceLoader::state() const {
  TableState state{.name = setup_.name, .connector = setup_.connector};
  const std::lock_guard lock(mutex_);
  state.state = state_;
  state.last_error = last_error_;
  state.loads = loads_;
  state.failures = failures_;
  return state;
}

}  // namespace leat::runtime

#include "connector/cassandra/batch_writer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace leat::connector::cql {
namespace {

/// Of a batch of rows of one partition. A batch is one mutation for the server, as large as all its
/// rows together.
constexpr std::size_t group_rows_max = 64;
constexpr std::size_t group_bytes_max = 64 << 10;
/// A key's component that is longer has no place in a partition key.
constexpr std::size_t key_component_bytes_max = UINT16_MAX;
/// No more rows are sent until so many executions have room again: bytes leave in larger pieces.
constexpr std::size_t refill = Connection::in_flight_max / 8;
constexpr std::int32_t not_set = -2;

std::vector<VectorShape> shapes_of(const Schema& schema, const std::vector<std::size_t>& columns) {
  std::vector<Type> types;
  for (const std::size_t column : columns) types.push_back(schema[column].type);
  return VectorShape::of(types);
}

std::vector<std::size_t> key_of(const TargetTable& table) {
  return {table.columns.begin(),
          table.columns.begin() + static_cast<std::ptrdiff_t>(table.key_columns)};
}

}  // namespace

BatchWriter::BatchWriter(const Schema& schema, TargetTable table, Options options)
    : table_(std::move(table)),
      options_(options),
      shapes_(shapes_of(schema, table_.columns)),
      net_changes_(schema, key_of(table_)) {}

Result<std::vector<RefusedRow>> BatchWriter::write(Session& session, const SinkBatch& batch) {
  refused_.clear();
  failure_.reset();
  encode(batch);
  group();
  while (!waiting_.empty() || on_their_way_ > 0) {
    if (failure_) waiting_.clear();
    if (session.in_flight() + refill <= Connection::in_flight_max * session.cluster().ready()) {
      while (!waiting_.empty() && submit_next(session)) {
      }
    }
    // Nothing is on its way when there is no connection: they come back, or the time is over.
    if (on_their_way_ == 0 && session.cluster().ready() == 0) {
      return std::unexpected(session.cluster().last_error());
    }
    if (waiting_.empty() && on_their_way_ == 0) break;
    if (Status driven = session.drive(Time::max()); !driven) {
      failure_ = driven.error();
      if (on_their_way_ == 0) break;
    }
  }
  if (failure_) return std::unexpected(*failure_);
  std::ranges::sort(refused_, {},
                    [](const RefusedRow& row) { return std::pair(row.part, row.row); });
  return std::move(refused_);
}

void BatchWriter::encode(const SinkBatch& batch) {
  arena_.clear();
  rows_.clear();
  std::vector<std::vector<VectorReader>> readers;
  readers.reserve(batch.parts.size());
  for (const SinkRows& part : batch.parts) {
    readers.push_back(read_columns(shapes_, part.rows, table_.columns));
  }
  std::string reason;
  for (const KeyChange& change : net_changes_.fold(batch)) {
    Row row{.change = change};
    const std::size_t begin = arena_.size();
    if (encode_row(batch.parts[change.part], readers[change.part], row, reason)) {
      rows_.push_back(row);
    } else {
      arena_.resize(begin);
      refuse(row, reason);
    }
  }
}

bool BatchWriter::encode_row(const SinkRows& rows, const std::vector<VectorReader>& readers,
                             Row& row, std::string& reason) {
  const bool deleted = row.change.deleted;
  const std::size_t columns = deleted ? table_.key_columns : table_.columns.size();
  const auto put_version = [&] {
    put_int(arena_, sizeof(std::int64_t));
    put_long(arena_, rows.versions_us[row.change.row]);
  };
  row.begin = arena_.size();
  put_short(arena_, static_cast<std::uint16_t>(columns + 1));
  if (deleted) put_version();
  if (!encode_values(readers, row, columns, reason)) return false;
  if (!deleted) put_version();
  row.end = arena_.size();
  if (row.end - row.begin < body_bytes_max / 2) return true;
  reason = fmt::format("the row has {} bytes, and a message to Cassandra at most {}",
                       row.end - row.begin, body_bytes_max);
  return false;
}

bool BatchWriter::encode_values(const std::vector<VectorReader>& readers, Row& row,
                                std::size_t count, std::string& reason) {
  row.partition_begin = arena_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const VectorReader& reader = readers[i];
    if (i == table_.partition_columns) row.partition_end = arena_.size();
    if (options_.nulls == Nulls::keep && i >= table_.key_columns && !reader.valid(row.change.row)) {
      put_int(arena_, not_set);
    } else if (!table_.writers[i].append(reader, row.change.row, arena_, reason)) {
      reason = fmt::format("column `{}`: {}", table_.insert->values.columns[i].name, reason);
      return false;
    }
  }
  if (count == table_.partition_columns) row.partition_end = arena_.size();
  return true;
}

void BatchWriter::refuse(const Row& row, const std::string& reason) {
  refused_.push_back({row.change.part, row.change.row, reason});
}

void BatchWriter::group() {
  groups_.clear();
  order_.resize(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) order_[i] = i;
  if (table_.key_columns > table_.partition_columns) {
    group_by_partition();
  } else {
    for (std::size_t i = 0; i < rows_.size(); ++i) groups_.push_back({i, i + 1, {}});
  }
  bounds_.clear();
  for (const std::size_t index : order_) {
    const Row& row = rows_[index];
    bounds_.push_back({row.change.deleted ? table_.remove : table_.insert,
                       std::string_view(arena_).substr(row.begin, row.end - row.begin)});
  }
  waiting_.clear();
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    groups_[i].token = token_of_row(rows_[order_[groups_[i].begin]]);
    waiting_.push_back(i);
  }
}

/// Rows of one partition come to stand side by side; each run of them, bounded, is a group.
void BatchWriter::group_by_partition() {
  const auto partition_of = [this](const Row& row) {
    return std::string_view(arena_).substr(row.partition_begin,
                                           row.partition_end - row.partition_begin);
  };
  std::unordered_map<std::string_view, std::size_t> numbers;
  std::vector<std::size_t> number_of(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    number_of[i] = numbers.try_emplace(partition_of(rows_[i]), numbers.size()).first->second;
  }
  std::ranges::stable_sort(order_, {}, [&](std::size_t index) { return number_of[index]; });
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const Row& row = rows_[order_[i]];
    const std::size_t length = row.end - row.begin;
    const bool fits = !groups_.empty() && number_of[order_[i - 1]] == number_of[order_[i]] &&
                      groups_.back().end - groups_.back().begin < group_rows_max &&
                      bytes + length <= group_bytes_max;
    if (!fits) {
      groups_.push_back({i, i, {}});
      bytes = 0;
    }
    groups_.back().end = i + 1;
    bytes += length;
  }
}

/// Nothing for a key that can't be one: the server says why.
std::optional<Token> BatchWriter::token_of_row(const Row& row) {
  WireReader cells(std::string_view(arena_).substr(row.partition_begin,
                                                   row.partition_end - row.partition_begin));
  if (table_.partition_columns == 1) {
    const Cell cell = cells.read_bytes();
    return cell ? std::optional(token_of(*cell)) : std::nullopt;
  }
  scratch_.clear();
  for (std::size_t i = 0; i < table_.partition_columns; ++i) {
    const Cell cell = cells.read_bytes();
    if (!cell || cell->size() > key_component_bytes_max) return std::nullopt;
    put_short_bytes(scratch_, *cell);
    scratch_ += '\0';
  }
  return token_of(scratch_);
}

bool BatchWriter::submit_next(Session& session) {
  const std::size_t number = waiting_.front();
  const Group& group = groups_[number];
  const Execution execution{
      .bounds = std::span(bounds_).subspan(group.begin, group.end - group.begin),
      .token = group.token,
      .consistency = options_.consistency};
  if (!session.submit(execution, *this, number)) return false;
  waiting_.pop_front();
  ++on_their_way_;
  return true;
}

void BatchWriter::executed(std::uint64_t, Rows*) { --on_their_way_; }

void BatchWriter::row_refused(std::uint64_t tag, const std::string& reason) {
  --on_their_way_;
  const Group group = groups_[tag];
  if (group.end - group.begin == 1) return refuse(rows_[order_[group.begin]], reason);
  // One of them is at fault: each is tried by itself.
  for (std::size_t i = group.begin; i < group.end; ++i) {
    waiting_.push_back(groups_.size());
    groups_.push_back({i, i + 1, group.token});
  }
}

void BatchWriter::failed(std::uint64_t, const Error& error) {
  --on_their_way_;
  if (!failure_) failure_ = error;
}

}  // namespace leat::connector::cql

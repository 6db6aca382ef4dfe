#include "connector/cassandra/row_finder.h"

#include <numeric>

namespace leat::connector::cql {
namespace {

/// A key's component that is longer has no place in a partition key.
constexpr std::size_t key_component_bytes_max = UINT16_MAX;

std::vector<VectorShape> shapes_of(const Schema& schema) {
  std::vector<Type> types;
  for (const Column& column : schema) types.push_back(column.type);
  return VectorShape::of(types);
}

std::vector<VectorShape> key_shapes_of(const TableInput& input) {
  std::vector<Type> types;
  for (const std::size_t column : input.key) types.push_back(input.schema[column].type);
  return VectorShape::of(types);
}

}  // namespace

RowFinder::RowFinder(const TableInput& input, LookupStatement statement, Options options)
    : input_(input),
      statement_(std::move(statement)),
      options_(options),
      shapes_(shapes_of(input.schema)),
      key_shapes_(key_shapes_of(input)),
      columns_(input.schema.size()) {
  std::iota(columns_.begin(), columns_.end(), std::size_t{0});
}

Status RowFinder::find(Session& session, const Chunk& keys, Answers& answers) {
  answers_ = &answers;
  failure_.reset();
  next_ = 0;
  encode(keys);
  begin_chunk();
  while (next_ < asked_.size() || on_their_way_ > 0) {
    if (failure_) next_ = asked_.size();
    while (next_ < asked_.size() && on_their_way_ < options_.in_flight_max &&
           submit_next(session)) {
    }
    // Nothing is on its way when there is no connection: they come back, or the time is over.
    if (on_their_way_ == 0 && session.cluster().ready() == 0) {
      return std::unexpected(session.cluster().last_error());
    }
    if (next_ == asked_.size() && on_their_way_ == 0) break;
    if (Status driven = session.drive(Time::max()); !driven) {
      failure_ = driven.error();
      if (on_their_way_ == 0) break;
    }
  }
  hand_out();
  if (failure_) return std::unexpected(*failure_);
  return {};
}

void RowFinder::encode(const Chunk& keys) {
  arena_.clear();
  asked_.clear();
  std::vector<std::pair<std::size_t, std::size_t>> places;
  const std::vector<VectorReader> readers =
      read_columns(key_shapes_, keys, std::span(columns_).first(key_shapes_.size()));
  std::string reason;
  for (std::uint32_t key = 0; key < keys.size(); ++key) {
    const std::size_t begin = arena_.size();
    put_short(arena_, static_cast<std::uint16_t>(readers.size()));
    bool can_be_there = true;
    for (std::size_t i = 0; can_be_there && i < readers.size(); ++i) {
      can_be_there = statement_.key_writers[i].append(readers[i], key, arena_, reason);
    }
    if (!can_be_there) {
      arena_.resize(begin);
      continue;
    }
    asked_.push_back(key);
    places.emplace_back(begin, arena_.size() - begin);
  }
  bounds_.clear();
  tokens_.clear();
  for (const auto& [begin, length] : places) {
    const std::string_view values = std::string_view(arena_).substr(begin, length);
    bounds_.push_back({statement_.select, values});
    tokens_.push_back(token_of_key(values));
  }
}

/// Nothing for a key that can't be one: the server says so.
std::optional<Token> RowFinder::token_of_key(std::string_view values) {
  WireReader reader(values);
  std::vector<Cell> cells(reader.read_short());
  for (Cell& cell : cells) cell = reader.read_bytes();
  const auto& partition_key = statement_.select->values.partition_key;
  if (partition_key.size() == 1) return token_of(cells[partition_key[0]].value_or(""));
  scratch_.clear();
  for (const std::uint16_t place : partition_key) {
    const std::string_view cell = cells[place].value_or("");
    if (cell.size() > key_component_bytes_max) return std::nullopt;
    put_short_bytes(scratch_, cell);
    scratch_ += '\0';
  }
  return partition_key.empty() ? std::nullopt : std::optional(token_of(scratch_));
}

bool RowFinder::submit_next(Session& session) {
  const Execution execution{.bounds = std::span(bounds_).subspan(next_, 1),
                            .token = tokens_[next_],
                            .consistency = options_.consistency};
  if (!session.submit(execution, *this, asked_[next_])) return false;
  ++next_;
  ++on_their_way_;
  return true;
}

void RowFinder::begin_chunk() {
  found_ = Chunk(input_.schema);
  writers_ = write_columns(shapes_, found_, columns_);
  key_of_.clear();
}

void RowFinder::hand_out() {
  if (key_of_.empty()) return;
  found_.set_size(key_of_.size());
  if (Status taken = answers_->found(found_, key_of_); !taken && !failure_) {
    failure_ = taken.error();
  }
  begin_chunk();
}

void RowFinder::take_rows(std::uint32_t key, const Rows& rows) {
  if (rows.size() > input_.rows_per_key_max) {
    return answers_->refused(key, fmt::format("the key has more than {} rows, see `rows_per_key`",
                                              input_.rows_per_key_max));
  }
  std::string reason;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (key_of_.size() == chunk_rows_max) hand_out();
    if (!put_row(rows, row, reason)) return answers_->refused(key, reason);
    key_of_.push_back(key);
  }
}

bool RowFinder::put_row(const Rows& rows, std::size_t row, std::string& reason) {
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    if (statement_.readers[i].read(rows.cell(row, i), writers_[i], key_of_.size(), reason)) {
      continue;
    }
    reason = fmt::format("column `{}`: {}", input_.schema[i].name, reason);
    return false;
  }
  return true;
}

void RowFinder::executed(std::uint64_t tag, Rows* rows) {
  --on_their_way_;
  if (rows == nullptr || failure_) return;
  if (rows->size() > 0 && rows->metadata.column_count != writers_.size()) {
    failure_ = Error{Domain::external, "cassandra-schema-changed",
                     "the table's columns have changed in Cassandra", true};
    return;
  }
  take_rows(static_cast<std::uint32_t>(tag), *rows);
}

/// The server takes no such key, so there is no such row: an empty text, say.
void RowFinder::row_refused(std::uint64_t, const std::string&) { --on_their_way_; }

void RowFinder::failed(std::uint64_t, const Error& error) {
  --on_their_way_;
  if (!failure_) failure_ = error;
}

}  // namespace leat::connector::cql

#include "operator/first_rows_view.h"

#include <limits>

#include "operator/keyed_view.h"

namespace leat::op {
namespace {

/// A key's rows in order: of each the length of what it is ordered by (4 bytes), that, the row's
/// length (4 bytes), the row.
class RowsInOrder {
 public:
  explicit RowsInOrder(std::string_view bytes) : bytes_(bytes) {}

  struct Row {
    std::string_view order;
    std::string_view row;
    bool operator==(const Row&) const = default;
  };
  /// The next row; false at the end.
  bool next(Row& row) {
    if (at_ == bytes_.size()) return false;
    row.order = take();
    row.row = take();
    return true;
  }
  /// Where the next row begins.
  std::size_t at() const { return at_; }

  static void append(const Row& row, std::string& out) {
    append(row.order, out);
    append(row.row, out);
  }

 private:
  std::string_view take() {
    std::uint32_t size;
    std::memcpy(&size, bytes_.data() + at_, sizeof size);
    const std::string_view piece = bytes_.substr(at_ + sizeof size, size);
    at_ += sizeof size + size;
    return piece;
  }
  static void append(std::string_view piece, std::string& out) {
    const auto size = static_cast<std::uint32_t>(piece.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out.append(piece);
  }

  const std::string_view bytes_;
  std::size_t at_ = 0;
};

std::vector<std::size_t> row_columns(const sql::KeyedQuery& query) {
  std::vector<std::size_t> columns;
  for (const auto& column : query.shown) {
    if (column) columns.push_back(*column);
  }
  return columns;
}

}  // namespace

/// Puts rows with their numbers together into chunks of the output. The bytes must stay until they
/// are flushed.
class FirstRowsViewOperator::Writer {
 public:
  using Sink = std::function<Status(Chunk rows, std::vector<std::int64_t> weights)>;
  Writer(const FirstRowsViewOperator& view, Sink sink) : view_(view), sink_(std::move(sink)) {}

  Status add(std::string_view row, std::int64_t number, std::int64_t weight) {
    if (rows_.size() == chunk_rows_max) LEAT_TRY(flush());
    rows_.push_back(row);
    numbers_.push_back(number);
    weights_.push_back(weight);
    return {};
  }
  Status flush() {
    if (rows_.empty()) return {};
    Chunk chunk(view_.query_.output);
    LEAT_TRY(view_.inputs_.rows_of(0).decode(rows_, view_.row_places_, chunk, 0));
    for (const std::size_t column : view_.number_places_) {
      std::ranges::copy(numbers_,
                        static_cast<std::int64_t*>(duckdb_vector_get_data(chunk.vector(column))));
    }
    chunk.set_size(rows_.size());
    LEAT_TRY(sink_(std::move(chunk), std::move(weights_)));
    rows_.clear();
    numbers_.clear();
    weights_.clear();
    return {};
  }

 private:
  const FirstRowsViewOperator& view_;
  const Sink sink_;
  std::vector<std::string_view> rows_;
  std::vector<std::int64_t> numbers_;
  std::vector<std::int64_t> weights_;
};

FirstRowsViewOperator::FirstRowsViewOperator(const std::string& name, const KeyedView& view,
                                             const Schema& input, const Resources& resources,
                                             state::Family& family)
    : view_(view),
      query_(view_.query),
      resources_(resources),
      family_(family),
      definition_(name, definition_of(view)),
      inputs_(query_.inputs[0], query_.key_count, input, row_columns(query_), resources),
      order_(query_.inputs[0].schema, query_.ranking->order),
      count_(static_cast<std::size_t>(query_.ranking->count)),
      table_(resources.table_options(family, rows_prefix, KeyedOutput::layout()), resources.shards),
      shards_(resources.shards) {
  for (std::size_t i = 0; i < query_.shown.size(); ++i) {
    (query_.shown[i] ? row_places_ : number_places_).push_back(i);
  }
  for (Shard& shard : shards_) shard.eviction = std::make_unique<EvictionPolicy>(resources);
}

Status FirstRowsViewOperator::merge(unsigned index, const EpochContext& context,
                                    std::vector<ChangeChunk>& output) {
  state::KeyedShard& table = table_.shard(index);
  table.begin(context.epoch);
  state::KeyedShard* const tables[] = {&table};
  shards_[index].eviction->apply(tables);
  for (const KeyedWork* work : inputs_.in_order()) LEAT_TRY(take_rows(*work, index));
  if (context.changes_wanted) LEAT_TRY(write_changes(index, output));
  {
    const auto lock = table.lock();
    table.publish_counts();
  }
  inputs_.merged();
  return {};
}

Status FirstRowsViewOperator::take_rows(const KeyedWork& work, unsigned index) {
  const std::span<const std::uint32_t> rows = work.scatter.rows_of(index);
  if (rows.empty()) return {};
  Shard& shard = shards_[index];
  shard.keys.clear();
  for (const std::uint32_t row : rows) shard.keys.push_back({work.keys[row], work.hashes[row]});
  state::KeyedShard& table = table_.shard(index);
  const auto lock = table.lock();
  LEAT_TRY(table.find_or_create(shard.keys, shard.entries));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    LEAT_TRY(insert(table, shard.entries[i], work.orders[rows[i]], work.rows[rows[i]], shard));
  }
  return {};
}

/// Behind those that are ordered alike; the last row goes when it is one too many.
Status FirstRowsViewOperator::insert(state::KeyedShard& table, state::Entry* entry,
                                     std::string_view order, std::string_view row, Shard& shard) {
  const std::string_view bytes =
      entry->has(state::Entry::live) ? KeyedOutput::rows_of(entry->record()) : std::string_view();
  RowsInOrder rows(bytes);
  std::optional<std::size_t> place;
  std::size_t last = 0;
  std::size_t count = 0;
  RowsInOrder::Row found;
  for (std::size_t at = 0; rows.next(found); at = rows.at()) {
    if (!place && order < found.order) place = at;
    last = at;
    ++count;
  }
  const bool full = count == count_;
  if (full && !place) return {};
  const std::size_t begin = place.value_or(bytes.size());
  const std::size_t end = full ? last : bytes.size();
  shard.list.assign(bytes.substr(0, begin));
  RowsInOrder::append({order, row}, shard.list);
  shard.list.append(bytes.substr(begin, end - begin));
  if (shard.list.size() > std::numeric_limits<std::uint32_t>::max()) {
    return user_error("too-many-rows",
                      "the {} rows that one key of the view has take more than 4 GiB", count);
  }
  KeyedOutput& output = KeyedOutput::of(table.touch(entry));
  table.set_blob(entry, 0, shard.list);
  if (full) return {};
  ++output.row_count;
  row_count_.add(1);
  return {};
}

/// Rows only come between others and fall behind: so both lists are walked through side by side.
Status FirstRowsViewOperator::write_changes(unsigned index, std::vector<ChangeChunk>& output) {
  const bool numbered = !number_places_.empty();
  Writer writer(*this, [&](Chunk rows, std::vector<std::int64_t> weights) -> Status {
    ChangeChunk& changes = output.emplace_back();
    changes.rows = std::move(rows);
    changes.weights = std::move(weights);
    return {};
  });
  const state::KeyedShard& table = table_.shard(index);
  for (const state::Entry* entry : table.touched()) {
    RowsInOrder before(KeyedOutput::rows_of(table.before(entry)));
    RowsInOrder after(KeyedOutput::rows_of(entry->record()));
    RowsInOrder::Row old_row, new_row;
    bool has_old = before.next(old_row);
    std::int64_t old_number = 1;
    for (std::int64_t number = 1; after.next(new_row); ++number) {
      const bool same = has_old && old_row == new_row;
      const bool changes_number = numbered && has_old && old_number != number;
      if (!same || changes_number) LEAT_TRY(writer.add(new_row.row, number, 1));
      if (!same) continue;
      if (changes_number) LEAT_TRY(writer.add(old_row.row, old_number, -1));
      has_old = before.next(old_row);
      ++old_number;
    }
    for (; has_old; has_old = before.next(old_row), ++old_number) {
      LEAT_TRY(writer.add(old_row.row, old_number, -1));
    }
  }
  return writer.flush();
}

Status FirstRowsViewOperator::persist(unsigned index, state::CommitBatch& batch) {
  table_.shard(index).persist(batch);
  if (index != 0) return {};
  definition_.persist(family_, batch);
  row_count_.persist(family_, batch);
  return {};
}

Status FirstRowsViewOperator::restore() {
  LEAT_TRY(definition_.check(resources_.store, family_));
  LEAT_TRY(row_count_.restore(resources_.store, family_));
  return table_.restore(resources_.bytes_max_a_shard());
}

Status FirstRowsViewOperator::scan(const state::Snapshot& snapshot,
                                   const std::function<bool(const Chunk&)>& row_sink) const {
  bool wanted = true;
  Writer writer(*this, [&](const Chunk& rows, const std::vector<std::int64_t>&) -> Status {
    if (wanted) wanted = row_sink(rows);
    return {};
  });
  Status written;
  LEAT_TRY(table_.scan(snapshot, [&](const state::KeyedTable::Piece& piece) {
    for (std::size_t i = 0; i < piece.keys.size() && written && wanted; ++i) {
      RowsInOrder rows(KeyedOutput::rows_of(piece.records.data() + i * sizeof(KeyedOutput)));
      std::int64_t number = 1;
      for (RowsInOrder::Row row; written && rows.next(row); ++number) {
        written = writer.add(row.row, number, 1);
      }
    }
    // What the rows point to stays for the call only.
    if (written) written = writer.flush();
    return written.has_value() && wanted;
  }));
  return written;
}

}  // namespace leat::op

#include "operator/keyed_runner.h"

#include <numeric>

#include "base/check.h"
#include "model/column_types.h"

namespace leat::op {
namespace {

/// An input's columns behind its keys.
Schema behind_keys(const sql::ViewInput& input, std::size_t key_count) {
  std::vector<Column> columns;
  for (std::size_t i = key_count; i < input.schema.size(); ++i) columns.push_back(input.schema[i]);
  return Schema(std::move(columns));
}

std::vector<Type> types_of_carried(const sql::KeyedQuery& query) {
  std::vector<Type> types;
  if (!query.frames) return types;
  for (const Column& column : query.frames->carried) types.push_back(column.type);
  return types;
}

/// A row of so many columns, all of them NULL, by RowCodec.
std::string row_of_nulls(std::size_t columns) {
  std::string row((columns + 7) / 8, '\0');
  for (std::size_t i = 0; i < columns; ++i) row[i / 8] = static_cast<char>(row[i / 8] | 1 << i % 8);
  return row;
}

/// Column indices that follow each other.
std::vector<std::size_t> columns_from(std::size_t first, std::size_t count) {
  std::vector<std::size_t> columns(count);
  std::iota(columns.begin(), columns.end(), first);
  return columns;
}

const std::int64_t* numbers_in(const Chunk& chunk, std::size_t column) {
  return static_cast<const std::int64_t*>(duckdb_vector_get_data(chunk.vector(column)));
}

/// What the query reads: a relation for each input.
sql::Program::Input program_input(const sql::KeyedQuery& query) {
  sql::Program::Input input;
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    std::vector<Column> columns = behind_keys(query.inputs[i], query.key_count).columns();
    for (Column& column : query.added_columns()) columns.push_back(std::move(column));
    input.lookups.push_back({std::to_string(i), Schema(std::move(columns))});
  }
  return input;
}

/// The rows of some units of a feed, decoded chunk by chunk.
class FedRows final : public sql::ChunkInput {
 public:
  FedRows(const sql::KeyedQuery& query, const KeyedFeed& feed, std::size_t input,
          const Schema& schema, const RowCodec& codec, const RowCodec& carried)
      : query_(query),
        feed_(feed),
        input_(input),
        schema_(schema),
        codec_(codec),
        carried_(carried),
        nothing_carried_(row_of_nulls(carried.column_count())) {}

  void choose(std::size_t first_unit, std::size_t count) {
    first_unit_ = unit_ = first_unit;
    first_row_ = row_ = feed_.begin_of(input_, first_unit);
    end_ = feed_.begin_of(input_, first_unit + count);
  }

  std::unique_ptr<sql::ChunkInput> again() const override {
    auto rows = std::make_unique<FedRows>(*this);
    rows->unit_ = first_unit_;
    rows->row_ = first_row_;
    return rows;
  }

  Status fill(duckdb_data_chunk out) override {
    const std::size_t count = std::min(chunk_rows_max, end_ - row_);
    const std::size_t columns = schema_.size();
    if (count > 0 && columns > 0) {
      // A chunk each time: the query may hold on to the one before.
      Chunk rows(schema_);
      LEAT_TRY(codec_.decode(feed_.rows(input_).subspan(row_, count), rows, 0));
      for (std::size_t i = 0; i < columns; ++i) {
        duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(out, i), rows.vector(i));
      }
    }
    std::int64_t* units = numbers_of(out, columns);
    for (std::size_t i = 0; i < count; ++i) {
      while (feed_.begin_of(input_, unit_ + 1) <= row_ + i) ++unit_;
      units[i] = static_cast<std::int64_t>(unit_ - first_unit_);
    }
    std::size_t next = columns + 1;
    if (query_.numbers_rows()) {
      std::int64_t* numbers = numbers_of(out, next++);
      std::iota(numbers, numbers + count, static_cast<std::int64_t>(row_ - first_row_));
    }
    if (query_.session) {
      std::int64_t* starts = numbers_of(out, next++);
      std::int64_t* ends = numbers_of(out, next++);
      for (std::size_t i = 0; i < count; ++i) {
        const KeyedFeed::Bounds& bounds =
            feed_.bounds(first_unit_ + static_cast<std::size_t>(units[i]));
        starts[i] = bounds.start;
        ends[i] = bounds.end;
      }
    }
    if (query_.frames && count > 0) LEAT_TRY(fill_carried(units, count, out, next));
    row_ += count;
    duckdb_data_chunk_set_size(out, count);
    return {};
  }

 private:
  /// The columns from `first` on.
  Status fill_carried(const std::int64_t* units, std::size_t count, duckdb_data_chunk out,
                      std::size_t first) const {
    const std::vector<Column>& columns = query_.frames->carried;
    if (columns.empty()) return {};
    std::vector<std::string_view> rows(count);
    for (std::size_t i = 0; i < count; ++i) {
      rows[i] = feed_.carried(first_unit_ + static_cast<std::size_t>(units[i]));
      if (rows[i].empty()) rows[i] = nothing_carried_;
    }
    Chunk carried{Schema(columns)};
    LEAT_TRY(carried_.decode(rows, carried, 0));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(out, first + i),
                                     carried.vector(i));
    }
    return {};
  }
  static std::int64_t* numbers_of(duckdb_data_chunk chunk, std::size_t column) {
    return static_cast<std::int64_t*>(
        duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, column)));
  }

  const sql::KeyedQuery& query_;
  const KeyedFeed& feed_;
  const std::size_t input_;
  const Schema& schema_;
  const RowCodec& codec_;
  const RowCodec& carried_;
  const std::string nothing_carried_;
  std::size_t first_unit_ = 0;
  std::size_t first_row_ = 0;
  std::size_t unit_ = 0;
  std::size_t row_ = 0;
  std::size_t end_ = 0;
};

/// For a query that has no input but its relations.
class NoRows final : public sql::ChunkInput {
 public:
  Status fill(duckdb_data_chunk out) override {
    duckdb_data_chunk_set_size(out, 0);
    return {};
  }
};

}  // namespace

KeyedRunner::KeyedRunner(const sql::KeyedQuery& query, const KeyedInputs& inputs,
                         sql::Database& database)
    : query_(query),
      inputs_(inputs),
      output_codec_(types_of(query.output)),
      carried_codec_(types_of_carried(query)),
      programs_(database, query.sql, program_input(query)) {
  for (const sql::ViewInput& input : query.inputs) {
    schemas_.push_back(behind_keys(input, query.key_count));
  }
}

Status KeyedRunner::prepare() {
  const ProgramPool::Lease program = LEAT_TRY(programs_.borrow());
  std::vector<Type> types = types_of(query_.output);
  for (Type& type : types_of_carried(query_)) types.push_back(std::move(type));
  if (query_.frames && query_.frames->filters) types.push_back(Type::of(DUCKDB_TYPE_BOOLEAN));
  types.resize(types.size() + (query_.numbers_rows() ? 2 : 1), Type::of(DUCKDB_TYPE_BIGINT));
  if (types_of(program->output()) == types) return {};
  return internal_error("query-mismatch", "a keyed query yields other columns than it should: {}",
                        query_.sql);
}

/// Where some unit fails, the units are halved until it stands alone.
Status KeyedRunner::run(const KeyedFeed& feed, std::size_t first, std::size_t count,
                        const Sink& sink) {
  if (count == 0) return {};
  const leat::Result<Output> output = compute(feed, first, count);
  if (output) return give_out(*output, feed, first, count, sink);
  if (output.error().domain != Domain::user) return std::unexpected(output.error());
  if (count == 1) {
    if (!query_.frames) note_refusal(output.error().message);
    std::vector<std::string_view> no_rows;
    Result failed{first, false, no_rows, {}};
    failed.refusal = output.error().message;
    return sink(failed);
  }
  LEAT_TRY(run(feed, first, count / 2, sink));
  return run(feed, first + count / 2, count - count / 2, sink);
}

leat::Result<KeyedRunner::Output> KeyedRunner::compute(const KeyedFeed& feed, std::size_t first,
                                                       std::size_t count) {
  std::vector<FedRows> fed;
  std::vector<sql::ChunkInput*> relations;
  fed.reserve(schemas_.size());
  for (std::size_t i = 0; i < schemas_.size(); ++i) {
    fed.emplace_back(query_, feed, i, schemas_[i], inputs_.rows_of(i), carried_codec_)
        .choose(first, count);
    relations.push_back(&fed.back());
  }
  Output output;
  if (query_.survivors) {
    output.survives.resize(feed.begin_of(0, first + count) - feed.begin_of(0, first));
  }
  const std::size_t columns = query_.output.size() + hidden_columns();
  const ProgramPool::Lease program = LEAT_TRY(programs_.borrow());
  NoRows no_rows;
  LEAT_TRY(program->run(no_rows, relations, [&](Chunk result) -> Status {
    output_codec_.encode(result, output.encoded.emplace_back());
    const std::int64_t* units = numbers_in(result, columns);
    const std::uint64_t* validity = duckdb_vector_get_validity(result.vector(columns));
    auto& unit_of = output.unit.emplace_back(units, units + result.size());
    for (std::size_t i = 0; i < unit_of.size(); ++i) {
      // An aggregate of no rows at all tells no key. Then there is one.
      if (!is_valid(validity, i)) unit_of[i] = 0;
      LEAT_CHECK(unit_of[i] < count);
    }
    if (query_.numbers_rows()) take_numbers(result, output);
    return {};
  }));
  return output;
}

/// Between those of the output and the keys.
std::size_t KeyedRunner::hidden_columns() const {
  return carried_codec_.column_count() + (query_.frames && query_.frames->filters ? 1 : 0);
}

void KeyedRunner::take_numbers(const Chunk& result, Output& output) const {
  const std::size_t shown = query_.output.size();
  const std::int64_t* rows = numbers_in(result, shown + hidden_columns() + 1);
  if (query_.survivors) {
    for (std::size_t i = 0; i < result.size(); ++i) {
      output.survives.at(static_cast<std::size_t>(rows[i])) = 1;
    }
    return;
  }
  output.made_of.emplace_back(rows, rows + result.size());
  const std::size_t carried = carried_codec_.column_count();
  carried_codec_.encode(result, columns_from(shown, carried), output.carried.emplace_back());
  std::vector<std::uint8_t>& kept = output.kept.emplace_back(result.size(), 1);
  if (!query_.frames->filters) return;
  const duckdb_vector filter = result.vector(shown + carried);
  const auto* values = static_cast<const bool*>(duckdb_vector_get_data(filter));
  const std::uint64_t* validity = duckdb_vector_get_validity(filter);
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = is_valid(validity, i) && values[i];
}

Status KeyedRunner::give_out(const Output& output, const KeyedFeed& feed, std::size_t first,
                             std::size_t count, const Sink& sink) const {
  const std::size_t first_row = feed.begin_of(0, first);
  std::vector<std::size_t> ends(count);
  for (const auto& units : output.unit) {
    for (const std::size_t unit : units) ++ends[unit];
  }
  std::size_t end = 0;
  for (std::size_t& place : ends) place = std::exchange(end, end + place);
  std::vector<std::string_view> sorted(end);
  std::vector<std::size_t> made_of(query_.frames ? end : 0);
  std::vector<std::string_view> carried(made_of.size());
  std::vector<std::uint8_t> kept(made_of.size());
  for (std::size_t chunk = 0; chunk < output.unit.size(); ++chunk) {
    for (std::size_t row = 0; row < output.unit[chunk].size(); ++row) {
      const std::size_t unit = output.unit[chunk][row];
      const std::size_t place = ends[unit]++;
      sorted[place] = output.encoded[chunk][row];
      if (!query_.frames) continue;
      made_of[place] = output.made_of[chunk][row] - (feed.begin_of(0, first + unit) - first_row);
      carried[place] = output.carried[chunk][row];
      kept[place] = output.kept[chunk][row];
    }
  }
  std::vector<std::string_view> rows;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < count; begin = ends[i], ++i) {
    rows.assign(sorted.begin() + static_cast<std::ptrdiff_t>(begin),
                sorted.begin() + static_cast<std::ptrdiff_t>(ends[i]));
    std::span<const std::uint8_t> survives;
    if (query_.survivors) {
      const std::size_t from = feed.begin_of(0, first + i);
      survives = std::span(output.survives)
                     .subspan(from - first_row, feed.begin_of(0, first + i + 1) - from);
    }
    Result result{first + i, true, rows, survives};
    if (query_.frames) {
      result.made_of = std::span(made_of).subspan(begin, rows.size());
      result.carried = std::span(carried).subspan(begin, rows.size());
      result.kept = std::span(kept).subspan(begin, rows.size());
    }
    LEAT_TRY(sink(result));
  }
  return {};
}

void KeyedRunner::note_refusal(std::string_view message) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(refusal_mutex_);
  last_refusal_ = message;
}

std::string KeyedRunner::last_refusal() const {
  const std::lock_guard lock(refusal_mutex_);
  return last_refusal_;
}

}  // namespace leat::op

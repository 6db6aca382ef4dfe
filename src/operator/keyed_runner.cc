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
          const Schema& schema, const RowCodec& codec)
      : query_(query), feed_(feed), input_(input), schema_(schema), codec_(codec) {}

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
    if (query_.survivors) {
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
    row_ += count;
    duckdb_data_chunk_set_size(out, count);
    return {};
  }

 private:
  static std::int64_t* numbers_of(duckdb_data_chunk chunk, std::size_t column) {
    return static_cast<std::int64_t*>(
        duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, column)));
  }

  const sql::KeyedQuery& query_;
  const KeyedFeed& feed_;
  const std::size_t input_;
  const Schema& schema_;
  const RowCodec& codec_;
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
      programs_(database, query.sql, program_input(query)) {
  for (const sql::ViewInput& input : query.inputs) {
    schemas_.push_back(behind_keys(input, query.key_count));
  }
}

Status KeyedRunner::prepare() {
  const ProgramPool::Lease program = LEAT_TRY(programs_.borrow());
  std::vector<Type> types = types_of(query_.output);
  types.resize(types.size() + (query_.survivors ? 2 : 1), Type::of(DUCKDB_TYPE_BIGINT));
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
    note_refusal(output.error().message);
    std::vector<std::string_view> no_rows;
    return sink({first, false, no_rows, {}});
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
    fed.emplace_back(query_, feed, i, schemas_[i], inputs_.rows_of(i)).choose(first, count);
    relations.push_back(&fed.back());
  }
  Output output;
  if (query_.survivors) {
    output.survives.resize(feed.begin_of(0, first + count) - feed.begin_of(0, first));
  }
  const std::size_t columns = query_.output.size();
  const ProgramPool::Lease program = LEAT_TRY(programs_.borrow());
  NoRows no_rows;
  LEAT_TRY(program->run(no_rows, relations, [&](Chunk result) -> Status {
    output_codec_.encode(result, output.encoded.emplace_back());
    const auto numbers_of = [&](std::size_t column) {
      return static_cast<const std::int64_t*>(duckdb_vector_get_data(result.vector(column)));
    };
    const std::int64_t* units = numbers_of(columns);
    const std::uint64_t* validity = duckdb_vector_get_validity(result.vector(columns));
    auto& unit_of = output.unit.emplace_back(units, units + result.size());
    for (std::size_t i = 0; i < unit_of.size(); ++i) {
      // An aggregate of no rows at all tells no key. Then there is one.
      if (!is_valid(validity, i)) unit_of[i] = 0;
      LEAT_CHECK(unit_of[i] < count);
    }
    if (!query_.survivors) return {};
    const std::int64_t* rows = numbers_of(columns + 1);
    for (std::size_t i = 0; i < result.size(); ++i) {
      output.survives.at(static_cast<std::size_t>(rows[i])) = 1;
    }
    return {};
  }));
  return output;
}

Status KeyedRunner::give_out(const Output& output, const KeyedFeed& feed, std::size_t first,
                             std::size_t count, const Sink& sink) const {
  std::vector<std::size_t> ends(count);
  for (const auto& units : output.unit) {
    for (const std::size_t unit : units) ++ends[unit];
  }
  std::size_t end = 0;
  for (std::size_t& place : ends) place = std::exchange(end, end + place);
  std::vector<std::string_view> sorted(end);
  for (std::size_t chunk = 0; chunk < output.unit.size(); ++chunk) {
    for (std::size_t row = 0; row < output.unit[chunk].size(); ++row) {
      sorted[ends[output.unit[chunk][row]]++] = output.encoded[chunk][row];
    }
  }
  std::vector<std::string_view> rows;
  std::size_t begin = 0;
  const std::size_t first_row = feed.begin_of(0, first);
  for (std::size_t i = 0; i < count; begin = ends[i], ++i) {
    rows.assign(sorted.begin() + static_cast<std::ptrdiff_t>(begin),
                sorted.begin() + static_cast<std::ptrdiff_t>(ends[i]));
    std::span<const std::uint8_t> survives;
    if (query_.survivors) {
      const std::size_t from = feed.begin_of(0, first + i);
      survives = std::span(output.survives)
                     .subspan(from - first_row, feed.begin_of(0, first + i + 1) - from);
    }
    LEAT_TRY(sink({first + i, true, rows, survives}));
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

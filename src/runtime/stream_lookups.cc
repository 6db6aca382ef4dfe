#include "runtime/stream_lookups.h"

#include <algorithm>
#include <numeric>

#include "base/by_halves.h"
#include "base/check.h"
#include "runtime/view_index.h"

namespace leat::runtime {
namespace {

EncodedRows row_of_nulls(const Schema& schema, const RowCodec& codec) {
  Chunk chunk(schema);
  for (std::size_t column = 0; column < schema.size(); ++column) {
    const duckdb_vector vector = chunk.vector(column);
    duckdb_vector_ensure_validity_writable(vector);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), 0);
  }
  chunk.set_size(1);
  EncodedRows encoded;
  codec.encode(chunk, encoded);
  return encoded;
}

bool has_null(const Chunk& keys, std::span<const std::size_t> columns, std::size_t row) {
  for (const std::size_t column : columns) {
    if (!is_valid(duckdb_vector_get_validity(keys.vector(column)), row)) return true;
  }
  return false;
}

}  // namespace

StreamLookups::StreamLookups(const sql::RowQuery& query, const Schema& input)
    : keys_(query.keys.passes, query.keys.parts, input), beside_(!query.beside.empty()) {
  if (!query.found) return;
  output_.emplace(query.passes, query.output, input);
  std::vector<Column> columns;
  for (const auto& [lookup, column] : *query.found) {
    columns.push_back(query.lookups[lookup].schema[column]);
  }
  found_ = Schema(std::move(columns));
}

Result<std::unique_ptr<StreamLookups>> StreamLookups::make(
    const sql::RowQuery& query, const Schema& input, const LookupSources& sources,
    std::span<const std::shared_ptr<sql::Session>> sessions) {
  std::unique_ptr<StreamLookups> lookups(new StreamLookups(query, input));
  std::size_t part = 0;
  for (const sql::Lookup& lookup : query.lookups) {
    const auto found = sources.find(lookup.view ? index_name_of(lookup) : lookup.table);
    LEAT_CHECK(found != sources.end());
    OfTable& of_table = lookups->lookups_.emplace_back(
        OfTable{.table = found->second,
                .key = std::vector<std::size_t>(lookup.key.size()),
                .wanted = lookup.wanted,
                .version = {},
                .beside = lookup.beside_schema(),
                .places = std::vector(lookup.schema.size(), RowCodec::left_out),
                .found = std::vector(lookup.schema.size(), RowCodec::left_out),
                .nulls = row_of_nulls(lookup.schema, found->second->row_codec()),
                .known = std::vector<Knowledge>(sessions.size())});
    std::iota(of_table.key.begin(), of_table.key.end(), part);
    part += lookup.key.size();
    for (std::size_t i = 0; i < lookup.beside.size(); ++i) of_table.places[lookup.beside[i]] = i;
  }
  for (std::size_t i = 0; query.found && i < query.found->size(); ++i) {
    const auto& [lookup, column] = (*query.found)[i];
    lookups->lookups_[lookup].found[column] = i;
  }
  if (query.keys.sql.empty()) return lookups;
  for (const std::shared_ptr<sql::Session>& session : sessions) {
    lookups->programs_.push_back(LEAT_TRY(
        sql::Program::prepare(session, query.keys.sql, {.schema = input, .with_row = true})));
  }
  return lookups;
}

void StreamLookups::begin_epoch() {
  for (OfTable& lookup : lookups_) {
    for (Knowledge& known : lookup.known) known.full.reset();
    const std::optional<std::uint64_t> version = lookup.table->version();
    if (version && version == lookup.version) continue;
    for (Knowledge& known : lookup.known) known.answers.forget();
    lookup.version = version;
  }
}

Result<JoinedRows> StreamLookups::look_up(unsigned worker, std::span<const Chunk> inputs) {
  for (OfTable& lookup : lookups_) {
    Knowledge& known = lookup.known[worker];
    if (!known.answers.is_too_large()) continue;
    if (!known.full) known.full = std::move(known.answers);
    known.answers.forget();
  }
  JoinedRows joined;
  Asked asked = LEAT_TRY(ask(worker, inputs, joined));
  for (OfTable& lookup : lookups_) LEAT_TRY(lookup.known[worker].answers.ask(*lookup.table));

  take_out_refused(worker, asked, joined);
  joined.beside = beside_ && has_one_row_each(worker, asked);
  if (joined.beside && output_) {
    joined.laid = LEAT_TRY(lay(worker, inputs, asked));
    return joined;
  }

  // The rows of each chunk, and where they end among all.
  std::vector<std::size_t> ends;
  std::uint32_t first = 0;
  std::size_t end = 0;
  for (const Chunk& input : inputs) {
    const auto after = first + static_cast<std::uint32_t>(input.size());
    std::vector<std::uint32_t>& of_chunk = joined.rows.emplace_back();
    for (; end < asked.rows.size() && asked.rows[end] < after; ++end) {
      of_chunk.push_back(asked.rows[end] - first);
    }
    ends.push_back(end);
    first = after;
  }
  for (std::size_t table = 0; table < lookups_.size(); ++table) {
    const OfTable& lookup = lookups_[table];
    std::vector<std::uint32_t>& numbers = asked.numbers[table];
    std::vector<Chunk>& relation = joined.relations.emplace_back();
    if (!joined.beside) {
      relation = LEAT_TRY(rows_of(lookup, lookup.known[worker], std::move(numbers)));
      continue;
    }
    std::size_t begin = 0;
    for (const std::size_t chunk_end : ends) {
      const auto of_chunk = std::span(numbers).subspan(begin, chunk_end - begin);
      relation.push_back(LEAT_TRY(lay_beside(lookup, lookup.known[worker], of_chunk)));
      begin = chunk_end;
    }
  }
  return joined;
}

void StreamLookups::Asked::resize(std::size_t count) {
  rows.resize(count);
  for (std::vector<std::uint32_t>& of_table : numbers) of_table.resize(count);
}

Result<StreamLookups::Asked> StreamLookups::ask(unsigned worker, std::span<const Chunk> inputs,
                                                JoinedRows& joined) {
  Asked asked{.rows = {}, .numbers = std::vector<std::vector<std::uint32_t>>(lookups_.size())};
  if (!programs_.empty()) {
    std::size_t count = 0;
    for (const Chunk& input : inputs) count += input.size();
    LEAT_TRY(ask_by_halves(worker, inputs, count, asked, joined));
    return asked;
  }
  for (const Chunk& input : inputs) {
    const std::size_t before = asked.rows.size();
    for (std::size_t row = 0; row < input.size(); ++row) {
      asked.rows.push_back(static_cast<std::uint32_t>(before + row));
    }
    note_keys(worker, keys_.pick(input), asked);
  }
  return asked;
}

/// Where a row makes the program fail, it is found by halves and refused, and the others ask.
Status StreamLookups::ask_by_halves(unsigned worker, std::span<const Chunk> inputs,
                                    std::size_t count, Asked& asked, JoinedRows& joined) {
  const auto ask_part = [&](std::size_t begin, std::size_t part) {
    const std::size_t asked_before = asked.rows.size();
    const auto input = sql::input_of(inputs, true, begin, part);
    Status status = programs_[worker]->run(*input, [&](const Chunk& computed) -> Status {
      const std::size_t before = asked.rows.size();
      const auto* numbers = static_cast<const std::int64_t*>(
          duckdb_vector_get_data(computed.vector(computed.column_count() - 1)));
      asked.rows.insert(asked.rows.end(), numbers, numbers + computed.size());
      note_keys(worker, keys_.join(computed, inputs, std::span(asked.rows).subspan(before)), asked);
      return {};
    });
    if (!status) asked.resize(asked_before);
    return status;
  };
  return by_halves(0, count, ask_part, [&](std::size_t row, Error reason) {
    joined.refused.push_back({static_cast<std::uint32_t>(row), std::move(reason.message)});
    return Status();
  });
}

void StreamLookups::note_keys(unsigned worker, const Chunk& keys, Asked& asked) {
  EncodedRows encoded;
  for (std::size_t table = 0; table < lookups_.size(); ++table) {
    OfTable& lookup = lookups_[table];
    KnownAnswers& known = lookup.known[worker].answers;
    lookup.table->key_codec().encode(keys, lookup.key, encoded);
    for (std::size_t row = 0; row < keys.size(); ++row) {
      asked.numbers[table].push_back(
          has_null(keys, lookup.key, row) ? KnownAnswers::no_key : known.number_of(encoded[row]));
    }
  }
}

/// A row that two tables refuse is told of once.
void StreamLookups::take_out_refused(unsigned worker, Asked& asked, JoinedRows& joined) const {
  const bool refusals = std::ranges::any_of(
      lookups_, [&](const OfTable& lookup) { return lookup.known[worker].answers.has_refusals(); });
  if (!refusals) return;
  Asked left{.rows = {}, .numbers = std::vector<std::vector<std::uint32_t>>(lookups_.size())};
  for (std::size_t i = 0; i < asked.rows.size(); ++i) {
    const auto refusal = [&](std::size_t table) -> const std::string& {
      return lookups_[table].known[worker][asked.numbers[table][i]].refusal;
    };
    std::size_t table = 0;
    while (table < lookups_.size() && refusal(table).empty()) ++table;
    if (table < lookups_.size()) {
      joined.refused.push_back(
          {asked.rows[i],
           fmt::format("{}: {}", lookups_[table].table->input().table, refusal(table))});
      continue;
    }
    left.rows.push_back(asked.rows[i]);
    for (std::size_t t = 0; t < lookups_.size(); ++t) {
      left.numbers[t].push_back(asked.numbers[t][i]);
    }
  }
  asked = std::move(left);
}

bool StreamLookups::has_one_row_each(unsigned worker, const Asked& asked) const {
  for (std::size_t table = 0; table < lookups_.size(); ++table) {
    const KnownAnswers& known = lookups_[table].known[worker].answers;
    if (!known.has_several()) continue;
    const bool one = std::ranges::all_of(
        asked.numbers[table], [&](std::uint32_t number) { return known[number].rows.size() <= 1; });
    if (!one) return false;
  }
  return true;
}

bool StreamLookups::goes_on(unsigned worker, const Asked& asked, std::size_t row) const {
  for (std::size_t table = 0; table < lookups_.size(); ++table) {
    const OfTable& lookup = lookups_[table];
    if (lookup.wanted == sql::Lookup::Wanted::either) continue;
    const bool found = !lookup.known[worker][asked.numbers[table][row]].rows.empty();
    if (found != (lookup.wanted == sql::Lookup::Wanted::row)) return false;
  }
  return true;
}

/// Whether the output has columns of it, where nothing is computed.
bool StreamLookups::OfTable::is_shown() const {
  return std::ranges::any_of(found, [](std::size_t place) { return place != RowCodec::left_out; });
}

/// The output of a query that has nothing to compute: rows that go on, with what they found.
Result<std::vector<JoinedRows::Laid>> StreamLookups::lay(unsigned worker,
                                                         std::span<const Chunk> inputs,
                                                         const Asked& asked) const {
  std::vector<std::uint32_t> going;  // of those that asked
  for (std::uint32_t row = 0; row < asked.rows.size(); ++row) {
    if (goes_on(worker, asked, row)) going.push_back(row);
  }
  std::vector<JoinedRows::Laid> laid;
  std::vector<std::string_view> encoded;
  for (std::size_t begin = 0; begin < going.size(); begin += chunk_rows_max) {
    const std::span part =
        std::span(going).subspan(begin, std::min(chunk_rows_max, going.size() - begin));
    JoinedRows::Laid& chunk = laid.emplace_back();
    for (const std::uint32_t row : part) chunk.rows.push_back(asked.rows[row]);
    Chunk found;
    if (found_.size() > 0) found = Chunk(found_);
    for (std::size_t table = 0; table < lookups_.size(); ++table) {
      const OfTable& lookup = lookups_[table];
      const Knowledge& known = lookup.known[worker];
      if (!lookup.is_shown()) continue;
      encoded.clear();
      for (const std::uint32_t row : part) {
        encoded.push_back(lookup.row_of(known[asked.numbers[table][row]]));
      }
      LEAT_TRY(lookup.table->row_codec().decode(
          encoded, lookup.found, found, 0,
          known.full ? RowCodec::Texts::copied : RowCodec::Texts::pointed_at));
    }
    chunk.output = output_->join(found, inputs, chunk.rows);
  }
  return laid;
}

/// The row of each key, NULLs where it has none.
Result<Chunk> StreamLookups::lay_beside(const OfTable& lookup, const Knowledge& known,
                                        std::span<const std::uint32_t> numbers) {
  Chunk out(lookup.beside);
  auto* found = static_cast<bool*>(duckdb_vector_get_data(out.vector(lookup.beside.size() - 1)));
  std::vector<std::string_view> rows;
  for (const std::uint32_t number : numbers) {
    const LookedUp& answer = known[number];
    found[rows.size()] = !answer.rows.empty();
    rows.push_back(lookup.row_of(answer));
  }
  LEAT_TRY(
      lookup.table->row_codec().decode(rows, lookup.places, out, 0, RowCodec::Texts::pointed_at));
  out.set_size(rows.size());
  return out;
}

/// The rows of all these keys, each once.
Result<std::vector<Chunk>> StreamLookups::rows_of(const OfTable& lookup, const Knowledge& known,
                                                  std::vector<std::uint32_t> numbers) {
  std::ranges::sort(numbers);
  const auto [first, last] = std::ranges::unique(numbers);
  numbers.erase(first, last);
  std::vector<std::string_view> encoded;
  for (const std::uint32_t number : numbers) {
    encoded.insert(encoded.end(), known[number].rows.begin(), known[number].rows.end());
  }
  std::vector<Chunk> chunks;
  for (std::span<const std::string_view> rows = encoded; !rows.empty();) {
    const std::size_t count = std::min(rows.size(), chunk_rows_max);
    Chunk& chunk = chunks.emplace_back(lookup.table->input().schema);
    LEAT_TRY(lookup.table->row_codec().decode(rows.first(count), chunk, 0));
    chunk.set_size(count);
    rows = rows.subspan(count);
  }
  return chunks;
}

}  // namespace leat::runtime

#include "runtime/stream_lookups.h"

#include <algorithm>
#include <numeric>

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

bool has_null(const Chunk& keys, std::size_t columns, std::size_t row) {
  for (std::size_t column = 0; column < columns; ++column) {
    if (!is_valid(duckdb_vector_get_validity(keys.vector(column)), row)) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<StreamLookups>> StreamLookups::make(
    const sql::RowQuery& query, const Schema& input, const LookupSources& sources,
    std::span<const std::shared_ptr<sql::Session>> sessions) {
  auto lookups = std::make_unique<StreamLookups>();
  lookups->beside_ = !query.beside.empty();
  for (const sql::Lookup& lookup : query.lookups) {
    const auto found = sources.find(lookup.view ? index_name_of(lookup) : lookup.table);
    LEAT_CHECK(found != sources.end());
    OfTable& of_table = lookups->lookups_.emplace_back(
        OfTable{.table = found->second,
                .version = {},
                .beside = lookup.beside_schema(),
                .places = std::vector(lookup.schema.size(), RowCodec::left_out),
                .nulls = row_of_nulls(lookup.schema, found->second->row_codec()),
                .known = std::vector<KnownAnswers>(sessions.size()),
                .keys = {}});
    for (std::size_t i = 0; i < lookup.beside.size(); ++i) of_table.places[lookup.beside[i]] = i;
    for (const std::shared_ptr<sql::Session>& session : sessions) {
      of_table.keys.push_back(LEAT_TRY(
          sql::Program::prepare(session, lookup.keys, {.schema = input, .with_row = true})));
    }
  }
  return lookups;
}

void StreamLookups::begin_epoch() {
  for (OfTable& lookup : lookups_) {
    const std::optional<std::uint64_t> version = lookup.table->version();
    if (version && version == lookup.version) continue;
    std::ranges::for_each(lookup.known, &KnownAnswers::forget);
    lookup.version = version;
  }
}

Result<JoinedRows> StreamLookups::look_up(unsigned worker, std::span<const Chunk> inputs) {
  std::vector<Keys> keys;  // by table, all of the same rows
  for (OfTable& lookup : lookups_) {
    KnownAnswers& known = lookup.known[worker];
    if (known.is_too_large()) known.forget();
    keys.push_back(LEAT_TRY(keys_of(lookup, worker, inputs)));
    LEAT_CHECK(keys.back().rows == keys.front().rows);
    LEAT_TRY(known.ask(*lookup.table));
  }
  JoinedRows joined;
  const bool refusals = std::ranges::any_of(
      lookups_, [&](const OfTable& lookup) { return lookup.known[worker].has_refusals(); });
  if (refusals) take_out_refused(worker, keys, joined);

  // The rows of each chunk, and where they end among all.
  std::vector<std::size_t> ends;
  std::uint32_t first = 0;
  std::size_t end = 0;
  const std::vector<std::uint32_t>& rows = keys.front().rows;
  for (const Chunk& input : inputs) {
    const auto after = first + static_cast<std::uint32_t>(input.size());
    std::vector<std::uint32_t>& of_chunk = joined.rows.emplace_back();
    for (; end < rows.size() && rows[end] < after; ++end) of_chunk.push_back(rows[end] - first);
    ends.push_back(end);
    first = after;
  }

  joined.beside = beside_;
  for (std::size_t table = 0; table < keys.size(); ++table) {
    const KnownAnswers& known = lookups_[table].known[worker];
    joined.beside = joined.beside && std::ranges::all_of(keys[table].numbers, [&](auto number) {
                      return known[number].rows.size() <= 1;
                    });
  }
  for (std::size_t table = 0; table < keys.size(); ++table) {
    const OfTable& lookup = lookups_[table];
    std::vector<Chunk>& relation = joined.relations.emplace_back();
    if (!joined.beside) {
      relation = LEAT_TRY(rows_of(lookup, lookup.known[worker], std::move(keys[table].numbers)));
      continue;
    }
    std::size_t begin = 0;
    for (const std::size_t chunk_end : ends) {
      const auto numbers = std::span(keys[table].numbers).subspan(begin, chunk_end - begin);
      relation.push_back(LEAT_TRY(lay_beside(lookup, lookup.known[worker], numbers)));
      begin = chunk_end;
    }
  }
  return joined;
}

Result<StreamLookups::Keys> StreamLookups::keys_of(OfTable& lookup, unsigned worker,
                                                   std::span<const Chunk> inputs) {
  const LookupSource& table = *lookup.table;
  KnownAnswers& known = lookup.known[worker];
  std::vector<std::size_t> columns(table.input().key.size());
  std::iota(columns.begin(), columns.end(), std::size_t{0});
  Keys keys;
  EncodedRows encoded;
  LEAT_TRY(lookup.keys[worker]->run(*sql::input_of(inputs, true), [&](Chunk chunk) -> Status {
    table.key_codec().encode(chunk, columns, encoded);
    const auto* numbers =
        static_cast<const std::int64_t*>(duckdb_vector_get_data(chunk.vector(columns.size())));
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      keys.rows.push_back(static_cast<std::uint32_t>(numbers[row]));
      keys.numbers.push_back(has_null(chunk, columns.size(), row) ? KnownAnswers::no_key
                                                                  : known.number_of(encoded[row]));
    }
    return {};
  }));
  return keys;
}

/// A row that two tables refuse is told of once.
void StreamLookups::take_out_refused(unsigned worker, std::span<Keys> keys,
                                     JoinedRows& joined) const {
  const std::size_t count = keys.front().rows.size();
  std::vector<std::uint32_t> kept;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto refusal = [&](std::size_t table) -> const std::string& {
      return lookups_[table].known[worker][keys[table].numbers[i]].refusal;
    };
    std::size_t table = 0;
    while (table < keys.size() && refusal(table).empty()) ++table;
    if (table == keys.size()) {
      kept.push_back(i);
    } else {
      joined.refused.push_back(
          {keys[table].rows[i],
           fmt::format("{}: {}", lookups_[table].table->input().table, refusal(table))});
    }
  }
  if (joined.refused.empty()) return;
  for (Keys& of_table : keys) {
    Keys left;
    for (const std::uint32_t i : kept) {
      left.rows.push_back(of_table.rows[i]);
      left.numbers.push_back(of_table.numbers[i]);
    }
    of_table = std::move(left);
  }
}

/// The row of each key, NULLs where it has none.
Result<Chunk> StreamLookups::lay_beside(const OfTable& lookup, const KnownAnswers& known,
                                        std::span<const std::uint32_t> numbers) {
  Chunk out(lookup.beside);
  auto* found = static_cast<bool*>(duckdb_vector_get_data(out.vector(lookup.beside.size() - 1)));
  std::vector<std::string_view> rows;
  for (const std::uint32_t number : numbers) {
    const LookedUp& answer = known[number];
    found[rows.size()] = !answer.rows.empty();
    rows.push_back(answer.rows.empty() ? lookup.nulls[0] : answer.rows.front());
  }
  LEAT_TRY(
      lookup.table->row_codec().decode(rows, lookup.places, out, 0, RowCodec::Texts::pointed_at));
  out.set_size(rows.size());
  return out;
}

/// The rows of all these keys, each once.
Result<std::vector<Chunk>> StreamLookups::rows_of(const OfTable& lookup, const KnownAnswers& known,
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

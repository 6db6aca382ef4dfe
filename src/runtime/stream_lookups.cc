#include "runtime/stream_lookups.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "base/check.h"
#include "runtime/view_index.h"

namespace leat::runtime {
namespace {

constexpr std::uint32_t no_key = std::numeric_limits<std::uint32_t>::max();

}  // namespace

/// One lookup for some chunks of rows.
class StreamLookups::Round {
 public:
  explicit Round(LookupSource& table) : table_(table), columns_(table.input().key.size()) {
    std::iota(columns_.begin(), columns_.end(), std::size_t{0});
  }

  /// Notes the keys of one more chunk's rows.
  Status add(sql::Program& program, const Chunk& input) {
    std::vector<std::uint32_t>& key_of = key_of_.emplace_back();
    const auto rows = sql::input_of(input, {}, false, false);
    LEAT_TRY(program.run(*rows, [&](Chunk keys) -> Status {
      EncodedRows& encoded = *encoded_.emplace_back(std::make_unique<EncodedRows>());
      table_.key_codec().encode(keys, columns_, encoded);
      for (std::size_t row = 0; row < keys.size(); ++row) {
        key_of.push_back(has_null(keys, row) ? no_key : number_of(encoded[row]));
      }
      return {};
    }));
    LEAT_CHECK(key_of.size() == input.size());
    return {};
  }

  Status ask() {
    answers_ = LEAT_TRY(table_.look_up(keys_));
    return {};
  }

  /// Adds what the chunk of this number is joined with.
  Status hand_out(std::size_t chunk, JoinedRows& out) const {
    std::vector<bool> taken(keys_.size(), false);
    std::vector<std::string_view> rows;
    for (std::uint32_t row = 0; row < key_of_[chunk].size(); ++row) {
      const std::uint32_t key = key_of_[chunk][row];
      if (key == no_key) continue;
      const LookedUp& answer = *answers_[key];
      if (!answer.refusal.empty()) {
        out.refused.push_back({row, fmt::format("{}: {}", table_.input().table, answer.refusal)});
      }
      if (taken[key]) continue;
      taken[key] = true;
      rows.insert(rows.end(), answer.rows.begin(), answer.rows.end());
    }
    return decode(rows, out.relations.emplace_back());
  }

 private:
  bool has_null(const Chunk& keys, std::size_t row) const {
    return std::ranges::any_of(columns_, [&](std::size_t column) {
      return !is_valid(duckdb_vector_get_validity(keys.vector(column)), row);
    });
  }

  std::uint32_t number_of(std::string_view key) {
    const auto [place, fresh] = numbers_.try_emplace(key, static_cast<std::uint32_t>(keys_.size()));
    if (fresh) keys_.push_back(key);
    return place->second;
  }

  Status decode(std::span<const std::string_view> rows, std::vector<Chunk>& out) const {
    while (!rows.empty()) {
      const std::size_t count = std::min(rows.size(), chunk_rows_max);
      Chunk& chunk = out.emplace_back(table_.input().schema);
      LEAT_TRY(table_.row_codec().decode(rows.first(count), chunk, 0));
      chunk.set_size(count);
      rows = rows.subspan(count);
    }
    return {};
  }

  LookupSource& table_;
  std::vector<std::size_t> columns_;
  std::vector<std::unique_ptr<EncodedRows>> encoded_;  ///< what keys' texts point into
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
  std::vector<std::string_view> keys_;
  std::vector<std::vector<std::uint32_t>> key_of_;  ///< by chunk and row
  std::vector<LookupSource::Answer> answers_;       ///< of `keys_`
};

Result<std::unique_ptr<StreamLookups>> StreamLookups::make(
    const sql::RowQuery& query, const Schema& input, const LookupSources& sources,
    std::span<const std::shared_ptr<sql::Session>> sessions) {
  auto lookups = std::make_unique<StreamLookups>();
  for (const sql::Lookup& lookup : query.lookups) {
    const auto found = sources.find(lookup.view ? index_name_of(lookup) : lookup.table);
    LEAT_CHECK(found != sources.end());
    OfTable of_table{found->second, {}};
    for (const std::shared_ptr<sql::Session>& session : sessions) {
      of_table.keys.push_back(
          LEAT_TRY(sql::Program::prepare(session, lookup.keys, {.schema = input})));
    }
    lookups->lookups_.push_back(std::move(of_table));
  }
  return lookups;
}

Result<std::vector<JoinedRows>> StreamLookups::look_up(unsigned worker,
                                                       std::span<const Chunk> inputs) const {
  std::vector<JoinedRows> joined(inputs.size());
  for (const OfTable& lookup : lookups_) {
    Round round(*lookup.table);
    for (const Chunk& input : inputs) LEAT_TRY(round.add(*lookup.keys[worker], input));
    LEAT_TRY(round.ask());
    for (std::size_t i = 0; i < inputs.size(); ++i) LEAT_TRY(round.hand_out(i, joined[i]));
  }
  for (JoinedRows& rows : joined) {
    // A row that two tables refuse is told of once.
    std::ranges::stable_sort(rows.refused, {}, &JoinedRows::Refused::row);
    const auto [first, last] = std::ranges::unique(rows.refused, {}, &JoinedRows::Refused::row);
    rows.refused.erase(first, last);
  }
  return joined;
}

}  // namespace leat::runtime

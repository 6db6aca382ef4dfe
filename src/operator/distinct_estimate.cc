#include <algorithm>
#include <bit>
#include <cmath>

#include "operator/accumulator.h"
#include "operator/value_counts.h"
#include "state/hash.h"

// approx_count_distinct by HyperLogLog (Flajolet et al. 2007), with 4,096 registers: a standard
// error of 1.6 %, nearly always below 5 %; below 10,000 values mostly below 2 % by linear counting.
// Over a view, each register counts how often it saw each rank, so that values can be taken back.
namespace leat::op {
namespace {

constexpr unsigned register_bits = 12;
constexpr unsigned register_count = 1u << register_bits;
constexpr unsigned registers_a_block =
    64;  // one detail entry holds so many: a small group stays small

struct RegisterBlock {
  DetailTable::Head head;
  std::uint8_t ranks[registers_a_block];

  bool empty() const {
    return std::all_of(std::begin(ranks), std::end(ranks),
                       [](std::uint8_t rank) { return rank == 0; });
  }
};

struct RankCount {
  DetailTable::Head head;
  std::int64_t count;
};

/// In the group's record: what the estimate needs of the registers.
struct Estimate {
  std::uint64_t used;  ///< registers that are not 0
  std::uint64_t low;   ///< 128-bit sum over those of 2^(64 - rank)
  std::uint64_t high;

  void replace(unsigned before, unsigned after) {
    auto sum = (static_cast<unsigned __int128>(high) << 64) | low;
    if (before != 0) sum -= static_cast<unsigned __int128>(1) << (64 - before);
    if (after != 0) sum += static_cast<unsigned __int128>(1) << (64 - after);
    used += static_cast<std::uint64_t>(after != 0) - static_cast<std::uint64_t>(before != 0);
    low = static_cast<std::uint64_t>(sum);
    high = static_cast<std::uint64_t>(sum >> 64);
  }
  std::int64_t value() const {
    constexpr double registers = register_count;
    const double unused = registers - static_cast<double>(used);
    const double inverse =
        unused + std::ldexp(static_cast<double>(low), -64) + static_cast<double>(high);
    const double alpha = 0.7213 / (1 + 1.079 / registers);
    const double raw = alpha * registers * registers / inverse;
    const bool small = raw <= 2.5 * registers && unused > 0;
    return std::llround(small ? registers * std::log(registers / unused) : raw);
  }
};

class DistinctEstimate final : public Accumulator {
 public:
  DistinctEstimate(const sql::AggregateCall& call, const AccumulatorSite& site)
      : argument_(call.arguments[0]),
        offset_(site.record.add(sizeof(Estimate))),
        encoding_(site.encode(Encoding::Kind::key, {argument_})),
        blocks_(site.details.add(sizeof(RegisterBlock), false)),
        counts_(site.weighted ? &site.details.add(sizeof(RankCount), false) : nullptr),
        scratch_(site.shards) {}

  Status update(const GroupRows& all) override {
    Scratch& scratch = scratch_[all.shard];
    const GroupRows rows = without_null(all, std::span(&argument_, 1), scratch.valid);
    scratch.places.clear();
    for (const std::uint32_t row : rows.rows) {
      scratch.places.push_back(place_of((*rows.encoded)[encoding_][row]));
    }
    const auto block_of = [&](std::size_t i, std::string& out) {
      out.push_back(static_cast<char>(scratch.places[i].index / registers_a_block));
    };
    LEAT_TRY(
        blocks_.find_or_create(rows.shard, *rows.table, rows.groups, block_of, scratch.blocks));
    if (counts_ == nullptr) {
      for (std::size_t i = 0; i < rows.rows.size(); ++i) {
        const Place place = scratch.places[i];
        std::uint8_t& rank = block_of_row(rows, i, scratch).ranks[place.index % registers_a_block];
        if (place.rank > rank) raise(rows.groups[i], rank, place.rank);
      }
      return {};
    }
    return update_counted(rows, scratch);
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    auto* results = static_cast<std::int64_t*>(duckdb_vector_get_data(out.vector(column)));
    for (std::size_t i = 0; i < records.size(); ++i) {
      results[i] = part_of<Estimate>(records[i], offset_).value();
    }
    return {};
  }

 private:
  struct Place {
    std::uint16_t index;
    std::uint8_t rank;  // 1 … 53
  };
  struct Scratch {
    RowSelection valid;
    std::vector<Place> places;
    DetailTable::Lookup blocks;
    DetailTable::Lookup counts;
    DetailTable::Lookup lower;
  };

  static Place place_of(std::string_view value) {
    const std::uint64_t hash = state::hash_bytes(value);
    const std::uint64_t rest = (hash << register_bits) | (std::uint64_t{1} << (register_bits - 1));
    return {static_cast<std::uint16_t>(hash >> (64 - register_bits)),
            static_cast<std::uint8_t>(std::countl_zero(rest) + 1)};
  }
  RegisterBlock& block_of_row(const GroupRows& rows, std::size_t i, const Scratch& scratch) {
    return *reinterpret_cast<RegisterBlock*>(
        blocks_.touch(rows.shard, scratch.blocks.entries[i], *rows.table, rows.groups[i]));
  }
  void raise(state::Entry* group, std::uint8_t& rank, std::uint8_t to) {
    part_of<Estimate>(group, offset_).replace(rank, to);
    rank = to;
  }
  static void append_count_key(Place place, std::string& out) {
    out.push_back(static_cast<char>(place.index >> 8));
    out.push_back(static_cast<char>(place.index & 0xFF));
    out.push_back(static_cast<char>(place.rank));
  }

  Status update_counted(const GroupRows& rows, Scratch& scratch) {
    const auto count_of = [&](std::size_t i, std::string& out) {
      append_count_key(scratch.places[i], out);
    };
    LEAT_TRY(
        counts_->find_or_create(rows.shard, *rows.table, rows.groups, count_of, scratch.counts));
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      const Place place = scratch.places[i];
      state::Entry* entry = scratch.counts.entries[i];
      auto& counted = *reinterpret_cast<RankCount*>(
          counts_->touch(rows.shard, entry, *rows.table, rows.groups[i]));
      counted.count += rows.weight(i);
      const bool present = counted.count > 0;
      if (counted.count == 0) counts_->shard(rows.shard).remove(entry);
      RegisterBlock& block = block_of_row(rows, i, scratch);
      std::uint8_t& rank = block.ranks[place.index % registers_a_block];
      if (present && place.rank > rank) {
        raise(rows.groups[i], rank, place.rank);
      } else if (!present && place.rank == rank) {
        LEAT_TRY(lower(rows, i, scratch, rank));
      }
      if (block.empty()) blocks_.shard(rows.shard).remove(scratch.blocks.entries[i]);
    }
    return {};
  }

  /// The register's greatest rank has gone: finds the next one that some value still has.
  Status lower(const GroupRows& rows, std::size_t i, Scratch& scratch, std::uint8_t& rank) {
    Place place = scratch.places[i];
    state::KeyedShard& table = counts_->shard(rows.shard);
    while (--place.rank > 0) {
      std::string key(rows.table->key_of(rows.groups[i]));
      append_count_key(place, key);
      const state::Entry* entry = LEAT_TRY(table.find({key, state::hash_bytes(key)}));
      if (entry != nullptr && reinterpret_cast<const RankCount*>(entry->record())->count > 0) break;
    }
    raise(rows.groups[i], rank, place.rank);
    return {};
  }

  const std::size_t argument_;
  const std::size_t offset_;
  const std::size_t encoding_;
  DetailTable& blocks_;
  DetailTable* const counts_;
  std::vector<Scratch> scratch_;
};

}  // namespace

Result<std::unique_ptr<Accumulator>> make_distinct_estimate(const sql::AggregateCall& call,
                                                            const AccumulatorSite& site) {
  return std::make_unique<DistinctEstimate>(call, site);
}

}  // namespace leat::op

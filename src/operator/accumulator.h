#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/chunk.h"
#include "model/row_codec.h"
#include "model/vector_access.h"
#include "operator/detail_table.h"
#include "sql/query.h"
#include "state/keyed_shard.h"

namespace leat::op {

/// Lays out a group's record: each accumulator takes its part when it is made. A record of all
/// zeros is a group without rows.
class RecordBuilder {
 public:
  /// The offset of `size` more bytes, aligned to 8.
  std::size_t add(std::size_t size) {
    const std::size_t offset = layout_.size;
    layout_.size += (size + 7) & ~std::size_t{7};
    return offset;
  }
  struct BlobPlace {
    std::size_t offset;
    std::size_t index;  ///< for KeyedShard::set_blob
  };
  BlobPlace add_blob() {
    const std::size_t offset = add(sizeof(state::Blob));
    layout_.blobs.push_back(offset);
    return {offset, layout_.blobs.size() - 1};
  }
  const state::RecordLayout& layout() const { return layout_; }

 private:
  state::RecordLayout layout_;
};

/// Some rows of a chunk, each with its group, in order of arrival.
struct GroupRows {
  const Chunk* chunk = nullptr;                       ///< what `pre` yields
  const std::vector<EncodedRows>* encoded = nullptr;  ///< by Accumulator::Encoding, in their order
  std::span<const std::uint32_t> rows;                ///< indices in the chunk
  std::span<state::Entry* const> groups;              ///< touched; one a row
  std::span<const std::int64_t> weights;              ///< one a row; empty: all +1
  state::KeyedShard* table = nullptr;                 ///< the groups' own
  unsigned shard = 0;

  std::int64_t weight(std::size_t i) const { return weights.empty() ? 1 : weights[i]; }
};

/// Records of some rows each, and the groups that these are to be added to.
struct GroupParts {
  std::span<const std::byte* const> parts;
  std::span<state::Entry* const> groups;  ///< touched; one a part
  state::KeyedShard* table = nullptr;     ///< the groups' own
};

/// One aggregate function over the groups of a view. Immutable after it is made, but for scratch
/// space by shard: shards run in parallel.
class Accumulator {
 public:
  /// Bytes of columns that update() wants ready for all rows of a chunk.
  struct Encoding {
    enum class Kind { key, row } kind;
    std::vector<std::size_t> columns;
  };

  virtual ~Accumulator() = default;
  /// Takes the rows into their groups' records. The error is the store's.
  virtual Status update(const GroupRows& rows) = 0;
  /// Adds parts to their groups, as if the rows of each had come one after the other. Only where
  /// combines() says so.
  virtual Status combine(const GroupParts& parts);
  /// Writes the results for these records into rows 0… of a column of `out`. Error `sum-overflow`
  /// (user): the result of some record is beyond its type.
  virtual Status finalise(std::span<const std::byte* const> records, Chunk& out,
                          std::size_t column) const = 0;
};

/// What accumulators are made from. `encodings` and `details` grow by what they need.
struct AccumulatorSite {
  const Schema& pre;
  bool weighted = false;
  RecordBuilder& record;
  std::vector<Accumulator::Encoding>& encodings;
  DetailTables& details;
  unsigned shards = 1;

  const Type& type_of(std::size_t column) const { return pre[column].type; }
  /// The index in GroupRows::encoded of these columns' bytes.
  std::size_t encode(Accumulator::Encoding::Kind kind, std::vector<std::size_t> columns) const;
};

/// Error `not-incremental` (user) for a function that can't be kept over these types or, where the
/// input is a view, with rows taken back.
Result<std::unique_ptr<Accumulator>> make_accumulator(const sql::AggregateCall& call,
                                                      const AccumulatorSite& site);

/// Whether groups can be put together from parts, of rows that are only added.
bool combines(const sql::AggregateCall& call);

/// Whether it is a sum or average of values of 128 bits, whose record is larger than of others.
bool keeps_wide_sum(const sql::AggregateCall& call);

// One maker a family of functions; make_accumulator chooses.
Result<std::unique_ptr<Accumulator>> make_counter(const sql::AggregateCall& call,
                                                  const AccumulatorSite& site);
Result<std::unique_ptr<Accumulator>> make_sum(const sql::AggregateCall& call,
                                              const AccumulatorSite& site);
Result<std::unique_ptr<Accumulator>> make_variance(const sql::AggregateCall& call,
                                                   const AccumulatorSite& site);
Result<std::unique_ptr<Accumulator>> make_extreme(const sql::AggregateCall& call,
                                                  const AccumulatorSite& site);
Result<std::unique_ptr<Accumulator>> make_arrival(const sql::AggregateCall& call,
                                                  const AccumulatorSite& site);
Result<std::unique_ptr<Accumulator>> make_distinct(const sql::AggregateCall& call,
                                                   const AccumulatorSite& site);
Result<std::unique_ptr<Accumulator>> make_distinct_estimate(const sql::AggregateCall& call,
                                                            const AccumulatorSite& site);

std::unexpected<Error> not_incremental(const sql::AggregateCall& call, const Type& type);

/// The part of a record at an offset.
template <class State>
State& part_of(state::Entry* group, std::size_t offset) {
  return *reinterpret_cast<State*>(group->record() + offset);
}
template <class State>
const State& part_of(const std::byte* record, std::size_t offset) {
  return *reinterpret_cast<const State*>(record + offset);
}

/// Calls `each(i, row)` for rows whose value in the column is not NULL.
template <class Each>
void for_each_value(const GroupRows& rows, std::size_t column, Each&& each) {
  const std::uint64_t* validity = duckdb_vector_get_validity(rows.chunk->vector(column));
  if (validity == nullptr) {
    for (std::size_t i = 0; i < rows.rows.size(); ++i) each(i, rows.rows[i]);
    return;
  }
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    if (is_valid(validity, rows.rows[i])) each(i, rows.rows[i]);
  }
}

/// The column's values as an array of their physical type.
template <class T>
const T* values_of(const GroupRows& rows, std::size_t column) {
  return static_cast<const T*>(duckdb_vector_get_data(rows.chunk->vector(column)));
}

}  // namespace leat::op

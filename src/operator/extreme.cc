#include <cmath>
#include <type_traits>

#include "operator/accumulator.h"
#include "operator/number_column.h"
#include "operator/stored_value.h"
#include "operator/value_counts.h"

namespace leat::op {
namespace {

using Function = sql::AggregateCall::Function;

/// DuckDB's order: NaN above everything.
template <class T>
bool less(T left, T right) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(right)) return !std::isnan(left);
  }
  return left < right;
}

/// min and max of values of fixed width that only grow in number.
template <class T>
class PlainExtreme final : public Accumulator {
 public:
  PlainExtreme(std::size_t offset, std::size_t argument, bool greatest, const Type& type)
      : offset_(offset), argument_(argument), greatest_(greatest), shape_(VectorShape::of(type)) {}

  Status update(const GroupRows& rows) override {
    return greatest_ ? update_as<true>(rows) : update_as<false>(rows);
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    VectorWriter results(shape_, out.vector(column));
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto& state = part_of<State>(records[i], offset_);
      if (state.present == 0) {
        results.set_null(i);
      } else {
        results.set(i, state.value);
      }
    }
    return {};
  }

  Status combine(const GroupParts& parts) override {
    for (std::size_t i = 0; i < parts.parts.size(); ++i) {
      const auto& part = part_of<State>(parts.parts[i], offset_);
      if (part.present != 0) take(part_of<State>(parts.groups[i], offset_), part.value, greatest_);
    }
    return {};
  }

  struct State {
    std::uint64_t present;
    T value;
  };

 private:
  template <bool greatest>
  Status update_as(const GroupRows& rows) {
    const T* values = values_of<T>(rows, argument_);
    for_each_value(rows, argument_, [&](std::size_t i, std::uint32_t row) {
      take(part_of<State>(rows.groups[i], offset_), values[row], greatest);
    });
    return {};
  }
  static void take(State& state, T value, bool greatest) {
    if (state.present == 0 || (greatest ? less(state.value, value) : less(value, state.value))) {
      state.present = 1;
      state.value = value;
    }
  }

  const std::size_t offset_;
  const std::size_t argument_;
  const bool greatest_;
  const VectorShape shape_;
};

/// min, max, arg_min and arg_max of any type over rows that are only added. By the bytes of keys,
/// whose order is that of the values.
class EncodedExtreme final : public Accumulator {
 public:
  EncodedExtreme(const sql::AggregateCall& call, const AccumulatorSite& site, bool greatest)
      : columns_(call.arguments),
        greatest_(greatest),
        by_place_(site.record.add_blob()),
        by_encoding_(site.encode(Encoding::Kind::key, {call.arguments.back()})),
        values_(site.type_of(call.arguments.front())),
        selections_(site.shards) {
    if (columns_.size() == 1) return;
    value_place_ = site.record.add_blob();
    value_encoding_ = site.encode(Encoding::Kind::row, {call.arguments.front()});
  }

  Status update(const GroupRows& all) override {
    const GroupRows rows = without_null(all, columns_, selections_[all.shard]);
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      const std::uint32_t row = rows.rows[i];
      take(*rows.table, rows.groups[i], (*rows.encoded)[by_encoding_][row],
           value_place_ ? (*rows.encoded)[value_encoding_][row] : std::string_view());
    }
    return {};
  }

  Status combine(const GroupParts& parts) override {
    for (std::size_t i = 0; i < parts.parts.size(); ++i) {
      const std::string_view by = part_of<state::Blob>(parts.parts[i], by_place_.offset).view();
      if (by.empty()) continue;
      take(*parts.table, parts.groups[i], by,
           value_place_ ? part_of<state::Blob>(parts.parts[i], value_place_->offset).view()
                        : std::string_view());
    }
    return {};
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    if (value_place_) {
      return values_.write_rows(
          records,
          [&](const std::byte* record) {
            return part_of<state::Blob>(record, value_place_->offset).view();
          },
          out, column);
    }
    return values_.write_keys(
        records,
        [&](const std::byte* record) {
          return part_of<state::Blob>(record, by_place_.offset).view();
        },
        out, column);
  }

 private:
  void take(state::KeyedShard& table, state::Entry* group, std::string_view by,
            std::string_view value) const {
    const std::string_view best = part_of<state::Blob>(group, by_place_.offset).view();
    if (!best.empty() && !(greatest_ ? best < by : by < best)) return;
    table.set_blob(group, by_place_.index, by);
    if (value_place_) table.set_blob(group, value_place_->index, value);
  }

  const std::vector<std::size_t> columns_;
  const bool greatest_;
  const RecordBuilder::BlobPlace by_place_;
  const std::size_t by_encoding_;
  std::optional<RecordBuilder::BlobPlace> value_place_;
  std::size_t value_encoding_ = 0;
  const StoredValues values_;
  std::vector<RowSelection> selections_;
};

/// The same where values are taken back: an ordered multiset of all of them beside the group, and
/// the one at the edge in the group's record. For arg_min and arg_max a value is what it goes by,
/// then the result, then the length of the first part; rows that tie are taken in order of the
/// result, because a view's rows have no order of arrival.
class RetractableExtreme final : public Accumulator {
 public:
  RetractableExtreme(const sql::AggregateCall& call, const AccumulatorSite& site, bool greatest)
      : columns_(call.arguments),
        greatest_(greatest),
        counts_(site, true),
        place_(site.record.add_blob()),
        by_encoding_(site.encode(Encoding::Kind::key, {call.arguments.back()})),
        value_encoding_(site.encode(Encoding::Kind::key, {call.arguments.front()})),
        values_(site.type_of(call.arguments.front())),
        scratch_(site.shards) {}

  Status update(const GroupRows& all) override {
    Scratch& scratch = scratch_[all.shard];
    const GroupRows rows = without_null(all, columns_, scratch.selection);
    scratch.search.clear();
    scratch.bytes.clear();
    const auto value_of = [&](std::size_t i, std::string& out) { append_value(rows, i, out); };
    const auto each = [&](std::size_t i, ValueCounts::Turn turn) {
      if (turn == ValueCounts::Turn::none) return;
      scratch.bytes.clear();
      append_value(rows, i, scratch.bytes);
      state::Entry* group = rows.groups[i];
      const std::string_view best = part_of<state::Blob>(group, place_.offset).view();
      if (turn == ValueCounts::Turn::disappeared) {
        if (best == scratch.bytes) scratch.search.push_back(group);
      } else if (best.empty() || (greatest_ ? best < scratch.bytes : scratch.bytes < best)) {
        rows.table->set_blob(group, place_.index, scratch.bytes);
      }
    };
    LEAT_TRY(counts_.apply(rows, value_of, each));
    // Looked for once a group and chunk, however many values went.
    std::sort(scratch.search.begin(), scratch.search.end());
    const auto end = std::unique(scratch.search.begin(), scratch.search.end());
    for (auto group = scratch.search.begin(); group != end; ++group) {
      const std::optional<std::string> edge =
          LEAT_TRY(counts_.edge(rows.shard, rows.table->key_of(*group), greatest_));
      rows.table->set_blob(*group, place_.index, edge ? *edge : std::string_view());
    }
    return {};
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    const auto value_of = [&](const std::byte* record) {
      std::string_view value = part_of<state::Blob>(record, place_.offset).view();
      if (columns_.size() == 1 || value.empty()) return value;
      std::uint32_t by_size;
      std::memcpy(&by_size, value.data() + value.size() - sizeof by_size, sizeof by_size);
      value.remove_suffix(sizeof by_size);
      return value.substr(by_size);
    };
    return values_.write_keys(records, value_of, out, column);
  }

 private:
  struct Scratch {
    RowSelection selection;
    std::vector<state::Entry*> search;
    std::string bytes;
  };

  void append_value(const GroupRows& rows, std::size_t i, std::string& out) const {
    const std::string_view by = (*rows.encoded)[by_encoding_][rows.rows[i]];
    out.append(by);
    if (columns_.size() == 1) return;
    out.append((*rows.encoded)[value_encoding_][rows.rows[i]]);
    const auto by_size = static_cast<std::uint32_t>(by.size());
    out.append(reinterpret_cast<const char*>(&by_size), sizeof by_size);
  }

  const std::vector<std::size_t> columns_;
  const bool greatest_;
  ValueCounts counts_;
  const RecordBuilder::BlobPlace place_;
  const std::size_t by_encoding_;
  const std::size_t value_encoding_;
  const StoredValues values_;
  std::vector<Scratch> scratch_;
};

template <class T>
std::unique_ptr<Accumulator> plain_extreme(std::size_t argument, bool greatest,
                                           const AccumulatorSite& site) {
  const std::size_t offset = site.record.add(sizeof(typename PlainExtreme<T>::State));
  return std::make_unique<PlainExtreme<T>>(offset, argument, greatest, site.type_of(argument));
}

/// Null for types that have no plain form.
std::unique_ptr<Accumulator> make_plain_extreme(std::size_t argument, bool greatest,
                                                const AccumulatorSite& site) {
  const Type& type = site.type_of(argument);
  switch (type.id()) {
    case DUCKDB_TYPE_DOUBLE:
      return plain_extreme<double>(argument, greatest, site);
    case DUCKDB_TYPE_FLOAT:
      return plain_extreme<float>(argument, greatest, site);
    case DUCKDB_TYPE_DATE:
      return plain_extreme<std::int32_t>(argument, greatest, site);
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return plain_extreme<std::int64_t>(argument, greatest, site);
    default:
      break;
  }
  std::unique_ptr<Accumulator> made;
  with_whole_number(type, [&]<class T>() {
    if constexpr (sizeof(T) <= 8) made = plain_extreme<T>(argument, greatest, site);
  });
  return made;
}

}  // namespace

Result<std::unique_ptr<Accumulator>> make_extreme(const sql::AggregateCall& call,
                                                  const AccumulatorSite& site) {
  const bool greatest = call.function == Function::max || call.function == Function::arg_max;
  // DuckDB puts NULL last inside of lists and structs, keys put it first.
  const Type& by = site.type_of(call.arguments.back());
  const VectorShape::Kind kind = VectorShape::of(by).kind;
  if (kind != VectorShape::Kind::fixed && kind != VectorShape::Kind::text) {
    return not_incremental(call, by);
  }
  if (site.weighted) return std::make_unique<RetractableExtreme>(call, site, greatest);
  if (call.arguments.size() == 1) {
    std::unique_ptr<Accumulator> plain = make_plain_extreme(call.arguments[0], greatest, site);
    if (plain) return plain;
  }
  return std::make_unique<EncodedExtreme>(call, site, greatest);
}

}  // namespace leat::op

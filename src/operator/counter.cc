#include "operator/accumulator.h"

namespace leat::op {
namespace {

using Function = sql::AggregateCall::Function;

struct Count {
  std::int64_t rows;
};

/// count(*) and count(x).
class Counter final : public Accumulator {
 public:
  Counter(std::size_t offset, std::optional<std::size_t> argument)
      : offset_(offset), argument_(argument) {}

  Status update(const GroupRows& rows) override {
    const auto add = [&](std::size_t i, std::uint32_t) {
      part_of<Count>(rows.groups[i], offset_).rows += rows.weight(i);
    };
    if (argument_) {
      for_each_value(rows, *argument_, add);
    } else {
      for (std::size_t i = 0; i < rows.rows.size(); ++i) add(i, rows.rows[i]);
    }
    return {};
  }

  Status combine(const GroupParts& parts) override {
    for (std::size_t i = 0; i < parts.parts.size(); ++i) {
      part_of<Count>(parts.groups[i], offset_).rows += part_of<Count>(parts.parts[i], offset_).rows;
    }
    return {};
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    auto* results = static_cast<std::int64_t*>(duckdb_vector_get_data(out.vector(column)));
    for (std::size_t i = 0; i < records.size(); ++i) {
      results[i] = part_of<Count>(records[i], offset_).rows;
    }
    return {};
  }

 private:
  const std::size_t offset_;
  const std::optional<std::size_t> argument_;
};

struct Truths {
  std::int64_t yes;
  std::int64_t no;
};

/// bool_and and bool_or, by how many of each there are.
class BooleanAccumulator final : public Accumulator {
 public:
  BooleanAccumulator(std::size_t offset, std::size_t argument, bool all, const Type& result)
      : offset_(offset), argument_(argument), all_(all), shape_(VectorShape::of(result)) {}

  Status update(const GroupRows& rows) override {
    const auto* values = values_of<bool>(rows, argument_);
    for_each_value(rows, argument_, [&](std::size_t i, std::uint32_t row) {
      auto& truths = part_of<Truths>(rows.groups[i], offset_);
      (values[row] ? truths.yes : truths.no) += rows.weight(i);
    });
    return {};
  }

  Status combine(const GroupParts& parts) override {
    for (std::size_t i = 0; i < parts.parts.size(); ++i) {
      const auto& part = part_of<Truths>(parts.parts[i], offset_);
      auto& truths = part_of<Truths>(parts.groups[i], offset_);
      truths.yes += part.yes;
      truths.no += part.no;
    }
    return {};
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    VectorWriter results(shape_, out.vector(column));
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto& truths = part_of<Truths>(records[i], offset_);
      if (truths.yes == 0 && truths.no == 0) {
        results.set_null(i);
      } else {
        results.set(i, all_ ? truths.no == 0 : truths.yes != 0);
      }
    }
    return {};
  }

 private:
  const std::size_t offset_;
  const std::size_t argument_;
  const bool all_;
  const VectorShape shape_;
};

}  // namespace

Result<std::unique_ptr<Accumulator>> make_counter(const sql::AggregateCall& call,
                                                  const AccumulatorSite& site) {
  if (call.function == Function::count_star || call.function == Function::count) {
    // count(*) over all of a group's rows is what the record counts anyway.
    const bool all_rows = call.function == Function::count_star && !call.filter;
    const std::size_t offset = all_rows ? group_rows_offset : site.record.add(sizeof(Count));
    if (all_rows) {
      class RowsOfGroup final : public Accumulator {
       public:
        Status update(const GroupRows&) override { return {}; }
        Status combine(const GroupParts&) override { return {}; }
        Status finalise(std::span<const std::byte* const> records, Chunk& out,
                        std::size_t column) const override {
          return Counter(group_rows_offset, std::nullopt).finalise(records, out, column);
        }
      };
      return std::make_unique<RowsOfGroup>();
    }
    const bool of_argument = call.function == Function::count;
    return std::make_unique<Counter>(offset,
                                     of_argument ? std::optional(call.arguments[0]) : std::nullopt);
  }
  const Type& type = site.type_of(call.arguments[0]);
  if (type.id() != DUCKDB_TYPE_BOOLEAN) return not_incremental(call, type);
  return std::make_unique<BooleanAccumulator>(site.record.add(sizeof(Truths)), call.arguments[0],
                                              call.function == Function::bool_and, call.result);
}

}  // namespace leat::op

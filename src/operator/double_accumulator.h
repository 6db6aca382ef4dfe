#pragma once

#include <optional>

#include "operator/number_column.h"

namespace leat::op {

/// A function of numbers read as doubles. `State` is its part of a group's record: add(value,
/// weight) takes a value in or back, add(State) where it has that another part's values,
/// result(form) gives the result, nothing for NULL; all zeros is no value.
template <class State>
class DoubleAccumulator final : public Accumulator {
 public:
  using Form = typename State::Form;

  DoubleAccumulator(const AccumulatorSite& site, std::size_t argument, Form form)
      : offset_(site.record.add(sizeof(State))),
        argument_(argument),
        form_(form),
        reader_(site.type_of(argument)),
        shape_(VectorShape::of(Type::of(DUCKDB_TYPE_DOUBLE))) {}

  Status update(const GroupRows& rows) override {
    reader_.for_each(rows, argument_, [&](std::size_t i, std::uint32_t, double value) {
      part_of<State>(rows.groups[i], offset_).add(value, rows.weight(i));
    });
    return {};
  }

  Status combine(const GroupParts& parts) override {
    if constexpr (requires(State & state) { state.add(state); }) {
      for (std::size_t i = 0; i < parts.parts.size(); ++i) {
        part_of<State>(parts.groups[i], offset_).add(part_of<State>(parts.parts[i], offset_));
      }
      return {};
    } else {
      return Accumulator::combine(parts);
    }
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    VectorWriter results(shape_, out.vector(column));
    for (std::size_t i = 0; i < records.size(); ++i) {
      const std::optional<double> result = part_of<State>(records[i], offset_).result(form_);
      if (result) {
        results.set(i, *result);
      } else {
        results.set_null(i);
      }
    }
    return {};
  }

 private:
  const std::size_t offset_;
  const std::size_t argument_;
  const Form form_;
  const DoubleReader reader_;
  const VectorShape shape_;
};

}  // namespace leat::op

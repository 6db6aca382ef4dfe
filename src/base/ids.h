#pragma once

#include <compare>
#include <cstdint>
#include <functional>

#include <fmt/format.h>

namespace leat {

/// A number that can't be mixed up with another kind of number: offsets, epochs and partitions are
/// types of their own.
template <class Tag, class Number>
class Named {
 public:
  constexpr Named() = default;
  constexpr explicit Named(Number value) : value_(value) {}

  constexpr Number value() const { return value_; }
  constexpr auto operator<=>(const Named&) const = default;
  constexpr Named& operator++() {
    ++value_;
    return *this;
  }
  constexpr Named operator+(Number delta) const { return Named(value_ + delta); }
  constexpr Number operator-(Named other) const { return value_ - other.value_; }

 private:
  Number value_ = 0;
};

/// A record's place in its partition: consecutive from 0 in a topic, a byte position in a file.
using Offset = Named<struct OffsetTag, std::int64_t>;
/// A partition of a topic, from 0.
using Partition = Named<struct PartitionTag, std::int32_t>;
/// One turn of the engine; 0 is before the first.
using Epoch = Named<struct EpochTag, std::uint64_t>;

}  // namespace leat

template <class Tag, class Number>
struct std::hash<leat::Named<Tag, Number>> {
  std::size_t operator()(leat::Named<Tag, Number> id) const {
    return std::hash<Number>()(id.value());
  }
};

template <class Tag, class Number>
struct fmt::formatter<leat::Named<Tag, Number>> : fmt::formatter<Number> {
  auto format(leat::Named<Tag, Number> id, fmt::format_context& context) const {
    return fmt::formatter<Number>::format(id.value(), context);
  }
};

#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "connector/random.h"

namespace leat::connector {

/// Which events a Nexmark generator makes. Its values are those of the benchmark's generator
/// (github.com/nexmark/nexmark, commit 6b3646c), drawn from our own random numbers.
struct NexmarkRecipe {
  std::uint64_t seed = 0;
  TimestampMs first_ms = 0;         ///< event time of event 0
  double events_per_second = 10e6;  ///< of event time

  TimestampMs time_ms(std::uint64_t number) const {
    return first_ms +
           static_cast<TimestampMs>(static_cast<double>(number) * 1000 / events_per_second);
  }
};

/// Of 50 events in a row the first is a person, three are auctions, 46 are bids.
enum class NexmarkKind : std::uint8_t { person, auction, bid };
inline constexpr std::size_t nexmark_kinds = 3;
NexmarkKind nexmark_kind(std::uint64_t number);

/// The name of the object that holds such an event's fields.
std::string_view name_of(NexmarkKind kind);

struct NexmarkField {
  enum class Type : std::uint8_t { number, time, text };
  std::string_view name;
  Type type;
};
/// In the order in which they are written.
std::span<const NexmarkField> fields_of(NexmarkKind kind);

/// The values of one event at a time. Used by one thread.
class NexmarkEvent {
 public:
  explicit NexmarkEvent(const NexmarkRecipe& recipe) : recipe_(recipe) {}

  using Fields = std::uint32_t;  ///< bit i: field i of its kind
  static constexpr Fields all_fields = ~Fields{0};
  /// Makes these fields of event `number`; what the others say is open.
  void make(std::uint64_t number, Fields fields = all_fields);

  NexmarkKind kind() const { return nexmark_kind(number_); }
  /// Times are in epoch milliseconds.
  std::uint64_t number(std::size_t field) const { return numbers_[field]; }
  /// It stays until the next event.
  std::string_view text(std::size_t field) const { return texts_[field]; }

 private:
  static constexpr std::size_t fields_max = 10;
  /// More than the texts of the longest event take, and the letters that are written too many.
  static constexpr std::size_t text_bytes_max = 2048;

  bool wants_next() const { return (wanted_ >> next_ & 1) != 0; }
  void add(std::uint64_t number) { numbers_[next_++] = number; }
  void add(std::string_view text) { texts_[next_++] = text; }
  void write(std::string_view piece);
  void write(std::uint64_t number);
  void write_letters(Random& random, std::uint64_t count);
  /// What was written from `begin` on.
  void add_from(const char* begin) { add(std::string_view(begin, end_)); }
  std::uint64_t add_letters(std::uint64_t count);
  std::uint64_t add_some_letters(std::uint64_t min, std::uint64_t end);
  void add_extra(std::uint64_t size, std::uint64_t average);
  std::uint64_t add_price(std::uint64_t more = 0);
  void add_channel();
  void write_address(Random& fixed);
  std::uint64_t time() const { return static_cast<std::uint64_t>(recipe_.time_ms(number_)); }
  std::uint64_t expires();
  std::uint64_t bid_auction();
  std::uint64_t some_person(std::uint64_t place);
  void make_person();
  void make_auction();
  void make_bid();

  const NexmarkRecipe recipe_;
  std::uint64_t number_ = 0;
  Fields wanted_ = 0;
  Random random_{0, 0};
  std::size_t next_ = 0;  // field
  std::array<std::uint64_t, fields_max> numbers_{};
  std::array<std::string_view, fields_max> texts_{};
  std::array<char, text_bytes_max> buffer_;
  char* end_ = nullptr;  // of what is written to it
};

/// Appends event `number` as one JSON object without a newline. Pure: any thread.
void append_nexmark_event(const NexmarkRecipe& recipe, std::uint64_t number, std::string& out);

}  // namespace leat::connector

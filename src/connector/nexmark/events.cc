#include "connector/nexmark/events.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "connector/random.h"

namespace leat::connector {
namespace {

constexpr std::uint64_t period = 50, auctions_a_period = 3;
constexpr std::uint64_t first_id = 1000;
constexpr std::uint64_t first_category = 10, categories = 5;
/// Every one of so many auctions and people is a hot one.
constexpr std::uint64_t hot_every = 100;
constexpr std::uint64_t auctions_in_flight = 100, auctions_ahead = 10;
constexpr std::uint64_t people_active = 1000, people_ahead = 10;
constexpr std::uint64_t cached_channels = 10'000;
/// Characters that an event has on average, without its keys.
constexpr std::uint64_t person_size = 200, auction_size = 500, bid_size = 100;
constexpr std::uint64_t number_size = 8, email_size = 17, card_size = 19;

constexpr std::array<std::string_view, 11> first_names = {
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"};
constexpr std::array<std::string_view, 9> last_names = {
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"};
constexpr std::array<std::string_view, 10> cities = {
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
    "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
constexpr std::array<std::string_view, 6> states = {"AZ", "CA", "ID", "OR", "WA", "WY"};
constexpr std::array<std::string_view, 4> hot_channels = {"Google", "Facebook", "Baidu", "Apple"};

/// More than the longest event takes, and the letters that are written too many.
constexpr std::size_t event_bytes_max = 2048;

/// Lanes of random numbers that belong to something else than one event.
constexpr std::uint64_t channel_numbers = std::uint64_t{1} << 62;

/// The newest auction when an auction or bid happens, and the newest person, counted from 0.
std::uint64_t last_auction(std::uint64_t number) {
  return number / period * auctions_a_period + std::min(number % period, auctions_a_period) - 1;
}
std::uint64_t last_person(std::uint64_t number) { return number / period; }

std::uint32_t reversed_bits(std::uint32_t bits) {
  bits = (bits >> 1 & 0x55555555) | (bits & 0x55555555) << 1;
  bits = (bits >> 2 & 0x33333333) | (bits & 0x33333333) << 2;
  bits = (bits >> 4 & 0x0f0f0f0f) | (bits & 0x0f0f0f0f) << 4;
  return __builtin_bswap32(bits);
}

class EventWriter {
 public:
  EventWriter(const NexmarkRecipe& recipe, std::uint64_t number)
      : recipe_(recipe), number_(number), random_(recipe.seed, number) {}

  std::string_view write() {
    event();
    return {buffer_.data(), end_};
  }

 private:
  void event() {
    switch (nexmark_kind(number_)) {
      case NexmarkKind::person:
        return person();
      case NexmarkKind::auction:
        return auction();
      case NexmarkKind::bid:
        return bid();
    }
  }

  void text(std::string_view text) {
    std::memcpy(end_, text.data(), text.size());
    end_ += text.size();
  }
  void number(std::uint64_t value) { end_ = std::to_chars(end_, buffer_.end(), value).ptr; }
  void field(std::string_view key, std::uint64_t value) {
    text(key);
    number(value);
  }
  /// Eight letters of each random number: each byte times 26, of which the upper byte counts.
  void letters(Random& random, std::uint64_t count) {
    constexpr std::uint64_t even = 0x00ff00ff00ff00ff;
    for (std::uint64_t i = 0; i < count; i += 8) {
      const std::uint64_t bits = random.next();
      const std::uint64_t low = (bits & even) * 26 >> 8 & even;
      const std::uint64_t high = (bits >> 8 & even) * 26 & ~even;
      const std::uint64_t eight = (low | high) + 0x6161616161616161;  // 'a' each
      std::memcpy(end_ + i, &eight, sizeof eight);
    }
    end_ += count;
  }
  void letters(std::uint64_t count) { letters(random_, count); }
  /// From `min` up to one less than `end` letters.
  std::uint64_t some_letters(std::uint64_t min, std::uint64_t end) {
    const std::uint64_t count = min + random_.below(end - min);
    letters(count);
    return count;
  }
  /// Letters that bring an event of `size` characters to about the average, a fifth more or less.
  void extra(std::uint64_t size, std::uint64_t average) {
    text(R"(,"extra":")");
    if (size < average) {
      const std::uint64_t wanted = average - size;
      const auto spread = static_cast<std::uint64_t>(std::llround(static_cast<double>(wanted) / 5));
      letters(wanted - spread + (spread == 0 ? 0 : random_.below(2 * spread)));
    }
    text("\"}}");
  }
  std::uint64_t time() const { return static_cast<std::uint64_t>(recipe_.time_ms(number_)); }

  std::uint64_t price() {
    const double unit = static_cast<double>(random_.next() >> 11) * 0x1p-53;
    return static_cast<std::uint64_t>(std::llround(std::pow(10.0, unit * 6) * 100));
  }
  /// Mostly the hot person, `place` behind the first of so many; else one of those who are active
  /// or will be soon.
  std::uint64_t some_person(std::uint64_t place) {
    if (random_.below(4) > 0) return last_person(number_) / hot_every * hot_every + place;
    const std::uint64_t people = last_person(number_) + 1;
    const std::uint64_t active = std::min(people, people_active);
    return people - active + random_.below(active + people_ahead);
  }

  void person() {
    const std::string_view first = random_.pick(first_names), last = random_.pick(last_names);
    const std::string_view city = random_.pick(cities), state = random_.pick(states);
    field(R"({"event_type":0,"person":{"id":)", last_person(number_) + first_id);
    text(R"(,"name":")");
    text(first);
    text(" ");
    text(last);
    text(R"(","emailAddress":")");
    letters(7);
    text("@");
    letters(5);
    text(R"(.com","creditCard":")");
    for (int group = 0; group < 4; ++group) {
      if (group > 0) text(" ");
      char digits[5];
      std::to_chars(digits, std::end(digits), 10'000 + random_.below(10'000));
      text({digits + 1, 4});
    }
    text(R"(","city":")");
    text(city);
    text(R"(","state":")");
    text(state);
    field(R"(","dateTime":)", time());
    const std::uint64_t name = first.size() + 1 + last.size();
    extra(number_size + name + email_size + card_size + city.size() + state.size(), person_size);
  }

  void auction() {
    field(R"({"event_type":1,"auction":{"id":)", last_auction(number_) + first_id);
    text(R"(,"itemName":")");
    std::uint64_t size = some_letters(3, 20);
    text(R"(","description":")");
    size += some_letters(3, 100);
    const std::uint64_t initial = price();
    field(R"(","initialBid":)", initial);
    field(R"(,"reserve":)", initial + price());
    field(R"(,"dateTime":)", time());
    field(R"(,"expires":)", expires());
    field(R"(,"seller":)", some_person(0) + first_id);
    field(R"(,"category":)", first_category + random_.below(categories));
    extra(size + 6 * number_size, auction_size);
  }

  /// Up to twice the time that it takes until as many auctions as are in flight have come.
  std::uint64_t expires() {
    const std::uint64_t events = auctions_in_flight * period / auctions_a_period;
    const auto horizon = static_cast<std::uint64_t>(recipe_.time_ms(number_ + events)) - time();
    return time() + 1 + random_.below(std::max<std::uint64_t>(2 * horizon, 1));
  }

  void bid() {
    field(R"({"event_type":2,"bid":{"auction":)", bid_auction() + first_id);
    // The benchmark's generator adds the first id twice: bidders begin at 2000.
    field(R"(,"bidder":)", some_person(1) + 2 * first_id);
    field(R"(,"price":)", price());
    channel();
    field(R"(","dateTime":)", time());
    extra(4 * number_size, bid_size);
  }

  std::uint64_t bid_auction() {
    const std::uint64_t last = last_auction(number_);
    if (random_.below(2) > 0) return last / hot_every * hot_every;
    const std::uint64_t first = last > auctions_in_flight ? last - auctions_in_flight : 0;
    return first + random_.below(last - first + 1 + auctions_ahead);
  }

  void channel() {
    text(R"(,"channel":")");
    if (random_.below(2) > 0) {
      const std::uint64_t hot = random_.below(hot_channels.size());
      text(hot_channels[hot]);
      Random fixed(recipe_.seed, channel_numbers + cached_channels + hot);
      return address(fixed);
    }
    const std::uint64_t number = random_.below(cached_channels);
    field("channel-", number);
    Random fixed(recipe_.seed, channel_numbers + number);
    address(fixed);
    if (fixed.below(10) == 0) return;
    // As Java's Math.abs of Integer.reverse.
    const auto reversed =
        static_cast<std::int32_t>(reversed_bits(static_cast<std::uint32_t>(number)));
    field("&channel_id=", static_cast<std::uint64_t>(std::abs(std::int64_t{reversed})));
  }

  void address(Random& fixed) {
    text(R"(","url":"https://www.nexmark.com/)");
    for (int part = 0; part < 3; ++part) {
      letters(fixed, 3 + fixed.below(2));
      text("/");
    }
    text("item.htm?query=1");
  }

  const NexmarkRecipe& recipe_;
  const std::uint64_t number_;
  Random random_;
  std::array<char, event_bytes_max> buffer_;
  char* end_ = buffer_.data();
};

}  // namespace

NexmarkKind nexmark_kind(std::uint64_t number) {
  const std::uint64_t place = number % period;
  if (place == 0) return NexmarkKind::person;
  return place <= auctions_a_period ? NexmarkKind::auction : NexmarkKind::bid;
}

void append_nexmark_event(const NexmarkRecipe& recipe, std::uint64_t number, std::string& out) {
  out.append(EventWriter(recipe, number).write());
}

}  // namespace leat::connector

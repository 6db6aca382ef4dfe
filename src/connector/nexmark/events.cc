#include "connector/nexmark/events.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"

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

/// More than the longest event takes, and what is written too much.
constexpr std::size_t json_bytes_max = 2048;

using enum NexmarkField::Type;
constexpr std::array<NexmarkField, 8> person_fields = {{{"id", number},
                                                        {"name", text},
                                                        {"emailAddress", text},
                                                        {"creditCard", text},
                                                        {"city", text},
                                                        {"state", text},
                                                        {"dateTime", time},
                                                        {"extra", text}}};
constexpr std::array<NexmarkField, 10> auction_fields = {{{"id", number},
                                                          {"itemName", text},
                                                          {"description", text},
                                                          {"initialBid", number},
                                                          {"reserve", number},
                                                          {"dateTime", time},
                                                          {"expires", time},
                                                          {"seller", number},
                                                          {"category", number},
                                                          {"extra", text}}};
constexpr std::array<NexmarkField, 7> bid_fields = {{{"auction", number},
                                                     {"bidder", number},
                                                     {"price", number},
                                                     {"channel", text},
                                                     {"url", text},
                                                     {"dateTime", time},
                                                     {"extra", text}}};

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

std::uint64_t price_of(std::uint64_t bits) {
  const double unit = static_cast<double>(bits >> 11) * 0x1p-53;
  return static_cast<std::uint64_t>(std::llround(std::pow(10.0, unit * 6) * 100));
}

/// Text that is written as one piece of a fixed size, of which so many bytes count.
struct JsonKey {
  std::array<char, 64> bytes{};
  std::size_t size;

  explicit JsonKey(std::string_view key) : size(key.size()) {
    LEAT_CHECK(size <= bytes.size());
    std::ranges::copy(key, bytes.begin());
  }
};

/// What stands before each field of an event, and at its end.
std::vector<JsonKey> json_keys(NexmarkKind kind) {
  std::vector<JsonKey> keys;
  std::string before =
      fmt::format(R"({{"event_type":{},"{}":{{)", static_cast<int>(kind), name_of(kind));
  for (const NexmarkField& field : fields_of(kind)) {
    keys.emplace_back(
        fmt::format(R"({}"{}":{})", before, field.name, field.type == text ? "\"" : ""));
    before = field.type == text ? "\"," : ",";
  }
  keys.emplace_back("\"}}");
  return keys;
}

}  // namespace

NexmarkKind nexmark_kind(std::uint64_t number) {
  const std::uint64_t place = number % period;
  if (place == 0) return NexmarkKind::person;
  return place <= auctions_a_period ? NexmarkKind::auction : NexmarkKind::bid;
}

std::string_view name_of(NexmarkKind kind) {
  constexpr std::array<std::string_view, nexmark_kinds> names = {"person", "auction", "bid"};
  return names[static_cast<std::size_t>(kind)];
}

std::span<const NexmarkField> fields_of(NexmarkKind kind) {
  switch (kind) {
    case NexmarkKind::person:
      return person_fields;
    case NexmarkKind::auction:
      return auction_fields;
    case NexmarkKind::bid:
      break;
  }
  return bid_fields;
}

void NexmarkEvent::make(std::uint64_t number, Fields fields) {
  number_ = number;
  wanted_ = fields;
  random_ = Random(recipe_.seed, number);
  next_ = 0;
  end_ = buffer_.data();
  switch (kind()) {
    case NexmarkKind::person:
      return make_person();
    case NexmarkKind::auction:
      return make_auction();
    case NexmarkKind::bid:
      return make_bid();
  }
}

void NexmarkEvent::write(std::string_view piece) {
  std::memcpy(end_, piece.data(), piece.size());
  end_ += piece.size();
}

void NexmarkEvent::write(std::uint64_t number) {
  end_ = std::to_chars(end_, buffer_.data() + buffer_.size(), number).ptr;
}

/// Eight letters of each random number: each byte times 26, of which the upper byte counts.
void NexmarkEvent::write_letters(Random& random, std::uint64_t count) {
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

std::uint64_t NexmarkEvent::add_letters(std::uint64_t count) {
  const char* const begin = end_;
  if (wants_next()) {
    write_letters(random_, count);
  } else {
    random_.skip((count + 7) / 8);
  }
  add_from(begin);
  return count;
}

/// From `min` up to one less than `end` letters.
std::uint64_t NexmarkEvent::add_some_letters(std::uint64_t min, std::uint64_t end) {
  return add_letters(min + random_.below(end - min));
}

/// Letters that bring an event of `size` characters to about the average, a fifth more or less.
void NexmarkEvent::add_extra(std::uint64_t size, std::uint64_t average) {
  if (size >= average) return add({});
  const std::uint64_t wanted = average - size;
  const auto spread = static_cast<std::uint64_t>(std::llround(static_cast<double>(wanted) / 5));
  add_letters(wanted - spread + (spread == 0 ? 0 : random_.below(2 * spread)));
}

/// And so much more.
std::uint64_t NexmarkEvent::add_price(std::uint64_t more) {
  const std::uint64_t bits = random_.next();
  const std::uint64_t price = wants_next() ? price_of(bits) : 0;
  add(price + more);
  return price;
}

/// Mostly the hot person, `place` behind the first of so many; else one of those who are active
/// or will be soon.
std::uint64_t NexmarkEvent::some_person(std::uint64_t place) {
  if (random_.below(4) > 0) return last_person(number_) / hot_every * hot_every + place;
  const std::uint64_t people = last_person(number_) + 1;
  const std::uint64_t active = std::min(people, people_active);
  return people - active + random_.below(active + people_ahead);
}

void NexmarkEvent::make_person() {
  const std::string_view first = random_.pick(first_names), last = random_.pick(last_names);
  const std::string_view city = random_.pick(cities), state = random_.pick(states);
  add(last_person(number_) + first_id);
  const char* begin = end_;
  write(first);
  write(" ");
  write(last);
  add_from(begin);
  begin = end_;
  write_letters(random_, 7);
  write("@");
  write_letters(random_, 5);
  write(".com");
  add_from(begin);
  begin = end_;
  for (int group = 0; group < 4; ++group) {
    if (group > 0) write(" ");
    char digits[5];
    std::to_chars(digits, std::end(digits), 10'000 + random_.below(10'000));
    write({digits + 1, 4});
  }
  add_from(begin);
  add(city);
  add(state);
  add(time());
  const std::uint64_t name = first.size() + 1 + last.size();
  add_extra(number_size + name + email_size + card_size + city.size() + state.size(), person_size);
}

void NexmarkEvent::make_auction() {
  add(last_auction(number_) + first_id);
  std::uint64_t size = add_some_letters(3, 20);
  size += add_some_letters(3, 100);
  if ((wanted_ >> next_ & 2) != 0) wanted_ |= Fields{1} << next_;  // the reserve is more than it
  const std::uint64_t initial = add_price();
  add_price(initial);
  add(time());
  add(expires());
  add(some_person(0) + first_id);
  add(first_category + random_.below(categories));
  add_extra(size + 6 * number_size, auction_size);
}

/// Up to twice the time that it takes until as many auctions as are in flight have come.
std::uint64_t NexmarkEvent::expires() {
  const std::uint64_t events = auctions_in_flight * period / auctions_a_period;
  const auto horizon = static_cast<std::uint64_t>(recipe_.time_ms(number_ + events)) - time();
  return time() + 1 + random_.below(std::max<std::uint64_t>(2 * horizon, 1));
}

void NexmarkEvent::make_bid() {
  add(bid_auction() + first_id);
  // The benchmark's generator adds the first id twice: bidders begin at 2000.
  add(some_person(1) + 2 * first_id);
  add_price();
  add_channel();
  add(time());
  add_extra(4 * number_size, bid_size);
}

std::uint64_t NexmarkEvent::bid_auction() {
  const std::uint64_t last = last_auction(number_);
  if (random_.below(2) > 0) return last / hot_every * hot_every;
  const std::uint64_t first = last > auctions_in_flight ? last - auctions_in_flight : 0;
  return first + random_.below(last - first + 1 + auctions_ahead);
}

/// A channel and its address.
void NexmarkEvent::add_channel() {
  const bool hot = random_.below(2) > 0;
  const std::uint64_t number = random_.below(hot ? hot_channels.size() : cached_channels);
  const char* begin = end_;
  if (hot) {
    add(hot_channels[number]);
  } else if (wants_next()) {
    write("channel-");
    write(number);
    add_from(begin);
  } else {
    add({});
  }
  if (!wants_next()) return add({});
  begin = end_;
  Random fixed(recipe_.seed, channel_numbers + number + (hot ? cached_channels : 0));
  write_address(fixed);
  if (!hot && fixed.below(10) > 0) {
    // As Java's Math.abs of Integer.reverse.
    const auto reversed =
        static_cast<std::int32_t>(reversed_bits(static_cast<std::uint32_t>(number)));
    write("&channel_id=");
    write(static_cast<std::uint64_t>(std::abs(std::int64_t{reversed})));
  }
  add_from(begin);
}

void NexmarkEvent::write_address(Random& fixed) {
  write("https://www.nexmark.com/");
  for (int part = 0; part < 3; ++part) {
    write_letters(fixed, 3 + fixed.below(2));
    write("/");
  }
  write("item.htm?query=1");
}

void append_nexmark_event(const NexmarkRecipe& recipe, std::uint64_t number, std::string& out) {
  static const std::array<std::vector<JsonKey>, nexmark_kinds> keys = {
      json_keys(NexmarkKind::person), json_keys(NexmarkKind::auction), json_keys(NexmarkKind::bid)};
  NexmarkEvent event(recipe);
  event.make(number);
  const std::span<const NexmarkField> fields = fields_of(event.kind());
  const std::vector<JsonKey>& key = keys[static_cast<std::size_t>(event.kind())];
  std::array<char, json_bytes_max> json;
  char* end = json.data();
  const auto write = [&](const JsonKey& piece) {
    std::memcpy(end, piece.bytes.data(), piece.bytes.size());
    end += piece.size;
  };
  for (std::size_t i = 0; i < fields.size(); ++i) {
    write(key[i]);
    if (fields[i].type == text) {
      std::memcpy(end, event.text(i).data(), event.text(i).size());
      end += event.text(i).size();
    } else {
      end = std::to_chars(end, json.data() + json.size(), event.number(i)).ptr;
    }
  }
  write(key.back());
  out.append(json.data(), end);
}

}  // namespace leat::connector

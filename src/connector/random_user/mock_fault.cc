#include "connector/random_user/mock_fault.h"

#include <charconv>

#include "connector/random.h"

namespace leat::connector {
namespace {

std::unexpected<Error> bad_fault(std::string_view text) {
  return user_error("bad-fault",
                    "\"{}\" is no fault; write slow:2s, status:503, malformed or cut, with @3 "
                    "behind it for every third request or %10 for one in ten by chance",
                    text);
}

/// All of `text` as a number from `min` to `max`.
template <class Number>
bool parse_number(std::string_view text, Number min, Number max, Number& number) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  return fault == std::errc() && end == text.data() + text.size() && number >= min && number <= max;
}

bool parse_delay(std::string_view text, std::chrono::milliseconds& delay) {
  std::int64_t unit = 1;
  if (text.ends_with("ms")) {
    text.remove_suffix(2);
  } else if (text.ends_with("s")) {
    unit = 1000;
    text.remove_suffix(1);
  } else {
    return false;
  }
  std::int64_t number = 0;
  if (!parse_number<std::int64_t>(text, 0, 3'600'000 / unit, number)) return false;
  delay = std::chrono::milliseconds(number * unit);
  return true;
}

}  // namespace

bool MockFault::hits(std::uint64_t request) const {
  if (every > 0) return request % every == 0;
  return Random(static_cast<std::uint64_t>(kind) + status, request).below(100) < percent;
}

Result<MockFault> parse_mock_fault(std::string_view text) {
  MockFault fault;
  std::string_view what = text;
  if (const std::size_t mark = text.find_first_of("@%"); mark != std::string_view::npos) {
    what = text.substr(0, mark);
    const std::string_view number = text.substr(mark + 1);
    if (text[mark] == '@') {
      if (!parse_number<std::uint64_t>(number, 1, 1'000'000'000, fault.every)) {
        return bad_fault(text);
      }
    } else {
      fault.every = 0;
      if (!parse_number<unsigned>(number, 0, 100, fault.percent)) return bad_fault(text);
    }
  }
  if (what == "malformed") {
    fault.kind = MockFault::Kind::malformed;
  } else if (what == "cut") {
    fault.kind = MockFault::Kind::cut;
  } else if (what.starts_with("slow:")) {
    fault.kind = MockFault::Kind::slow;
    if (!parse_delay(what.substr(5), fault.delay)) return bad_fault(text);
  } else if (what.starts_with("status:")) {
    fault.kind = MockFault::Kind::status;
    if (!parse_number<unsigned>(what.substr(7), 400, 599, fault.status)) return bad_fault(text);
  } else {
    return bad_fault(text);
  }
  return fault;
}

}  // namespace leat::connector

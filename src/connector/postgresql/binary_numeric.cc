#include "connector/postgresql/binary_numeric.h"

#include <cstdint>
#include <vector>

#include "connector/postgresql/big_endian.h"

namespace leat::connector::postgresql {
namespace {

using Uint128 = unsigned __int128;

constexpr unsigned digits_per_group = 4;
constexpr unsigned group_base = 10'000;
constexpr std::size_t groups_max = 16;  ///< of 128 bits, wherever the point is

/// `groups`: base 10,000, most significant first, without zeros at either end; `weight`: of the
/// first one.
void append_groups(const std::uint16_t* groups, std::size_t count, int weight, bool negative,
                   unsigned scale, std::string& out) {
  append_integer(static_cast<std::uint32_t>(8 + 2 * count), out);
  append_integer(static_cast<std::uint16_t>(count), out);
  append_integer(static_cast<std::uint16_t>(count == 0 ? 0 : weight), out);
  append_integer(static_cast<std::uint16_t>(negative && count != 0 ? 0x4000 : 0), out);
  append_integer(static_cast<std::uint16_t>(scale), out);
  for (std::size_t i = 0; i < count; ++i) append_integer(groups[i], out);
}

}  // namespace

void append_numeric(Uint128 magnitude, bool negative, unsigned scale, std::string& out) {
  // A group must not reach over the point, so that the fraction has whole groups.
  const unsigned groups_after = (scale + digits_per_group - 1) / digits_per_group;
  std::uint16_t groups[groups_max];
  std::size_t begin = groups_max;
  unsigned first = group_base;
  for (unsigned i = scale; i % digits_per_group != 0; ++i) first /= 10;
  unsigned padding = group_base / first;
  for (bool last = true; magnitude != 0; last = false) {
    const unsigned base = last ? first : group_base;
    unsigned digits = 0;
    if (magnitude <= UINT64_MAX) {
      const auto narrow = static_cast<std::uint64_t>(magnitude);
      digits = static_cast<unsigned>(narrow % base);
      magnitude = narrow / base;
    } else {
      digits = static_cast<unsigned>(magnitude % base);
      magnitude /= base;
    }
    groups[--begin] = static_cast<std::uint16_t>(last ? digits * padding : digits);
  }
  const int weight = static_cast<int>(groups_max - begin) - static_cast<int>(groups_after) - 1;
  std::size_t end = groups_max;
  while (end > begin && groups[end - 1] == 0) --end;
  append_groups(groups + begin, end - begin, weight, negative, scale, out);
}

void append_numeric(std::string_view text, std::string& out) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
  std::string digits((digits_per_group - whole.size() % digits_per_group) % digits_per_group, '0');
  digits += whole;
  int weight = static_cast<int>(digits.size() / digits_per_group) - 1;
  digits += fraction;
  digits.append((digits_per_group - digits.size() % digits_per_group) % digits_per_group, '0');
  std::vector<std::uint16_t> groups;
  for (std::size_t i = 0; i < digits.size(); i += digits_per_group) {
    unsigned group = 0;
    for (std::size_t k = 0; k < digits_per_group; ++k) {
      group = group * 10 + static_cast<unsigned>(digits[i + k] - '0');
    }
    if (groups.empty() && group == 0) {
      --weight;
    } else {
      groups.push_back(static_cast<std::uint16_t>(group));
    }
  }
  while (!groups.empty() && groups.back() == 0) groups.pop_back();
  append_groups(groups.data(), groups.size(), weight, negative,
                static_cast<unsigned>(fraction.size()), out);
}

}  // namespace leat::connector::postgresql

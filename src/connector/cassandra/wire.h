// The notations that all messages are made of (docs/formats/cql.md).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leat::connector::cql {

/// A number in the other byte order.
template <class Number>
Number byte_swapped(Number number) {
  if constexpr (sizeof(Number) == 1) return number;
  if constexpr (sizeof(Number) == 2) return static_cast<Number>(__builtin_bswap16(number));
  if constexpr (sizeof(Number) == 4) return static_cast<Number>(__builtin_bswap32(number));
  if constexpr (sizeof(Number) == 8) return static_cast<Number>(__builtin_bswap64(number));
}

static_assert(std::endian::native == std::endian::little);

template <class Number>
void put_number(std::string& out, Number number) {
  const Number swapped = byte_swapped(number);
  out.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
}
inline void put_byte(std::string& out, std::uint8_t number) { out += static_cast<char>(number); }
inline void put_short(std::string& out, std::uint16_t number) { put_number(out, number); }
inline void put_int(std::string& out, std::int32_t number) {
  put_number(out, static_cast<std::uint32_t>(number));
}
inline void put_long(std::string& out, std::int64_t number) {
  put_number(out, static_cast<std::uint64_t>(number));
}
/// At most 65,535 bytes.
void put_string(std::string& out, std::string_view text);
void put_long_string(std::string& out, std::string_view text);
void put_bytes(std::string& out, std::string_view bytes);
/// At most 65,535 bytes.
void put_short_bytes(std::string& out, std::string_view bytes);
void put_string_list(std::string& out, const std::vector<std::string>& list);
void put_string_map(std::string& out, const std::map<std::string, std::string>& map);
inline void put_null(std::string& out) { put_int(out, -1); }
/// Writes over the int at `position`, which was put there as a placeholder for a length.
void overwrite_int(std::string& out, std::size_t position, std::int32_t number);
void put_unsigned_vint(std::string& out, std::uint64_t number);
void put_vint(std::string& out, std::int64_t number);

/// A `bytes` value; nothing: NULL.
using Cell = std::optional<std::string_view>;

/// Takes a body apart from its front. What is missing or impossible makes it not `ok`, from then on
/// everything reads as zero or empty, so that a message is read as a whole and asked once.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  /// Everything was read, and nothing was missing.
  bool done() const { return ok_ && bytes_.empty(); }
  std::string_view rest() const { return bytes_; }
  void fail() {
    ok_ = false;
    bytes_ = {};
  }

  std::string_view take(std::size_t length) {
    if (length > bytes_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return taken;
  }
  std::uint8_t read_byte() { return number<std::uint8_t>(); }
  std::uint16_t read_short() { return number<std::uint16_t>(); }
  std::int32_t read_int() { return static_cast<std::int32_t>(number<std::uint32_t>()); }
  std::int64_t read_long() { return static_cast<std::int64_t>(number<std::uint64_t>()); }
  std::string_view read_string() { return take(read_short()); }
  Cell read_bytes() {
    const std::int32_t length = read_int();
    if (length < 0) return std::nullopt;
    return take(static_cast<std::size_t>(length));
  }
  std::string_view read_short_bytes() { return take(read_short()); }
  std::vector<std::string> read_string_list();
  std::map<std::string, std::vector<std::string>> read_string_multimap();
  /// "127.0.0.1" or "::1", and its port.
  std::pair<std::string, std::uint16_t> read_inet();
  std::string read_inet_address();
  std::uint64_t read_unsigned_vint();
  std::int64_t read_vint();
  /// A count of things that take `bytes_each` bytes at least; not `ok` when they can't be there.
  std::size_t read_count(std::size_t bytes_each);

 private:
  template <class Number>
  Number number() {
    Number read{};
    const std::string_view taken = take(sizeof read);
    if (taken.size() == sizeof read) std::memcpy(&read, taken.data(), sizeof read);
    return byte_swapped(read);
  }

  std::string_view bytes_;
  bool ok_ = true;
};

/// An address of 4 or 16 bytes as text; empty when it is neither.
std::string inet_text(std::string_view address);

}  // namespace leat::connector::cql

#include "connector/cassandra/wire.h"

#include <arpa/inet.h>

#include "base/check.h"

namespace leat::connector::cql {

void put_string(std::string& out, std::string_view text) { put_short_bytes(out, text); }

void put_long_string(std::string& out, std::string_view text) { put_bytes(out, text); }

void put_bytes(std::string& out, std::string_view bytes) {
  put_int(out, static_cast<std::int32_t>(bytes.size()));
  out += bytes;
}

void put_short_bytes(std::string& out, std::string_view bytes) {
  LEAT_CHECK(bytes.size() <= UINT16_MAX);
  put_short(out, static_cast<std::uint16_t>(bytes.size()));
  out += bytes;
}

void put_string_list(std::string& out, const std::vector<std::string>& list) {
  put_short(out, static_cast<std::uint16_t>(list.size()));
  for (const std::string& text : list) put_string(out, text);
}

void put_string_map(std::string& out, const std::map<std::string, std::string>& map) {
  put_short(out, static_cast<std::uint16_t>(map.size()));
  for (const auto& [key, value] : map) {
    put_string(out, key);
    put_string(out, value);
  }
}

void overwrite_int(std::string& out, std::size_t position, std::int32_t number) {
  const std::uint32_t swapped = byte_swapped(static_cast<std::uint32_t>(number));
  std::memcpy(out.data() + position, &swapped, sizeof swapped);
}

void put_unsigned_vint(std::string& out, std::uint64_t number) {
  // As many ones lead the first byte as bytes follow it: 7 bits of the number fit in one byte, 14
  // in two, … 56 in eight, all 64 in nine.
  unsigned more = 0;
  while (more < 8 && number >> (7 * (more + 1)) != 0) ++more;
  const auto mark = static_cast<std::uint8_t>(0xFF00U >> more);
  put_byte(out, mark | (more == 8 ? 0 : static_cast<std::uint8_t>(number >> (8 * more))));
  for (unsigned i = more; i-- > 0;) put_byte(out, static_cast<std::uint8_t>(number >> (8 * i)));
}

void put_vint(std::string& out, std::int64_t number) {
  put_unsigned_vint(
      out, (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63));
}

std::uint64_t WireReader::read_unsigned_vint() {
  const std::uint8_t first = read_byte();
  const auto more = static_cast<unsigned>(std::countl_one(first));
  std::uint64_t number = more >= 7 ? 0 : first & (0xFFU >> (more + 1));
  for (const char byte : take(more)) number = number << 8 | static_cast<std::uint8_t>(byte);
  return ok_ ? number : 0;
}

std::int64_t WireReader::read_vint() {
  const std::uint64_t coded = read_unsigned_vint();
  return static_cast<std::int64_t>(coded >> 1) ^ -static_cast<std::int64_t>(coded & 1);
}

std::size_t WireReader::read_count(std::size_t bytes_each) {
  const std::int32_t count = read_int();
  if (count < 0 || static_cast<std::size_t>(count) > bytes_.size() / bytes_each) {
    fail();
    return 0;
  }
  return static_cast<std::size_t>(count);
}

std::vector<std::string> WireReader::read_string_list() {
  std::vector<std::string> list;
  for (std::uint16_t i = read_short(); i > 0 && ok_; --i) list.emplace_back(read_string());
  return list;
}

std::map<std::string, std::vector<std::string>> WireReader::read_string_multimap() {
  std::map<std::string, std::vector<std::string>> map;
  for (std::uint16_t i = read_short(); i > 0 && ok_; --i) {
    std::string key(read_string());
    map.insert_or_assign(std::move(key), read_string_list());
  }
  return map;
}

std::string WireReader::read_inet_address() {
  const std::string text = inet_text(take(read_byte()));
  if (text.empty()) fail();
  return text;
}

std::pair<std::string, std::uint16_t> WireReader::read_inet() {
  std::string address = read_inet_address();
  return {std::move(address), static_cast<std::uint16_t>(read_int())};
}

std::string inet_text(std::string_view address) {
  char text[INET6_ADDRSTRLEN];
  const int family = address.size() == 4 ? AF_INET : address.size() == 16 ? AF_INET6 : 0;
  if (family == 0 || inet_ntop(family, address.data(), text, sizeof text) == nullptr) return {};
  return text;
}

}  // namespace leat::connector::cql

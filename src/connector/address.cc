#include "connector/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace leat::connector {
namespace {

struct Network4 {
  std::uint32_t address;
  int bits;
};
/// IANA's special-purpose registry for IPv4 (RFC 6890 and its updates), multicast and reserved.
constexpr Network4 internal4[] = {
    {0x00000000, 8},   // this network
    {0x0A000000, 8},   // private
    {0x64400000, 10},  // shared by carriers
    {0xA9FE0000, 16},  // link-local, where clouds keep their metadata
    {0xAC100000, 12},  // private
    {0xC0000000, 24},  // protocol assignments
    {0xC0000200, 24},  // documentation
    {0xC0586300, 24},  // 6to4 relays
    {0xC0A80000, 16},  // private
    {0xC6120000, 15},  // benchmarks
    {0xC6336400, 24},  // documentation
    {0xCB007100, 24},  // documentation
    {0xE0000000, 4},   // multicast
    {0xF0000000, 4},   // reserved, broadcast
};

Reach reach4(std::uint32_t address) {
  if (address >> 24 == 127) return Reach::loopback;
  for (const Network4& network : internal4) {
    if ((address ^ network.address) >> (32 - network.bits) == 0) return Reach::internal;
  }
  return Reach::open;
}

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

Reach reach6(const std::array<std::uint8_t, 16>& address) {
  const auto starts_with = [&](std::initializer_list<std::uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), address.begin());
  };
  const bool first_ten_zero = starts_with({0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  if (first_ten_zero && address[10] == 0xFF && address[11] == 0xFF) {  // mapped
    return reach4(big_endian(&address[12]));
  }
  if (first_ten_zero && address[10] == 0 && address[11] == 0) {
    const std::uint32_t rest = big_endian(&address[12]);
    if (rest == 1) return Reach::loopback;
    if (rest == 0) return Reach::internal;
    return reach4(rest);  // IPv4-compatible, long out of use
  }
  if (starts_with({0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) {  // NAT64
    return reach4(big_endian(&address[12]));
  }
  if (starts_with({0x20, 0x02})) return reach4(big_endian(&address[2]));  // 6to4
  // Of all others only 2000::/3 is in public use; in it, protocol assignments with Teredo
  // (2001::/23) and documentation (2001:db8::/32, 3fff::/20) are not.
  if ((address[0] & 0xE0) != 0x20) return Reach::internal;
  if (starts_with({0x20, 0x01}) && address[2] < 2) return Reach::internal;
  if (starts_with({0x20, 0x01, 0x0D, 0xB8})) return Reach::internal;
  if (starts_with({0x3F, 0xFF}) && address[2] < 0x10) return Reach::internal;
  return Reach::open;
}

}  // namespace

Reach reach_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &address, sizeof in);
    return reach4(ntohl(in.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, &address, sizeof in);
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return reach6(bytes);
  }
  return Reach::internal;
}

Reach reach_of_literal(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string text(host);
  for (char& letter : text) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
  }
  if (text == "localhost" || text.ends_with(".localhost")) return Reach::loopback;
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  text = text.substr(0, text.find('%'));
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, text.c_str(), &in6.sin6_addr) == 1) {
    return reach_of(reinterpret_cast<const sockaddr&>(in6));
  }
  // inet_aton takes what resolvers take too: "127.1", "0x7f000001", "2130706433".
  sockaddr_in in4{};
  in4.sin_family = AF_INET;
  if (inet_aton(text.c_str(), &in4.sin_addr) == 1) {
    return reach_of(reinterpret_cast<const sockaddr&>(in4));
  }
  return Reach::open;
}

std::string address_text(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.sa_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
  } else if (address.sa_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
  }
  return text;
}

}  // namespace leat::connector

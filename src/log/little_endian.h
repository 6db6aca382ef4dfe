#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <string_view>

namespace leat::log {

/// Numbers as Leat's own files hold them.
static_assert(std::endian::native == std::endian::little);

template <class Number>
void put_number(std::string& out, Number value) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  out.append(bytes, sizeof(value));
}

/// Takes a number off the front. False when there are too few bytes.
template <class Number>
bool take_number(std::string_view& bytes, Number& value) {
  if (bytes.size() < sizeof(value)) return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  bytes.remove_prefix(sizeof(value));
  return true;
}

}  // namespace leat::log

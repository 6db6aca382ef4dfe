#include "connector/cassandra/token.h"

#include <bit>
#include <cstring>
#include <limits>

namespace leat::connector::cql {
namespace {

constexpr std::uint64_t c1 = 0x87c37b91114253d5;
constexpr std::uint64_t c2 = 0x4cf5ad432745937f;
constexpr std::size_t block_bytes = 16;

std::uint64_t mixed_low(std::uint64_t k) { return std::rotl(k * c1, 31) * c2; }
std::uint64_t mixed_high(std::uint64_t k) { return std::rotl(k * c2, 33) * c1; }

std::uint64_t finished(std::uint64_t k) {
  k ^= k >> 33;
  k *= 0xff51afd7ed558ccd;
  k ^= k >> 33;
  k *= 0xc4ceb9fe1a85ec53;
  return k ^ (k >> 33);
}

/// Of the last incomplete block. The bytes count as signed: it is how Cassandra's own differs from
/// everybody else's.
std::uint64_t tail(std::string_view bytes) {
  std::uint64_t k = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    k ^= static_cast<std::uint64_t>(static_cast<signed char>(bytes[i])) << (8 * i);
  }
  return k;
}

}  // namespace

Token token_of(std::string_view partition_key) {
  std::uint64_t h1 = 0, h2 = 0;
  std::string_view rest = partition_key;
  for (; rest.size() >= block_bytes; rest.remove_prefix(block_bytes)) {
    std::uint64_t k1, k2;
    std::memcpy(&k1, rest.data(), sizeof k1);
    std::memcpy(&k2, rest.data() + sizeof k1, sizeof k2);
    h1 ^= mixed_low(k1);
    h1 = (std::rotl(h1, 27) + h2) * 5 + 0x52dce729;
    h2 ^= mixed_high(k2);
    h2 = (std::rotl(h2, 31) + h1) * 5 + 0x38495ab5;
  }
  if (rest.size() > 8) h2 ^= mixed_high(tail(rest.substr(8)));
  if (!rest.empty()) h1 ^= mixed_low(tail(rest.substr(0, 8)));

  h1 ^= partition_key.size();
  h2 ^= partition_key.size();
  h1 += h2;
  h2 += h1;
  h1 = finished(h1) + finished(h2);

  const auto token = static_cast<Token>(h1);
  return token == std::numeric_limits<Token>::min() ? std::numeric_limits<Token>::max() : token;
}

}  // namespace leat::connector::cql

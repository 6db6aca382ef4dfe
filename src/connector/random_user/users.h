#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace leat::connector {

/// Top-level fields of a user, in the order in which the public API writes them.
enum class UserField : unsigned {
  gender,
  name,
  location,
  email,
  login,
  dob,
  registered,
  phone,
  cell,
  id,
  picture,
  nat,
};
inline constexpr unsigned user_field_count = 12;
inline constexpr std::uint32_t all_user_fields = (1u << user_field_count) - 1;

/// Bit of the field of this name; nothing where there is none.
std::optional<std::uint32_t> user_field_bit(std::string_view name);

/// An endless list of users: user number `i` of a recipe is always the same, whatever was asked
/// for before, so that a page and a position are reached at once. Ages are as of 2026-01-01, which
/// keeps them the same for ever. `md5`, `sha1` and `sha256` have the shape of those digests but are
/// random like the rest: computing three digests a user would be most of the work, and nobody can
/// check them without having the password hashed as well.
struct UserRecipe {
  std::uint64_t seed = 0;
  std::vector<std::size_t> nationalities;  ///< indices to draw from; empty: all
  std::optional<bool> women;               ///< nothing: both
  std::uint32_t fields = all_user_fields;  ///< bits of UserField
};

/// Appends user `number` as one JSON object, without a newline. Pure: any thread. The text is valid
/// UTF-8 JSON of 1.0 to 1.4 KB, with the public API's fields in its order.
void append_user(const UserRecipe& recipe, std::uint64_t number, std::string& out);

/// Bytes that a user takes at most; a caller may reserve with it.
inline constexpr std::size_t user_bytes_max = 2048;

}  // namespace leat::connector

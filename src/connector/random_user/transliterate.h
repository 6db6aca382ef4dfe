#pragma once

#include <string>
#include <string_view>

namespace leat::connector {

/// What a name of any of the generator's scripts (Latin, Cyrillic, Persian) becomes in an e-mail
/// address: lower case ASCII letters; spaces, apostrophes and what has no Latin counterpart go.
std::string to_ascii_letters(std::string_view utf8);

}  // namespace leat::connector

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "log/topics.h"

namespace leat::log {

/// The compression's number in a batch's attributes.
std::int16_t compression_code(Compression compression);

/// Appends `bytes`, compressed, to `out`. False when that is not smaller: then `out` is as before.
/// Not for `Compression::none`. Thread-safe.
bool compress(Compression compression, std::string_view bytes, std::vector<char>& out);

/// Decompresses what `code` (of a batch's attributes) says into `out` at `position`, growing it as
/// needed and at least to the returned size past `position`; never beyond `bytes_max`. Content
/// before `position` stays. Errors: `log-damaged`, `unsupported-compression`. Thread-safe.
Result<std::size_t> decompress(std::int16_t code, std::string_view bytes, std::size_t bytes_max,
                               std::vector<char>& out, std::size_t position);

}  // namespace leat::log

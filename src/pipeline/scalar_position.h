#pragma once

#include <cstddef>
#include <string_view>

namespace leat::pipeline {

/// Which byte of `source` holds byte `position` of a YAML scalar's value. `begin` is where the
/// scalar starts in `source`: its first character, its opening quote, or the `|` or `>` of a block.
/// A position past the value's end gives the byte after its last one. Folded and re-indented lines,
/// quotes and escapes are followed.
std::size_t scalar_source_position(std::string_view source, std::size_t begin,
                                   std::string_view value, std::size_t position);

/// Where the scalar itself begins: after anchors and tags at `begin`.
std::size_t skip_properties(std::string_view source, std::size_t begin);

}  // namespace leat::pipeline

#pragma once

#include <string>

#include "io/file_system.h"

namespace leat::connector {

/// What a first start does with output that is already there.
enum class IfExists { refuse, append, replace };

/// Makes the directory, and those above it, where they are missing; afterwards all of them survive
/// a power loss. `known`: it was made so by an earlier start, so that only a missing one is work.
Status make_output_directory(io::FileSystem& files, const std::string& path, bool known);

/// The error `output-lost` of a file that is not there although so many bytes were committed to it.
std::unexpected<Error> lost_output(const std::string& path, std::uint64_t bytes);

}  // namespace leat::connector

#pragma once

#include <string>

#include "io/file_system.h"

namespace leat::connector {

/// What a first start does with output that is already there.
enum class IfExists { refuse, append, replace };

/// Makes the directory, and those above it, where they are missing; afterwards all of them survive
/// a power loss. `known`: it was made so by an earlier start, so that only a missing one is work.
Status make_output_directory(io::FileSystem& files, const std::string& path, bool known);

}  // namespace leat::connector

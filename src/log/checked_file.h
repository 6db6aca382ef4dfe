#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "io/file_system.h"

namespace leat::log {

/// Small files that are replaced as a whole and end in a checksum: docs/formats/log.md.

/// Ends the names of files that are being written; such a file left behind is to be removed.
inline constexpr std::string_view unfinished_suffix = ".new";

/// Replaces (or makes) `directory`/`name`, durably. A failure leaves the earlier file, or (when
/// only the directory could not be synced, `io-error`) one of both.
Status write_checked_file(io::FileSystem& files, const std::string& directory,
                          const std::string& name, std::string_view content);

/// The content; nothing when the file is missing. Error `log-damaged`: the checksum is wrong.
Result<std::optional<std::string>> read_checked_file(io::FileSystem& files,
                                                     const std::string& directory,
                                                     const std::string& name);

}  // namespace leat::log

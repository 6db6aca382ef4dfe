#include "connector/file_sink/output_directory.h"

namespace leat::connector {
namespace {

/// The directory that holds this one; "/" and "." hold themselves.
std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Status make_output_directory(io::FileSystem& files, const std::string& path, bool known) {
  if (known && LEAT_TRY(files.exists(path))) return {};
  LEAT_TRY(files.create_directories(path));
  for (std::string directory = path;; directory = parent_of(directory)) {
    LEAT_TRY(files.sync_directory(directory));
    if (directory == parent_of(directory)) return {};
  }
}

std::unexpected<Error> lost_output(const std::string& path, std::uint64_t bytes) {
  return user_error("output-lost",
                    "{} is not there, though {} bytes were committed to it: somebody has moved or "
                    "removed it; put it back, or give the sink another name, so that it begins "
                    "anew",
                    path, bytes);
}

}  // namespace leat::connector

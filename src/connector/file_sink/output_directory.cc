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

}  // namespace leat::connector

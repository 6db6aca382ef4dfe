#include "log/checked_file.h"

#include "base/crc32c.h"

namespace leat::log {
namespace {

std::string checksum_line(std::string_view content) {
  return fmt::format("\ncrc32c {:08x}\n", crc32c(content));
}

Status write_unfinished(io::FileSystem& files, const std::string& path, std::string_view content) {
  // An earlier try that ended half-way may have left one.
  if (LEAT_TRY(files.exists(path))) LEAT_TRY(files.remove(path));
  const auto file = LEAT_TRY(files.open(path, io::OpenMode::create));
  LEAT_TRY(file->append(std::string(content) + checksum_line(content)));
  return file->sync();
}

}  // namespace

Status write_checked_file(io::FileSystem& files, const std::string& directory,
                          const std::string& name, std::string_view content) {
  const std::string path = directory + "/" + name;
  const std::string unfinished = path + std::string(unfinished_suffix);
  if (Status written = write_unfinished(files, unfinished, content); !written) {
    (void)files.remove(unfinished);
    return written;
  }
  LEAT_TRY(files.rename(unfinished, path));
  return files.sync_directory(directory);
}

Result<std::optional<std::string>> read_checked_file(io::FileSystem& files,
                                                     const std::string& directory,
                                                     const std::string& name) {
  const std::string path = directory + "/" + name;
  if (!LEAT_TRY(files.exists(path))) return std::optional<std::string>();
  const auto file = LEAT_TRY(files.open(path, io::OpenMode::read));
  std::string content(LEAT_TRY(file->size()), '\0');
  content.resize(LEAT_TRY(file->read_at(content, 0)));
  const std::size_t line_size = checksum_line({}).size();
  if (content.size() >= line_size) {
    const std::string line = content.substr(content.size() - line_size);
    content.resize(content.size() - line_size);
    if (line == checksum_line(content)) return std::optional<std::string>(std::move(content));
  }
  return external_error("log-damaged", "{}: its checksum is wrong; restore it from a copy", path);
}

}  // namespace leat::log

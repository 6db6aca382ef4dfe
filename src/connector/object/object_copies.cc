#include "connector/object/object_copies.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "connector/digest.h"

namespace leat::connector::object {
namespace {

constexpr std::uint64_t piece_bytes = 8u << 20;
constexpr std::size_t digits_kept = 32;  // of a digest
constexpr const char* unfinished = "unfinished";

}  // namespace

Result<ObjectCopies> ObjectCopies::open(io::FileSystem& files, std::string folder,
                                        std::uint64_t bytes_max) {
  std::error_code failed;
  std::filesystem::remove_all(folder, failed);
  if (failed) return external_error("io-error", "{}: {}", folder, failed.message());
  LEAT_TRY(files.create_directories(folder));
  return ObjectCopies(files, std::move(folder), bytes_max);
}

/// In a folder of its own, with those of the key's folders that are columns (`year=2026`), by which
/// readers know them.
std::string ObjectCopies::path_of(const Object& object) const {
  const std::string identity =
      fmt::format("{} {} {}", object.modified_ms, object.bytes, object.key);
  std::string path = folder_ + "/" + sha256(identity).substr(0, digits_kept) + "/";
  const std::string_view key = object.key;
  for (std::size_t begin = 0, end; (end = key.find('/', begin)) != key.npos; begin = end + 1) {
    const std::string_view part = key.substr(begin, end - begin);
    if (part.contains('=')) path += fmt::format("{}/", part);
  }
  const std::string_view name = name_of(key);
  const std::size_t dot = name.rfind('.');
  constexpr std::size_t ending_bytes_max = 16;
  const bool has_ending = dot != name.npos && name.size() - dot <= ending_bytes_max;
  return path + "object" + std::string(has_ending ? name.substr(dot) : "");
}

Result<std::string> ObjectCopies::take(ObjectStore& store, const Object& object,
                                       const std::stop_token& stop) {
  std::string path = path_of(object);
  if (const auto found = by_path_.find(path); found != by_path_.end()) {
    copies_.splice(copies_.begin(), copies_, found->second);
    return path;
  }
  if (object.bytes > bytes_max_) {
    return user_error("object-too-large", "it has {} bytes; copies of objects may take {}",
                      object.bytes, bytes_max_);
  }
  while (bytes_ + object.bytes > bytes_max_) LEAT_TRY(remove(std::prev(copies_.end())));
  LEAT_TRY(copy(store, object, path, stop));
  copies_.push_front({path, object.bytes});
  by_path_.emplace(path, copies_.begin());
  bytes_ += object.bytes;
  return path;
}

Status ObjectCopies::drop(const Object& object) {
  const auto found = by_path_.find(path_of(object));
  return found == by_path_.end() ? Status() : remove(found->second);
}

Status ObjectCopies::copy(ObjectStore& store, const Object& object, const std::string& path,
                          const std::stop_token& stop) {
  const std::string temporary = folder_ + "/" + unfinished;
  if (LEAT_TRY(files_->exists(temporary))) LEAT_TRY(files_->remove(temporary));
  {
    const auto file = LEAT_TRY(files_->open(temporary, io::OpenMode::create));
    std::uint64_t position = 0;
    while (position < object.bytes) {
      const std::uint64_t wanted = std::min(piece_bytes, object.bytes - position);
      const std::string piece = LEAT_TRY(store.get(object.key, position, wanted, stop));
      if (piece.empty()) break;
      LEAT_TRY(file->append(piece));
      position += piece.size();
    }
    if (position != object.bytes) {
      return transient_error("object-changed", "{}: {} has {} bytes instead of {}", store.shown(),
                             object.key, position, object.bytes);
    }
  }
  LEAT_TRY(files_->create_directories(path.substr(0, path.rfind('/'))));
  return files_->rename(temporary, path);
}

Status ObjectCopies::remove(Copies::iterator copy) {
  const std::string own_folder = copy->path.substr(0, folder_.size() + 1 + digits_kept);
  std::error_code failed;
  std::filesystem::remove_all(own_folder, failed);
  if (failed) return external_error("io-error", "{}: {}", own_folder, failed.message());
  bytes_ -= copy->bytes;
  by_path_.erase(copy->path);
  copies_.erase(copy);
  return {};
}

}  // namespace leat::connector::object

#include "runtime/data_snapshot.h"

#include <filesystem>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "base/crc32c.h"
#include "log/checked_file.h"
#include "runtime/changelog.h"
#include "runtime/dead_letters.h"
#include "state/checkpoint.h"

namespace leat::runtime {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* manifest_name = "manifest";
constexpr const char* format_member = "leat_snapshot";
constexpr int format_version = 1;
constexpr std::size_t piece_bytes = 1u << 20;
constexpr std::string_view unfinished_suffix = ".unfinished";

/// In a data directory and of no use in a copy: of the process that runs, and what can be had
/// again.
bool is_left_out(const std::string& path) {
  static const std::set<std::string> names{"lock", "address", "scratch", "catch_up", "store"};
  return names.contains(path.substr(0, path.find('/')));
}

bool is_segment(const fs::path& path) {
  return path.extension() == ".log" || path.extension() == ".index";
}

/// A segment that will never be written again: those of a partition but the last, unless the topic
/// is one that is cut back.
bool never_changes(const fs::path& path, const std::string& relative) {
  const std::string topic = "topics/";
  if (!is_segment(path) || !relative.starts_with(topic)) return false;
  const std::string name = relative.substr(topic.size());
  if (name.starts_with(Changelog::topic_of("")) || name.starts_with(dead_letters_topic)) {
    return false;
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path.parent_path(), error)) {
    if (entry.path().extension() == ".log" && entry.path().stem() > path.stem()) return true;
  }
  return false;
}

struct FileMark {
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  bool operator==(const FileMark&) const = default;
};
struct Manifest {
  std::vector<std::string> directories;  ///< also those that hold nothing
  std::map<std::string, FileMark> files;
};

/// Reads a file as far as it goes now, and writes it to `copy` where that is wanted.
Result<FileMark> read_file(io::FileSystem& files, const std::string& path, io::File* copy) {
  const auto file = LEAT_TRY(files.open(path, io::OpenMode::read));
  FileMark mark;
  std::string piece(piece_bytes, '\0');
  while (true) {
    const std::size_t read = LEAT_TRY(file->read_at(piece, mark.size));
    if (read == 0) return mark;
    const std::string_view bytes(piece.data(), read);
    mark.size += read;
    mark.crc = crc32c(bytes, mark.crc);
    if (copy != nullptr) LEAT_TRY(copy->append(bytes));
  }
}

Result<FileMark> copy_file(io::FileSystem& files, const std::string& from, const std::string& to) {
  if (LEAT_TRY(files.exists(to))) LEAT_TRY(files.remove(to));
  LEAT_TRY(files.create_directories(fs::path(to).parent_path().string()));
  const auto copy = LEAT_TRY(files.open(to, io::OpenMode::create));
  const FileMark mark = LEAT_TRY(read_file(files, from, copy.get()));
  LEAT_TRY(copy->sync());
  return mark;
}

struct Listing {
  std::vector<std::string> files, directories;  ///< paths, relative to what is listed
};
Listing listing_of(const std::string& directory) {
  Listing listing;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(directory, error), end; entry != end && !error;
       entry.increment(error)) {
    const std::string path = entry->path().lexically_relative(directory).string();
    if (entry->is_regular_file(error)) listing.files.push_back(path);
    if (entry->is_directory(error)) listing.directories.push_back(path);
  }
  return listing;
}

/// Topics are only added to while they are copied, and lose whole segments at their beginning. The
/// first pass, before the store is copied, saves what may be freed meanwhile; the second one brings
/// what the store's commit knows of.
Status copy_topics(const SnapshotOf& of, const std::string& directory) {
  const Listing listing = listing_of(of.data_directory);
  for (const std::string& path : listing.directories) {
    if (!is_left_out(path)) LEAT_TRY(of.files.create_directories(directory + "/" + path));
  }
  for (const std::string& path : listing.files) {
    if (is_left_out(path) || path.ends_with(".new")) continue;
    const std::string from = of.data_directory + "/" + path, to = directory + "/" + path;
    const bool copied = LEAT_TRY(of.files.exists(to));
    // What said where a partition begins still does of the segments that were saved.
    if (copied && fs::path(path).filename() == "first_offset") continue;
    if (never_changes(from, path)) {
      std::error_code error;
      fs::remove(to, error);
      fs::create_directories(fs::path(to).parent_path(), error);
      fs::create_hard_link(from, to, error);
      if (!error) continue;
    }
    if (fs::path(path).extension() == ".index") continue;  // made again from its segment
    const auto done = copy_file(of.files, from, to);
    if (!done && LEAT_TRY(of.files.exists(from))) return std::unexpected(done.error());
    if (!done && !copied) std::ignore = of.files.remove(to);  // retention has removed it
  }
  return {};
}

Status sync_directories(io::FileSystem& files, const std::string& directory) {
  for (const std::string& path : listing_of(directory).directories) {
    LEAT_TRY(files.sync_directory(directory + "/" + path));
  }
  return files.sync_directory(directory);
}

Status write_manifest(io::FileSystem& files, const std::string& directory) {
  json listed = json::object();
  const Listing listing = listing_of(directory);
  for (const std::string& path : listing.files) {
    const FileMark mark = LEAT_TRY(read_file(files, directory + "/" + path, nullptr));
    listed[path] = {mark.size, mark.crc};
  }
  LEAT_TRY(sync_directories(files, directory));
  const json manifest = {{format_member, format_version},
                         {"directories", listing.directories},
                         {"files", std::move(listed)}};
  return log::write_checked_file(files, directory, manifest_name, manifest.dump(1));
}

Status copy_data(const SnapshotOf& of, const std::string& directory) {
  LEAT_TRY(of.files.create_directories(directory));
  LEAT_TRY(copy_topics(of, directory));
  LEAT_TRY(state::write_checkpoint(of.store, directory + "/store"));
  LEAT_TRY(copy_topics(of, directory));
  return write_manifest(of.files, directory);
}

/// A path of a manifest stays inside its directory.
bool is_inside(const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  return !path.empty() && normal.is_relative() && *normal.begin() != "..";
}

Result<Manifest> read_manifest(io::FileSystem& files, const std::string& snapshot) {
  const auto text = LEAT_TRY(log::read_checked_file(files, snapshot, manifest_name));
  if (!text) {
    return user_error("not-a-snapshot",
                      "{}: there is no manifest in it, so it is not a snapshot or not a whole one; "
                      "name a directory that `leat snapshot` has written to its end",
                      snapshot);
  }
  const json read = json::parse(*text, nullptr, false);
  const int version = read.is_object() ? read.value(format_member, 0) : 0;
  if (version != format_version) {
    return user_error("newer-format",
                      "{}: its format is {}, and this program reads {}; restore it with the Leat "
                      "that wrote it or a newer one",
                      snapshot, version, format_version);
  }
  Manifest manifest;
  read.at("directories").get_to(manifest.directories);
  for (const auto& [path, mark] : read.at("files").items()) {
    manifest.files[path] = {.size = mark.at(0).get<std::uint64_t>(),
                            .crc = mark.at(1).get<std::uint32_t>()};
  }
  std::vector<std::string> paths = manifest.directories;
  for (const auto& [path, mark] : manifest.files) paths.push_back(path);
  for (const std::string& path : paths) {
    if (is_inside(path)) continue;
    return user_error("not-a-snapshot", "{}: its manifest names {}, which is outside of it",
                      snapshot, path);
  }
  return manifest;
}

Status copy_back(io::FileSystem& files, const std::string& snapshot, const Manifest& manifest,
                 const std::string& directory) {
  LEAT_TRY(files.create_directories(directory));
  for (const std::string& path : manifest.directories) {
    LEAT_TRY(files.create_directories(directory + "/" + path));
  }
  for (const auto& [path, mark] : manifest.files) {
    const std::string from = snapshot + "/" + path;
    if (!LEAT_TRY(files.exists(from))) {
      return external_error("snapshot-damaged", "{}: the file is missing; take another snapshot",
                            from);
    }
    const FileMark copied = LEAT_TRY(copy_file(files, from, directory + "/" + path));
    if (copied == mark) continue;
    return external_error("snapshot-damaged",
                          "{}: its bytes are not those that were written; take another snapshot",
                          from);
  }
  return sync_directories(files, directory);
}

Status remove_all(const std::string& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (!error) return {};
  return external_error("io-error", "{}: can't be removed: {}", directory, error.message());
}

}  // namespace

Status write_snapshot(const SnapshotOf& of, const std::string& directory) {
  if (LEAT_TRY(of.files.exists(directory))) {
    return user_error("snapshot-exists",
                      "{}: is there already; name a directory that does not exist", directory);
  }
  Status copied = copy_data(of, directory);
  if (!copied) std::ignore = remove_all(directory);
  return copied;
}

Status restore_snapshot(io::FileSystem& files, const std::string& snapshot,
                        const std::string& data_directory) {
  std::error_code error;
  if (LEAT_TRY(files.exists(data_directory)) && !fs::is_empty(data_directory, error)) {
    return user_error("data-exists",
                      "{}: is there already and not empty; name a directory that does not exist",
                      data_directory);
  }
  const Manifest manifest = LEAT_TRY(read_manifest(files, snapshot));
  const std::string unfinished = data_directory + std::string(unfinished_suffix);
  LEAT_TRY(remove_all(unfinished));
  Status copied = copy_back(files, snapshot, manifest, unfinished);
  if (!copied) {
    std::ignore = remove_all(unfinished);
    return copied;
  }
  fs::remove(data_directory, error);  // an empty one
  LEAT_TRY(files.rename(unfinished, data_directory));
  const fs::path parent = fs::absolute(data_directory, error).parent_path();
  return files.sync_directory(parent.string());
}

}  // namespace leat::runtime

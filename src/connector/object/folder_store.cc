#include "connector/object/folder_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/check.h"

namespace leat::connector::object {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t copied_bytes = 1u << 20;

std::int64_t modified_ms(const fs::directory_entry& entry, std::error_code& failed) {
  const auto time = entry.last_write_time(failed);
  const auto since_1970 = std::chrono::file_clock::to_sys(time).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

class FolderStore final : public ObjectStore {
 public:
  FolderStore(io::FileSystem& files, std::string root, std::string work,
              std::unique_ptr<io::FileLock> lock)
      : files_(files), root_(std::move(root)), staged_(std::move(work)), lock_(std::move(lock)) {}

  const std::string& shown() const override { return root_; }

  Status look(std::stop_token) override {
    std::error_code failed;
    const fs::file_status status = fs::status(root_, failed);
    if (fs::exists(status) && !fs::is_directory(status)) {
      return user_error("object-refused", "{} is no folder; name another `path`", root_);
    }
    return {};
  }

  Result<bool> put_if_absent(const std::string& key, const std::string& content,
                             std::stop_token) override {
    const std::string path = path_of(key);
    if (LEAT_TRY(files_.exists(path))) return false;
    LEAT_TRY(files_.create_directories(folder_of(path)));
    const std::string temporary = folder_of(path) + "/." + std::string(name_of(key));
    if (LEAT_TRY(files_.exists(temporary))) LEAT_TRY(files_.remove(temporary));
    {
      const auto file = LEAT_TRY(files_.open(temporary, io::OpenMode::create));
      LEAT_TRY(file->append(content));
      LEAT_TRY(file->sync());
    }
    LEAT_TRY(files_.rename(temporary, path));
    LEAT_TRY(sync_folders(path));
    return true;
  }

  Result<std::string> get(const std::string& key, std::uint64_t offset, std::uint64_t length,
                          std::stop_token) override {
    const std::string path = path_of(key);
    if (!LEAT_TRY(files_.exists(path))) {
      return external_error("object-missing", "{} is not there any more", path);
    }
    const auto file = LEAT_TRY(files_.open(path, io::OpenMode::read));
    const std::uint64_t size = LEAT_TRY(file->size());
    std::string content(std::min(length, size - std::min(size, offset)), '\0');
    content.resize(LEAT_TRY(file->read_at(content, offset)));
    return content;
  }

  Result<std::vector<Object>> list(const std::string& prefix, const std::string& after,
                                   std::size_t objects_max, std::stop_token stop) override {
    // The deepest folder that all of them are in.
    const std::string folder = root_ + "/" + prefix.substr(0, prefix.rfind('/') + 1);
    std::vector<Object> objects;
    std::error_code failed;
    if (!fs::exists(folder, failed)) return objects;
    fs::recursive_directory_iterator entry(folder, failed);
    for (; !failed && entry != fs::recursive_directory_iterator(); entry.increment(failed)) {
      if (stop.stop_requested()) return external_error("stopped", "{}: stopped", root_);
      std::error_code gone;  // between the listing and the look: as if it had not been there
      if (!entry->is_regular_file(gone) || gone) continue;
      std::string key = entry->path().string().substr(root_.size() + 1);
      while (key.starts_with('/')) key.erase(0, 1);
      if (!key.starts_with(prefix) || key <= after || name_of(key).starts_with('.')) continue;
      const std::uint64_t bytes = entry->file_size(gone);
      const std::int64_t modified = modified_ms(*entry, gone);
      if (!gone) objects.push_back({std::move(key), bytes, modified});
    }
    if (failed) return external_error("io-error", "{}: {}", folder, failed.message());
    std::ranges::sort(objects, {}, &Object::key);
    if (objects.size() > objects_max) objects.resize(objects_max);
    return objects;
  }

  Status remove(const std::string& key, std::stop_token) override {
    const std::string path = path_of(key);
    if (!LEAT_TRY(files_.exists(path))) return {};
    LEAT_TRY(files_.remove(path));
    return files_.sync_directory(folder_of(path));
  }

  Result<std::string> stage(const std::string& key, const std::string& file,
                            std::stop_token stop) override {
    LEAT_CHECK(!staged_.empty());
    LEAT_TRY(files_.create_directories(root_ + "/" + staged_));
    // Objects of one name in several folders are staged side by side.
    std::string token = key;
    std::ranges::replace(token, '/', '!');
    // The ending is for readers that look for *.parquet in hidden folders, too, as DuckDB does.
    token = "." + std::string(name_of(key)) + "!" + token + ".staged";
    LEAT_TRY(copy(file, staged_path(token), stop));
    LEAT_TRY(sync_folders(staged_path(token)));
    return token;
  }

  Result<bool> publish(const std::string& key, const std::string& token, std::stop_token) override {
    const std::string path = path_of(key);
    if (!LEAT_TRY(files_.exists(staged_path(token)))) return files_.exists(path);
    LEAT_TRY(files_.create_directories(folder_of(path)));
    LEAT_TRY(files_.rename(staged_path(token), path));
    LEAT_TRY(sync_folders(path));
    return true;
  }

  Status discard_staged(const std::string& name_prefix, std::stop_token) override {
    const std::string folder = root_ + "/" + staged_;
    if (!LEAT_TRY(files_.exists(folder))) return {};
    for (const std::string& name : LEAT_TRY(files_.list(folder))) {
      if (!name.starts_with("." + name_prefix)) continue;
      LEAT_TRY(files_.remove(folder + "/" + name));
    }
    return files_.sync_directory(folder);
  }

 private:
  std::string path_of(const std::string& key) const { return root_ + "/" + key; }
  std::string staged_path(const std::string& token) const {
    return root_ + "/" + staged_ + "/" + token;
  }

  /// A new file survives a power loss once all the folders are synced that it may have made.
  Status sync_folders(const std::string& path) {
    for (std::string folder = folder_of(path);; folder = folder_of(folder)) {
      LEAT_TRY(files_.sync_directory(folder));
      if (folder.size() <= root_.size()) return {};
    }
  }

  Status copy(const std::string& from, const std::string& to, const std::stop_token& stop) {
    if (LEAT_TRY(files_.exists(to))) LEAT_TRY(files_.remove(to));
    const auto source = LEAT_TRY(files_.open(from, io::OpenMode::read));
    const auto target = LEAT_TRY(files_.open(to, io::OpenMode::create));
    std::string piece(copied_bytes, '\0');
    for (std::uint64_t position = 0;;) {
      if (stop.stop_requested()) return external_error("stopped", "{}: stopped", root_);
      const std::size_t count = LEAT_TRY(source->read_at(piece, position));
      if (count == 0) break;
      LEAT_TRY(target->append({piece.data(), count}));
      position += count;
    }
    return target->sync();
  }

  io::FileSystem& files_;
  const std::string root_;
  const std::string staged_;  // folder below the root; empty: only read
  const std::unique_ptr<io::FileLock> lock_;
};

std::string without_last_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_folder_to_write(io::FileSystem& files,
                                                          const std::string& root,
                                                          const std::string& work) {
  const std::string clean = without_last_slash(root);
  const std::string folder = clean + "/" + work;
  LEAT_TRY(files.create_directories(folder));
  auto lock = LEAT_TRY(files.lock(folder + "/.lock", "leat"));
  return std::make_unique<FolderStore>(files, clean, work + "/staged", std::move(lock));
}

std::unique_ptr<ObjectStore> open_folder(io::FileSystem& files, const std::string& root) {
  return std::make_unique<FolderStore>(files, without_last_slash(root), "", nullptr);
}

}  // namespace leat::connector::object

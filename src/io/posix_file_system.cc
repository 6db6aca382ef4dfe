#include "io/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace leat::io {
namespace {

/// Closes a descriptor when it goes.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  const int number_;
};

template <class Call>
auto retry_interrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

std::unexpected<Error> failure(std::string_view action, const std::string& path, int code) {
  const char* cause = std::strerror(code);
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return transient_error("disk-full", "can't {} {}: {}; free some space on that disk", action,
                             path, cause);
    case ENOENT:
      return user_error("file-not-found", "can't {} {}: {}; check the path", action, path, cause);
    case EEXIST:
      return user_error("file-exists", "can't {} {}: {}; remove it or choose another path", action,
                        path, cause);
    case EACCES:
    case EPERM:
    case EROFS:
      return user_error("permission-denied",
                        "can't {} {}: {}; let the user that runs leat write there, or choose "
                        "another directory",
                        action, path, cause);
    case EMFILE:
    case ENFILE:
      return transient_error("too-many-files", "can't {} {}: {}; raise the limit (ulimit -n)",
                             action, path, cause);
    default:
      return external_error("io-error", "can't {} {}: {}; look at the disk and the kernel's log",
                            action, path, cause);
  }
}

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::span<char> into, std::uint64_t position) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const ssize_t count = retry_interrupted([&] {
        return ::pread(descriptor_.number(), into.data() + done, into.size() - done,
                       static_cast<off_t>(position + done));
      });
      if (count < 0) return failure("read", path_, errno);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  Status append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = retry_interrupted(
          [&] { return ::write(descriptor_.number(), bytes.data(), bytes.size()); });
      if (count < 0) return failure("write to", path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  }

  Status truncate(std::uint64_t size) override {
    if (retry_interrupted(
            [&] { return ::ftruncate(descriptor_.number(), static_cast<off_t>(size)); }) != 0) {
      return failure("truncate", path_, errno);
    }
    return {};
  }

  Status sync() override {
    if (::fdatasync(descriptor_.number()) != 0) return sync_failure();
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status;
    if (::fstat(descriptor_.number(), &status) != 0) return failure("look at", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  // Never "disk-full": that would invite a retry, and a second fdatasync may report success for
  // pages that the kernel dropped.
  std::unexpected<Error> sync_failure() const {
    return external_error("io-error",
                          "can't sync {} to disk: {}; what was written last may be lost: look at "
                          "the disk and the kernel's log, then start leat again",
                          path_, std::strerror(errno));
  }

  const Descriptor descriptor_;
  const std::string path_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(int descriptor) : descriptor_(descriptor) {}

 private:
  const Descriptor descriptor_;  // closing it releases the lock
};

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY | O_CLOEXEC;
    case OpenMode::append:
      return O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC;
    case OpenMode::create:
      return O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC;
  }
  return O_RDONLY | O_CLOEXEC;
}

std::string read_owner(int descriptor) {
  char text[256];
  const ssize_t count =
      retry_interrupted([&] { return ::pread(descriptor, text, sizeof(text), 0); });
  std::string owner(text, count > 0 ? static_cast<std::size_t>(count) : 0);
  while (!owner.empty() && (owner.back() == '\n' || owner.back() == '\0')) owner.pop_back();
  return owner.empty() ? "another process" : owner;
}

}  // namespace

std::string this_process() {
  char host[256] = "this machine";
  if (::gethostname(host, sizeof(host) - 1) != 0) std::strcpy(host, "this machine");
  const std::time_t now = std::time(nullptr);
  std::tm time{};
  ::gmtime_r(&now, &time);
  char since[32];
  std::strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &time);
  return fmt::format("pid {} on {} since {}", ::getpid(), host, since);
}

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode) {
  const int descriptor =
      retry_interrupted([&] { return ::open(path.c_str(), open_flags(mode), 0644); });
  if (descriptor < 0) return failure("open", path, errno);
  return std::make_unique<PosixFile>(descriptor, path);
}

Result<bool> PosixFileSystem::exists(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return failure("look at", path, errno);
}

Status PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failure("rename", from, errno);
  return {};
}

Status PosixFileSystem::remove(const std::string& path) {
  if (::remove(path.c_str()) != 0) return failure("remove", path, errno);
  return {};
}

Status PosixFileSystem::create_directories(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0755) == 0) {
      const std::size_t slash = part.rfind('/');
      LEAT_TRY(sync_directory(slash == std::string::npos ? "."
                              : slash == 0               ? "/"
                                                         : part.substr(0, slash)));
    } else if (errno != EEXIST) {
      return failure("create directory", part, errno);
    }
    if (end == std::string::npos) break;
  }
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return failure("look at", path, errno);
  if (!S_ISDIR(status.st_mode)) return failure("create directory", path, EEXIST);
  return {};
}

Status PosixFileSystem::sync_directory(const std::string& path) {
  const Descriptor directory(
      retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (directory.number() < 0) return failure("open directory", path, errno);
  if (::fsync(directory.number()) != 0) {
    return external_error("io-error",
                          "can't sync directory {} to disk: {}; look at the disk and the kernel's "
                          "log, then start leat again",
                          path, std::strerror(errno));
  }
  return {};
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return failure("list directory", path, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return failure("list directory", path, errno);
  std::ranges::sort(names);
  return names;
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path,
                                                        const std::string& owner) {
  const int descriptor =
      retry_interrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644); });
  if (descriptor < 0) return failure("open", path, errno);
  auto lock = std::make_unique<PosixFileLock>(descriptor);
  if (retry_interrupted([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return failure("lock", path, errno);
    return user_error("locked", "{} is held by {}; stop that process or use another directory",
                      path, read_owner(descriptor));
  }
  // The text only informs; the lock holds without it, also when the disk is full.
  const std::string text = owner + "\n";
  if (::ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, text.data(), text.size(), 0);
  }
  return std::unique_ptr<FileLock>(std::move(lock));
}

Result<std::uint64_t> PosixFileSystem::free_bytes(const std::string& path) {
  struct statvfs status;
  if (::statvfs(path.c_str(), &status) != 0) return failure("look at", path, errno);
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace leat::io

#include "state/rocks_files.h"

#include <cstdarg>

#include <rocksdb/env.h>

namespace leat::state {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus status_of(const Status& status) {
  if (status) return IOStatus::OK();
  const Error& error = status.error();
  if (error.code == "file-not-found") return IOStatus::PathNotFound(error.message);
  if (error.code == "disk-full") return IOStatus::NoSpace(error.message);
  return IOStatus::IOError(error.message);
}

template <class T>
IOStatus failure_of(const Result<T>& result) {
  return status_of(std::unexpected(result.error()));
}

IOStatus read(const io::File& file, std::uint64_t offset, std::size_t bytes, Slice* result,
              char* scratch) {
  const auto count = file.read_at({scratch, bytes}, offset);
  if (!count) return failure_of(count);
  *result = Slice(scratch, *count);
  return IOStatus::OK();
}

class Sequential final : public rocksdb::FSSequentialFile {
 public:
  explicit Sequential(std::unique_ptr<io::File> file) : file_(std::move(file)) {}
  IOStatus Read(std::size_t bytes, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) override {
    const IOStatus status = read(*file_, offset_, bytes, result, scratch);
    if (status.ok()) offset_ += result->size();
    return status;
  }
  IOStatus Skip(std::uint64_t bytes) override {
    offset_ += bytes;
    return IOStatus::OK();
  }

 private:
  const std::unique_ptr<io::File> file_;
  std::uint64_t offset_ = 0;
};

class RandomAccess final : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccess(std::unique_ptr<io::File> file) : file_(std::move(file)) {}
  IOStatus Read(std::uint64_t offset, std::size_t bytes, const IOOptions&, Slice* result,
                char* scratch, IODebugContext*) const override {
    return read(*file_, offset, bytes, result, scratch);
  }

 private:
  const std::unique_ptr<io::File> file_;
};

class Writable final : public rocksdb::FSWritableFile {
 public:
  explicit Writable(std::unique_ptr<io::File> file) : file_(std::move(file)) {}
  using FSWritableFile::Append;
  IOStatus Append(const Slice& bytes, const IOOptions&, IODebugContext*) override {
    return status_of(file_->append({bytes.data(), bytes.size()}));
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
    // RocksDB cuts off what it set aside beyond the end; nothing is set aside here.
    const auto now = file_->size();
    if (!now) return failure_of(now);
    return *now <= size ? IOStatus::OK() : status_of(file_->truncate(size));
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return status_of(file_->sync()); }
  std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
    return file_->size().value_or(0);
  }

 private:
  const std::unique_ptr<io::File> file_;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(io::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return status_of(files_.sync_directory(path_));
  }

 private:
  io::FileSystem& files_;
  const std::string path_;
};

struct Lock final : public rocksdb::FileLock {
  explicit Lock(std::unique_ptr<io::FileLock> held_) : held(std::move(held_)) {}
  const std::unique_ptr<io::FileLock> held;
};

/// RocksDB's own log of a file that has failed ends the process when it is written to again.
class Silence final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
  std::size_t GetLogFileSize() const override { return 0; }
};

/// RocksDB names folders with and without a slash at their end, and has two between the parts.
std::string plain(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || !out.ends_with('/')) out += c;
  }
  if (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

class RocksFiles final : public rocksdb::FileSystem {
 public:
  explicit RocksFiles(io::FileSystem& files) : files_(files) {}
  const char* Name() const override { return "leat"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext*) override {
    return open<Sequential>(path, io::OpenMode::read, *result);
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext*) override {
    return open<RandomAccess>(path, io::OpenMode::read, *result);
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext*) override {
    const auto exists = files_.exists(plain(path));
    if (!exists) return failure_of(exists);
    if (*exists) {
      const IOStatus removed = status_of(files_.remove(plain(path)));
      if (!removed.ok()) return removed;
    }
    return open<Writable>(path, io::OpenMode::create, *result);
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                              IODebugContext*) override {
    return open<Writable>(path, io::OpenMode::append, *result);
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext*) override {
    *result = std::make_unique<Directory>(files_, plain(path));
    return IOStatus::OK();
  }

  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    const auto exists = files_.exists(plain(path));
    if (!exists) return failure_of(exists);
    return *exists ? IOStatus::OK() : IOStatus::NotFound(path);
  }
  IOStatus GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* result,
                       IODebugContext*) override {
    auto names = files_.list(plain(path));
    if (!names) return failure_of(names);
    *result = std::move(*names);
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    return status_of(files_.remove(plain(path)));
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return status_of(files_.create_directories(plain(path)));
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
    return status_of(files_.create_directories(plain(path)));
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return status_of(files_.remove(plain(path)));
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions&, std::uint64_t* bytes,
                       IODebugContext*) override {
    const auto file = files_.open(plain(path), io::OpenMode::read);
    if (!file) return failure_of(file);
    const auto size = (*file)->size();
    if (!size) return failure_of(size);
    *bytes = *size;
    return IOStatus::OK();
  }
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&, std::uint64_t* time,
                                   IODebugContext*) override {
    *time = 0;
    return IOStatus::OK();
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
    return status_of(files_.rename(plain(from), plain(to)));
  }
  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** lock,
                    IODebugContext*) override {
    auto held = files_.lock(plain(path), "the store");
    if (!held) return failure_of(held);
    *lock = new Lock(std::move(*held));
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    delete static_cast<Lock*>(lock);
    return IOStatus::OK();
  }
  IOStatus NewLogger(const std::string&, const IOOptions&, std::shared_ptr<rocksdb::Logger>* logger,
                     IODebugContext*) override {
    *logger = std::make_shared<Silence>();
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string* path, IODebugContext*) override {
    *path = "/tmp";
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* out,
                           IODebugContext*) override {
    *out = path;
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* is_directory,
                       IODebugContext*) override {
    *is_directory = files_.list(plain(path)).has_value();
    return IOStatus::OK();
  }

 private:
  template <class Made, class Wanted>
  IOStatus open(const std::string& path, io::OpenMode mode, std::unique_ptr<Wanted>& result) {
    auto file = files_.open(plain(path), mode);
    if (!file) return failure_of(file);
    result = std::make_unique<Made>(std::move(*file));
    return IOStatus::OK();
  }

  io::FileSystem& files_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> rocks_files(io::FileSystem& files) {
  return std::make_shared<RocksFiles>(files);
}

}  // namespace leat::state

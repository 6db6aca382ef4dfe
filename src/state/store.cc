#include "state/store.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include "base/check.h"
#include "state/careful_files.h"
#include "state/checkpoint.h"
#include "state/rocks_files.h"
#include "state/rocks_options.h"
#include "state/torn_log.h"

namespace leat::state {
namespace {

/// In the default family; all other families are named by their users. See docs/formats/store.md.
constexpr std::string_view format_key = "format";
constexpr int format_version = 2, oldest_format = 1;
/// In each family: the number of the last commit that changed it. In the default family, behind
/// this prefix: the same for each family's name. Where they differ, files of the store have lost
/// something that no checksum covers (the end of RocksDB's manifest).
constexpr std::string_view stamp_key("\0", 1);
constexpr std::string_view stamp_prefix = "stamp/";
/// The smallest key behind it: families begin here for whoever reads them.
constexpr std::string_view first_key("\0\0", 2);

rocksdb::Slice slice_of(std::string_view text) { return {text.data(), text.size()}; }
std::string_view text_of(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::unexpected<Error> error_of(const rocksdb::Status& status, const std::string& directory) {
  const std::string text = status.ToString();
  if (status.IsCorruption()) {
    return external_error("store-damaged",
                          "the store in {} is damaged: {}; put back a copy of the directory, or "
                          "move it away to have Leat rebuild it from its topics",
                          directory, text);
  }
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::SubCode::kSpaceLimit) {
    return transient_error("disk-full", "no room on the disk for the store in {}: {}; free some",
                           directory, text);
  }
  if (text.find("lock") != std::string::npos) {
    return user_error("locked",
                      "the store in {} is in use by another process ({}); stop that process, or "
                      "name another data directory",
                      directory, text);
  }
  if (status.IsIOError() || status.IsTimedOut() || status.IsBusy() || status.IsAborted()) {
    return external_error("io-error",
                          "the store in {} cannot be read or written: {}; look at the disk and at "
                          "the directory's permissions",
                          directory, text);
  }
  return internal_error("store-failed", "the store in {} failed: {}", directory, text);
}

class RocksFamily final : public Family {
 public:
  explicit RocksFamily(rocksdb::ColumnFamilyHandle* handle)
      : handle_(handle), name_(handle->GetName()) {}
  const std::string& name() const override { return name_; }
  rocksdb::ColumnFamilyHandle* handle() const { return handle_; }

 private:
  rocksdb::ColumnFamilyHandle* handle_;  // destroyed by the store, which knows when the DB closes
  std::string name_;
};

rocksdb::ColumnFamilyHandle* handle_of(const Family& family) {
  return static_cast<const RocksFamily&>(family).handle();
}

/// The memory of a large batch, kept for the next one of about its size: fresh memory costs a page
/// fault for every 4 KiB. Any thread.
class SpareBatch {
 public:
  struct Batch {
    rocksdb::WriteBatch batch;
    std::size_t room = 0;  // bytes that it takes without growing, as far as it is known
  };
  /// An empty batch with room for so many bytes.
  Batch take(std::size_t bytes) {
    if (bytes == 0) return Batch{rocksdb::WriteBatch(), 0};
    std::optional<Batch> spare;
    {
      const std::lock_guard lock(mutex_);
      spare.swap(spare_);
    }
    const bool fits = spare && spare->room >= bytes && spare->room / room_factor_max <= bytes;
    return fits ? std::move(*spare) : Batch{rocksdb::WriteBatch(bytes), bytes};
  }
  void give_back(Batch used) {
    used.room = std::max(used.room, used.batch.GetDataSize());
    if (used.room < room_min) return;
    used.batch.Clear();
    const std::lock_guard lock(mutex_);
    spare_ = std::move(used);
  }

 private:
  static constexpr std::size_t room_min = 1u << 20;
  static constexpr std::size_t room_factor_max = 4;  // what is larger than needed by more goes

  std::mutex mutex_;
  std::optional<Batch> spare_;
};

class RocksBatch final : public CommitBatch {
 public:
  RocksBatch(std::shared_ptr<SpareBatch> spare, std::size_t bytes_expected)
      : spare_(std::move(spare)), taken_(spare_->take(bytes_expected)) {}
  ~RocksBatch() override { spare_->give_back(std::move(taken_)); }

  // WriteBatch's own calls fail only beyond 4 GiB or for a key above it: a bug of ours.
  void put(Family& family, std::string_view key, std::string_view value) override {
    touch(family);
    LEAT_CHECK(batch_.Put(handle_of(family), slice_of(key), slice_of(value)).ok());
  }
  void remove(Family& family, std::string_view key) override {
    touch(family);
    LEAT_CHECK(batch_.Delete(handle_of(family), slice_of(key)).ok());
  }
  std::size_t bytes() const override { return batch_.GetDataSize(); }
  rocksdb::WriteBatch& batch() { return batch_; }
  /// Notes in the default family and in each that the batch changes which commit it is.
  void stamp(rocksdb::ColumnFamilyHandle* default_family, std::uint64_t number) {
    const std::string text = std::to_string(number);
    for (const Family* family : touched_) {
      LEAT_CHECK(batch_.Put(handle_of(*family), slice_of(stamp_key), text).ok());
      const std::string key = std::string(stamp_prefix) + family->name();
      LEAT_CHECK(batch_.Put(default_family, key, text).ok());
    }
  }

 private:
  void touch(const Family& family) {
    if (std::exchange(last_touched_, &family) != &family) touched_.insert(&family);
  }

  const std::shared_ptr<SpareBatch> spare_;
  SpareBatch::Batch taken_;
  rocksdb::WriteBatch& batch_ = taken_.batch;
  const Family* last_touched_ = nullptr;
  std::set<const Family*> touched_;
};

class RocksView final : public StoreView {
 public:
  explicit RocksView(std::shared_ptr<rocksdb::DB> database)
      : database_(std::move(database)), snapshot_(database_->GetSnapshot()) {}
  RocksView(const RocksView&) = delete;
  RocksView& operator=(const RocksView&) = delete;
  ~RocksView() override { database_->ReleaseSnapshot(snapshot_); }
  const rocksdb::Snapshot* snapshot() const { return snapshot_; }

 private:
  std::shared_ptr<rocksdb::DB> database_;
  const rocksdb::Snapshot* snapshot_;
};

class RocksStore final : public Store {
 public:
  RocksStore(std::string directory, Options options)
      : directory_(std::move(directory)),
        options_(std::move(options)),
        cache_(rocksdb::NewLRUCache(options_.block_cache_bytes)) {}

  ~RocksStore() override {
    // Views may still hold the database; handles must go before it.
    for (auto& [name, family] : families_) {
      (void)database_->DestroyColumnFamilyHandle(family->handle());
    }
  }

  Status open_database() {
    std::shared_ptr<rocksdb::Env> env;
    if (options_.in_memory) {
      env.reset(rocksdb::NewMemEnv(rocksdb::Env::Default()));
    } else {
      env = rocksdb::NewCompositeEnv(careful_files(options_.files != nullptr
                                                       ? rocks_files(*options_.files)
                                                       : rocksdb::FileSystem::Default()));
    }
    Status opened = open_in(env);
    const bool is_damaged = !opened && opened.error().code == "store-damaged";
    if (is_damaged && !options_.read_only) {
      const std::vector<std::string> cut = cut_torn_logs(*env, directory_);
      for (const std::string& sentence : cut) options_.warn(sentence);
      if (!cut.empty()) opened = open_in(env);
    }
    LEAT_TRY(opened);
    LEAT_TRY(check_format());
    return options_.read_only ? Status() : check_stamps();
  }

  Status open_in(const std::shared_ptr<rocksdb::Env>& env) {
    rocksdb::DBOptions db_options = database_options(options_);
    db_options.env = env.get();
    // A simulated disk is asked in one order.
    if (options_.files != nullptr) db_options.max_file_opening_threads = 1;
    std::vector<std::string> names;
    const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(db_options, directory_, &names);
    if (!listed.ok()) {
      // A directory without a database: RocksDB reports its CURRENT file missing.
      const rocksdb::Status exists = db_options.env->FileExists(directory_ + "/CURRENT");
      if (!exists.IsNotFound()) return error_of(listed, directory_);
      if (options_.read_only) {
        return user_error("no-store", "there is no store in {}; name the directory of `leat run`",
                          directory_);
      }
      names = {rocksdb::kDefaultColumnFamilyName};
    }
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (const std::string& name : names) {
      descriptors.emplace_back(name, family_options(options_, cache_));
    }
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* database = nullptr;
    const rocksdb::Status opened =
        options_.read_only
            ? rocksdb::DB::OpenForReadOnly(db_options, directory_, descriptors, &handles, &database)
            : rocksdb::DB::Open(db_options, directory_, descriptors, &handles, &database);
    if (!opened.ok()) return error_of(opened, directory_);
    // Views may outlive the store, and what holds the database's files must outlive both.
    database_ = std::shared_ptr<rocksdb::DB>(database, [env](rocksdb::DB* db) { delete db; });
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      families_.emplace(handle->GetName(), std::make_unique<RocksFamily>(handle));
    }
    return {};
  }

  Result<Family*> family(std::string_view name) override {
    if (const auto found = families_.find(name); found != families_.end()) {
      return found->second.get();
    }
    if (options_.read_only) {
      return user_error("unknown-family", "the store in {} holds no state of `{}`", directory_,
                        name);
    }
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    const rocksdb::Status created =
        database_->CreateColumnFamily(family_options(options_, cache_), std::string(name), &handle);
    if (!created.ok()) return error_of(created, directory_);
    return families_.emplace(std::string(name), std::make_unique<RocksFamily>(handle))
        .first->second.get();
  }

  Status make_families(std::span<const std::string> names) override {
    std::vector<std::string> missing;
    for (const std::string& name : names) {
      if (!families_.contains(name)) missing.push_back(name);
    }
    if (missing.empty() || options_.read_only) return {};
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    const rocksdb::Status created =
        database_->CreateColumnFamilies(family_options(options_, cache_), missing, &handles);
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      families_.emplace(handle->GetName(), std::make_unique<RocksFamily>(handle));
    }
    if (!created.ok()) return error_of(created, directory_);
    return {};
  }

  std::vector<std::string> family_names() const override {
    std::vector<std::string> names;
    for (const auto& [name, family] : families_) {
      if (name != rocksdb::kDefaultColumnFamilyName) names.push_back(name);
    }
    return names;
  }

  Status drop_family(std::string_view name) override {
    const auto found = families_.find(name);
    if (found == families_.end()) return {};
    LEAT_CHECK(name != rocksdb::kDefaultColumnFamilyName);
    // Without a stamp it need not be there.
    const rocksdb::Status forgotten =
        database_->Delete(synced(), slice_of(std::string(stamp_prefix) + std::string(name)));
    if (!forgotten.ok()) return error_of(forgotten, directory_);
    const rocksdb::Status dropped = database_->DropColumnFamily(found->second->handle());
    if (!dropped.ok()) return error_of(dropped, directory_);
    (void)database_->DestroyColumnFamilyHandle(found->second->handle());
    families_.erase(found);
    return {};
  }

  Result<std::optional<std::string>> get(const Family& family, std::string_view key,
                                         const StoreView* view) const override {
    std::string value;
    const rocksdb::Status got =
        database_->Get(read_options(view), handle_of(family), slice_of(key), &value);
    if (got.IsNotFound()) return std::nullopt;
    if (!got.ok()) return error_of(got, directory_);
    return value;
  }

  Status get_many(const Family& family, std::span<const std::string_view> keys,
                  std::vector<std::optional<std::string>>& values) const override {
    std::vector<rocksdb::Slice> slices;
    slices.reserve(keys.size());
    for (const std::string_view key : keys) slices.push_back(slice_of(key));
    std::vector<rocksdb::PinnableSlice> found(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    database_->MultiGet(read_options(nullptr), handle_of(family), keys.size(), slices.data(),
                        found.data(), statuses.data());
    values.assign(keys.size(), std::nullopt);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (statuses[i].ok()) {
        values[i] = found[i].ToString();
      } else if (!statuses[i].IsNotFound()) {
        return error_of(statuses[i], directory_);
      }
    }
    return {};
  }

  Status for_each(const Family& family, std::string_view begin, std::string_view end,
                  const std::function<bool(std::string_view, std::string_view)>& row,
                  const StoreView* view) const override {
    rocksdb::ReadOptions options = read_options(view);
    const rocksdb::Slice upper = slice_of(end);
    if (!end.empty()) options.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database_->NewIterator(options, handle_of(family)));
    for (iterator->Seek(slice_of(std::max(begin, first_key))); iterator->Valid();
         iterator->Next()) {
      if (!row(text_of(iterator->key()), text_of(iterator->value()))) break;
    }
    if (!iterator->status().ok()) return error_of(iterator->status(), directory_);
    return {};
  }

  Status for_each_backwards(
      const Family& family, std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view, std::string_view)>& row) const override {
    rocksdb::ReadOptions options = read_options(nullptr);
    const rocksdb::Slice lower = slice_of(std::max(begin, first_key));
    const rocksdb::Slice upper = slice_of(end);
    options.iterate_lower_bound = &lower;
    if (!end.empty()) options.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database_->NewIterator(options, handle_of(family)));
    for (iterator->SeekToLast(); iterator->Valid(); iterator->Prev()) {
      if (!row(text_of(iterator->key()), text_of(iterator->value()))) break;
    }
    if (!iterator->status().ok()) return error_of(iterator->status(), directory_);
    return {};
  }

  std::unique_ptr<CommitBatch> new_batch(std::size_t bytes_expected) const override {
    return std::make_unique<RocksBatch>(spare_batch_, bytes_expected);
  }

  Status commit(CommitBatch& batch) override {
    std::lock_guard lock(commit_mutex_);
    if (failed_) {
      // RocksDB refuses writes after a failed one until it is told that the cause is gone.
      const rocksdb::Status resumed = database_->Resume();
      if (!resumed.ok()) return error_of(resumed, directory_);
      failed_ = false;
    }
    auto& rocks_batch = static_cast<RocksBatch&>(batch);
    rocks_batch.stamp(database_->DefaultColumnFamily(), ++commits_);
    const rocksdb::Status written = database_->Write(synced(), &rocks_batch.batch());
    if (written.ok()) return {};
    failed_ = true;
    return error_of(written, directory_);
  }

  std::shared_ptr<const StoreView> view() const override {
    return std::make_shared<RocksView>(database_);
  }

  Status write_checkpoint(const std::string& directory) const {
    rocksdb::Checkpoint* raw = nullptr;
    const rocksdb::Status made = rocksdb::Checkpoint::Create(database_.get(), &raw);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
    if (!made.ok()) return error_of(made, directory_);
    const rocksdb::Status written = checkpoint->CreateCheckpoint(directory);
    if (!written.ok()) return error_of(written, directory);
    return {};
  }

  std::uint64_t bytes_on_disk() const override {
    std::uint64_t total = 0;
    for (const auto& [name, family] : families_) {
      std::uint64_t bytes = 0;
      if (database_->GetIntProperty(family->handle(), rocksdb::DB::Properties::kTotalSstFilesSize,
                                    &bytes)) {
        total += bytes;
      }
    }
    return total;
  }

 private:
  static rocksdb::ReadOptions read_options(const StoreView* view) {
    rocksdb::ReadOptions options;
    if (view != nullptr) options.snapshot = static_cast<const RocksView*>(view)->snapshot();
    return options;
  }

  static rocksdb::WriteOptions synced() {
    rocksdb::WriteOptions options;
    options.sync = true;
    return options;
  }

  std::unexpected<Error> damaged(const std::string& what) const {
    return error_of(rocksdb::Status::Corruption(what), directory_);
  }

  Status check_format() {
    std::string found;
    const rocksdb::Status got =
        database_->Get(rocksdb::ReadOptions(), slice_of(format_key), &found);
    if (!got.ok() && !got.IsNotFound()) return error_of(got, directory_);
    if (got.IsNotFound() && families_.size() > 1) return damaged("its format is not noted in it");
    const bool is_older = found == std::to_string(oldest_format);
    if ((got.IsNotFound() || is_older) && !options_.read_only) {
      const rocksdb::Status put =
          database_->Put(synced(), slice_of(format_key), std::to_string(format_version));
      if (!put.ok()) return error_of(put, directory_);
      return {};
    }
    if (is_older || found == std::to_string(format_version)) return {};
    return user_error(
        "newer-format",
        "the store in {} has format {}, this program reads format {}; start the newer "
        "Leat that wrote it, or name another data directory",
        directory_, found, format_version);
  }

  /// Each family is as its last commit left it, as far as the others know.
  Status check_stamps() {
    std::map<std::string, std::string> stamps;
    LEAT_TRY(for_each(
        *families_.find(rocksdb::kDefaultColumnFamilyName)->second, stamp_prefix,
        end_of_prefix(stamp_prefix),
        [&](std::string_view key, std::string_view value) {
          stamps.emplace(key.substr(stamp_prefix.size()), value);
          return true;
        },
        nullptr));
    for (const auto& [name, stamp] : stamps) {
      const auto family = families_.find(name);
      if (family == families_.end()) return damaged("the state of " + name + " is gone");
      const auto found = LEAT_TRY(get(*family->second, stamp_key, nullptr));
      if (found != stamp) {
        return damaged(fmt::format("the state of {} is that of commit {}, not of {}", name,
                                   found.value_or("none"), stamp));
      }
      commits_ = std::max<std::uint64_t>(commits_, std::stoull(stamp));
    }
    return {};
  }

  const std::string directory_;
  const Options options_;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::shared_ptr<rocksdb::DB> database_;
  std::map<std::string, std::unique_ptr<RocksFamily>, std::less<>> families_;
  std::mutex commit_mutex_;
  const std::shared_ptr<SpareBatch> spare_batch_ = std::make_shared<SpareBatch>();
  std::uint64_t commits_ = 0;  // that were written or tried
  bool failed_ = false;
};

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& directory, Options options) {
  auto store = std::make_unique<RocksStore>(directory, options);
  LEAT_TRY(store->open_database());
  return store;
}

Status write_checkpoint(const Store& store, const std::string& directory) {
  const auto* rocks = dynamic_cast<const RocksStore*>(&store);
  LEAT_CHECK(rocks != nullptr);
  return rocks->write_checkpoint(directory);
}

std::string end_of_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace leat::state

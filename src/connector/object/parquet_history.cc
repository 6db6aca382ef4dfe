#include "connector/object/parquet_history.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <optional>

#include "connector/object/location.h"
#include "connector/object/manifest.h"
#include "connector/object/object_copies.h"
#include "connector/object/parquet_plan.h"

namespace leat::connector {

using namespace object;

namespace {

constexpr std::size_t page_objects = 10'000;
/// Of one table: each query reads all their footers.
constexpr std::size_t files_max = 20'000;
/// Of one table in S3, as a query needs a copy of all of its files.
constexpr std::uint64_t copied_bytes_max = 4ull << 30;
constexpr std::uint64_t manifest_bytes_max = 64u << 20;
/// At files that change while they are listed.
constexpr unsigned looks_max = 20;

class ParquetHistory final : public History {
 public:
  ParquetHistory(std::string sink, bool is_compacted, sql::FileTable table, Location location,
                 const Context& context)
      : sink_(std::move(sink)),
        is_compacted_(is_compacted),
        table_(std::move(table)),
        location_(std::move(location)),
        context_(context),
        store_(open_to_read(location_, context_)) {}

  const sql::FileTable& table() const override { return table_; }

  Result<std::vector<std::string>> files(std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    const std::vector<Object> objects = LEAT_TRY(current(stop));
    std::vector<std::string> paths;
    if (location_.is_folder()) {
      for (const Object& object : objects) paths.push_back(table_.folder + "/" + object.key);
      return paths;
    }
    std::uint64_t bytes = 0;
    for (const Object& object : objects) bytes += object.bytes;
    if (bytes > copied_bytes_max) {
      return user_error("history-too-large",
                        "{} has {} files of {} with {} MiB; queries here copy {} MiB at most, so "
                        "read them where they are: DuckDB, Spark and others read Parquet in S3",
                        store_->shown(), objects.size(), sink_, bytes >> 20,
                        copied_bytes_max >> 20);
    }
    if (!copies_) {
      copies_ = LEAT_TRY(ObjectCopies::open(context_.files, table_.folder, copied_bytes_max));
    }
    for (const Object& object : objects) {
      paths.push_back(LEAT_TRY(copies_->take(*store_, object, stop)));
    }
    return paths;
  }

 private:
  /// The files that hold each row once: while a merge takes the place of others they are all there
  /// for a moment, and its announcement says which of them count.
  Result<std::vector<Object>> current(const std::stop_token& stop) {
    for (unsigned look = 0; look < looks_max; ++look) {
      const std::string before = LEAT_TRY(newest_manifest(stop));
      std::vector<Object> objects = LEAT_TRY(list(stop));
      if (!is_compacted_) return objects;
      if (LEAT_TRY(newest_manifest(stop)) != before) continue;
      if (before.empty()) return objects;
      const auto text = store_->get(before, 0, manifest_bytes_max, stop);
      if (!text && text.error().code == "object-missing") continue;
      const Manifest manifest = LEAT_TRY(Manifest::parse(LEAT_TRY(std::move(text))));
      const bool is_shown = std::ranges::all_of(manifest.files, [&](const Manifest::File& file) {
        return std::ranges::find(objects, file.key, &Object::key) != objects.end();
      });
      if (!is_shown) return objects;
      std::erase_if(objects, [&](const Object& object) {
        return std::ranges::find(manifest.removes, object.key) != manifest.removes.end();
      });
      return objects;
    }
    return transient_error("history-changes",
                           "{}: the files of {} change faster than they can be listed; try again",
                           store_->shown(), sink_);
  }

  /// Its key; empty: there is none.
  Result<std::string> newest_manifest(const std::stop_token& stop) {
    if (!is_compacted_) return std::string();
    std::string newest;
    for (const Object& object :
         LEAT_TRY(store_->list(work_prefix(sink_) + "/", "", page_objects, stop))) {
      if (manifest_number(object.key) > 0) newest = object.key;
    }
    return newest;
  }

  Result<std::vector<Object>> list(const std::stop_token& stop) {
    std::vector<Object> objects;
    std::string after;
    while (true) {
      const auto page = LEAT_TRY(store_->list("", after, page_objects, stop));
      for (const Object& object : page) {
        if (is_file_of(sink_, object.key)) objects.push_back(object);
      }
      if (objects.size() > files_max) {
        return user_error("history-too-large",
                          "{} has more than {} files of {}, which is the most that queries here "
                          "read; let the sink write larger ones (`roll`, `compact`)",
                          store_->shown(), files_max, sink_);
      }
      if (page.size() < page_objects) return objects;
      after = page.back().key;
    }
  }

  const std::string sink_;
  const bool is_compacted_;
  const sql::FileTable table_;
  const Location location_;
  const Context context_;
  std::mutex mutex_;
  const std::unique_ptr<ObjectStore> store_;
  std::optional<ObjectCopies> copies_;
};

std::string folder_of(const Location& location, const Context& context, const std::string& sink) {
  if (location.is_folder()) return std::filesystem::absolute(location.folder).string();
  const std::string scratch = context.scratch_directory.empty()
                                  ? std::filesystem::temp_directory_path().string()
                                  : std::filesystem::absolute(context.scratch_directory).string();
  return scratch + "/history." + sink;
}

}  // namespace

Result<std::unique_ptr<History>> make_parquet_history(const SinkInput& input,
                                                      const Settings& settings,
                                                      const Context& context) {
  const ParquetPlan plan = LEAT_TRY(read_parquet_plan(input, settings));
  Location location = LEAT_TRY(read_location(settings, context));
  sql::FileTable table = LEAT_TRY(sql::table_of(plan.layout));
  table.folder = folder_of(location, context, plan.sink);
  return std::make_unique<ParquetHistory>(plan.sink, plan.compact.has_value(), std::move(table),
                                          std::move(location), context);
}

}  // namespace leat::connector

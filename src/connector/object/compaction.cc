#include "connector/object/compaction.h"

#include <algorithm>
#include <filesystem>

#include <spdlog/spdlog.h>

#include "connector/object/manifest.h"

namespace leat::connector::object {
namespace {

constexpr std::size_t page_objects = 10'000;

}  // namespace

Result<Compaction> Compaction::open(const ParquetPlan& plan, const Location& location,
                                    const Context& context, const std::string& scratch) {
  Compaction compaction(plan, location, context, scratch + "/merge");
  std::error_code failed;
  std::filesystem::create_directories(compaction.scratch_, failed);
  if (failed) {
    return external_error("io-error", "{}: {}", compaction.scratch_, failed.message());
  }
  if (!location.is_folder()) {
    compaction.copies_ = LEAT_TRY(
        ObjectCopies::open(context.files, compaction.scratch_ + "/copies", merged_bytes_max));
  }
  return compaction;
}

Result<std::vector<Object>> Compaction::files(ObjectStore& store,
                                              const std::stop_token& stop) const {
  std::vector<Object> found;
  std::string after;
  while (true) {
    const auto page = LEAT_TRY(store.list("", after, page_objects, stop));
    for (const Object& object : page) {
      const bool is_left = std::ranges::find(unmergeable_, object.key) != unmergeable_.end();
      if (is_file_of(plan_->sink, object.key) && !is_left) found.push_back(object);
    }
    if (page.size() < page_objects) return found;
    after = page.back().key;
  }
}

Result<std::optional<Compaction::Merged>> Compaction::merge(ObjectStore& store,
                                                            const std::string& name,
                                                            const std::stop_token& stop) {
  const std::vector<Object> chosen =
      choose_merge(LEAT_TRY(files(store, stop)), *plan_->compact, context_->clock.now_ms());
  if (chosen.empty()) return std::nullopt;
  sql::ParquetMerge merge{
      .files = {}, .readable_folder = scratch_, .folder = scratch_, .name = "merged.parquet"};
  if (location_->is_folder()) {
    merge.readable_folder = std::filesystem::absolute(location_->folder).string();
  }
  Merged merged;
  const std::string& first = chosen.front().key;
  merged.key = first.substr(0, first.size() - name_of(first).size()) + name;
  for (const Object& object : chosen) {
    merge.files.push_back(copies_ ? LEAT_TRY(copies_->take(store, object, stop))
                                  : merge.readable_folder + "/" + object.key);
    merged.removes.push_back(object.key);
  }
  auto file = sql::merge_parquet(merge, plan_->layout, stop);
  if (copies_) {
    for (const Object& object : chosen) LEAT_TRY(copies_->drop(object));
  }
  if (!file) {
    if (stop.stop_requested()) return std::unexpected(file.error());
    spdlog::warn("sink {}: {} files of {} can't be merged and are left as they are: {}",
                 plan_->sink, chosen.size(), store.shown(), file.error().message);
    unmergeable_.insert(unmergeable_.end(), merged.removes.begin(), merged.removes.end());
    return std::nullopt;
  }
  merged.file = std::move(*file);
  return merged;
}

}  // namespace leat::connector::object

#include "connector/object/parquet_sink.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <random>

#include "base/by_halves.h"
#include "connector/object/compaction.h"
#include "connector/object/location.h"
#include "connector/object/manifest.h"
#include "connector/object/parquet_plan.h"

namespace leat::connector {

using namespace object;

namespace {

/// How much smaller than in memory files are taken to be before one was written.
constexpr double first_ratio = 0.25;
/// Rows are gathered up to this many times the size of a file, however well they compress.
constexpr std::uint64_t gathered_per_file_max = 8;
constexpr std::size_t manifests_max = 1000;
/// Small files are looked for so often while one grows old enough to be merged.
constexpr std::int64_t looks_in_after = 4, look_ms_min = 500, look_ms_max = 600'000;

/// Tells apart processes, and what they wrote under one number not knowing of each other.
std::string new_tag() {
  std::random_device random;
  return fmt::format("{:08x}", static_cast<std::uint32_t>(random()));
}

class ParquetSink final : public Sink {
 public:
  ParquetSink(ParquetPlan plan, Location location, const Context& context)
      : plan_(std::move(plan)), location_(std::move(location)), context_(context) {}

  ~ParquetSink() override { clean_scratch(); }

  Result<std::optional<std::string>> open(std::stop_token stop) override {
    writer_.reset();
    if (store_ == nullptr) {
      store_ = LEAT_TRY(open_to_write(location_, work_prefix(plan_.sink), context_));
    }
    const std::optional<std::string> stored = LEAT_TRY(recover(stop));
    taken_ = durable_ = stored.value_or("");
    LEAT_TRY(make_scratch());
    writer_ = LEAT_TRY(sql::ParquetWriter::open(plan_.layout, scratch_));
    return stored;
  }

  Result<std::vector<RefusedRow>> write(const SinkBatch& batch, std::stop_token) override {
    if (taken_ == durable_) gathered_since_ = context_.clock.steady();
    std::vector<RefusedRow> refused;
    for (std::size_t part = 0; part < batch.parts.size(); ++part) {
      LEAT_TRY(add(batch, part, refused));
    }
    taken_ = batch.position;
    return refused;
  }

  Result<std::optional<std::string>> settle(bool all, std::stop_token stop) override {
    if (!all && plan_.compact) LEAT_TRY(compact(stop));
    if (taken_ == durable_) return std::nullopt;
    if (!all && !is_due()) return durable_;
    LEAT_TRY(write_files(stop));
    return std::nullopt;
  }

  Result<std::string> probe(std::stop_token stop) override {
    const auto store = open_to_read(location_, context_);
    LEAT_TRY(store->look(stop));
    const auto manifests =
        LEAT_TRY(store->list(work_prefix(plan_.sink) + "/", "", manifests_max, stop));
    return fmt::format("{}; {}", store->shown(),
                       manifests.empty() ? "nothing is written by this sink yet"
                                         : "this sink has written there before");
  }

 private:
  /// In halves, where a row's own values are the reason.
  Status add(const SinkBatch& batch, std::size_t part, std::vector<RefusedRow>& refused) {
    const SinkRows& rows = batch.parts[part];
    const auto write = [&](std::size_t begin, std::size_t count) {
      return writer_->add(rows.rows, rows.weights, begin, count);
    };
    return by_halves(0, rows.rows.size(), write, [&](std::size_t row, Error reason) {
      refused.push_back({part, row, std::move(reason.message)});
      return Status();
    });
  }

  bool is_due() const {
    const auto age = context_.clock.steady() - gathered_since_;
    const double expected = ratio_ * static_cast<double>(writer_->bytes());
    return (plan_.roll_rows > 0 && writer_->rows() >= plan_.roll_rows) ||
           expected >= static_cast<double>(plan_.roll_bytes) ||
           writer_->bytes() >= gathered_per_file_max * plan_.roll_bytes ||
           age >= std::chrono::milliseconds(plan_.roll_every_ms);
  }

  /// Brings what was announced last to its end, and removes what a crash left.
  Result<std::optional<std::string>> recover(const std::stop_token& stop) {
    const std::string prefix = work_prefix(plan_.sink) + "/";
    std::vector<std::uint64_t> numbers;
    for (const Object& object : LEAT_TRY(store_->list(prefix, "", manifests_max, stop))) {
      if (const std::uint64_t number = manifest_number(object.key)) numbers.push_back(number);
    }
    number_ = numbers.empty() ? 0 : numbers.back();
    std::optional<std::string> position;
    if (number_ > 0) {
      const std::string key = manifest_key(plan_.sink, number_);
      position = LEAT_TRY(finish(key, LEAT_TRY(read_manifest(key, stop)), stop));
      numbers.pop_back();
    }
    LEAT_TRY(store_->discard_staged(plan_.sink + ".", stop));
    for (const std::uint64_t number : numbers) {
      LEAT_TRY(store_->remove(manifest_key(plan_.sink, number), stop));
    }
    return position;
  }

  Result<Manifest> read_manifest(const std::string& key, const std::stop_token& stop) {
    constexpr std::uint64_t manifest_bytes_max = 64u << 20;
    const std::string text = LEAT_TRY(store_->get(key, 0, manifest_bytes_max, stop));
    auto manifest = Manifest::parse(text);
    if (!manifest) {
      return external_error(manifest.error().code,
                            "{}: the sink's own file {} is damaged: {}; restore it, or remove it "
                            "to go on where the data directory says",
                            store_->shown(), key, manifest.error().message);
    }
    return manifest;
  }

  /// Gives the position after an announced write: all of it is published now. Where that can't be,
  /// as what was staged is gone, it is all taken back and announced anew as nothing: its rows come
  /// again.
  Result<std::optional<std::string>> finish(const std::string& key, const Manifest& manifest,
                                            const std::stop_token& stop) {
    bool complete = true;
    for (const Manifest::File& file : manifest.files) {
      complete = LEAT_TRY(store_->publish(file.key, file.token, stop)) && complete;
    }
    if (complete) {
      for (const std::string& removed : manifest.removes) {
        LEAT_TRY(store_->remove(removed, stop));
      }
    }
    // A merge that can't be shown is none: the files that it was made of are there.
    if (complete || !manifest.removes.empty()) return manifest.position;
    for (const Manifest::File& file : manifest.files) {
      LEAT_TRY(store_->remove(file.key, stop));
    }
    std::optional<std::string> position;  // nothing: of a first write the data directory knows it
    if (!manifest.begin.empty()) {
      LEAT_TRY(announce({.instance = instance_,
                         .begin = manifest.begin,
                         .position = manifest.begin,
                         .files = {},
                         .removes = {}},
                        stop));
      position = manifest.begin;
    }
    LEAT_TRY(store_->remove(key, stop));
    return position;
  }

  Status write_files(const std::stop_token& stop) {
    const std::uint64_t gathered_bytes = writer_->bytes();
    const std::string name = fmt::format("{}.{:08}.{}", plan_.sink, number_ + 1, new_tag());
    Manifest manifest{
        .instance = instance_, .begin = durable_, .position = taken_, .files = {}, .removes = {}};
    std::uint64_t bytes = 0;
    std::vector<sql::ParquetFile> files;  // none where every row was refused
    if (writer_->rows() > 0) files = LEAT_TRY(writer_->write(name, stop));
    for (const sql::ParquetFile& file : files) {
      const std::string key = file.partition + std::string(name_of(file.path));
      std::string token = LEAT_TRY(store_->stage(key, file.path, stop));
      std::error_code ignored;
      std::filesystem::remove(file.path, ignored);
      bytes += file.bytes;
      manifest.files.push_back({key, std::move(token), file.rows, file.bytes});
    }
    LEAT_TRY(show(manifest, stop));
    durable_ = taken_;
    if (gathered_bytes > 0) {
      ratio_ = static_cast<double>(bytes) / static_cast<double>(gathered_bytes);
    }
    return {};
  }

  /// Announces what is staged, publishes it, and removes what it takes the place of.
  Status show(const Manifest& manifest, const std::stop_token& stop) {
    const std::string before = manifest_key(plan_.sink, number_);
    LEAT_TRY(announce(manifest, stop));
    for (const Manifest::File& file : manifest.files) {
      if (!LEAT_TRY(store_->publish(file.key, file.token, stop))) {
        return transient_error("staged-lost", "{}: {} was removed before it was published",
                               store_->shown(), file.key);
      }
    }
    for (const std::string& key : manifest.removes) LEAT_TRY(store_->remove(key, stop));
    return store_->remove(before, stop);
  }

  /// Merges small files of one folder, where there are such. What can't be merged is no failure of
  /// the sink: it is looked at again much later.
  Status compact(const std::stop_token& stop) {
    const auto now = context_.clock.steady();
    // Without a position of its own nothing was written, and a manifest would have none to hold.
    if (durable_.empty() || now < next_compaction_) return {};
    next_compaction_ =
        now + std::chrono::milliseconds(
                  std::clamp(plan_.compact->after_ms / looks_in_after, look_ms_min, look_ms_max));
    if (!compaction_)
      compaction_ = LEAT_TRY(Compaction::open(plan_, location_, context_, scratch_));
    const std::string name =
        fmt::format("{}.{:08}.{}-0.parquet", plan_.sink, number_ + 1, new_tag());
    const auto merged = LEAT_TRY(compaction_->merge(*store_, name, stop));
    if (!merged) return {};
    Manifest manifest{
        .instance = instance_, .begin = durable_, .position = durable_, .files = {}, .removes = {}};
    std::string token = LEAT_TRY(store_->stage(merged->key, merged->file.path, stop));
    std::error_code ignored;
    std::filesystem::remove(merged->file.path, ignored);
    manifest.files.push_back(
        {merged->key, std::move(token), merged->file.rows, merged->file.bytes});
    manifest.removes = merged->removes;
    next_compaction_ = now;
    return show(manifest, stop);
  }

  /// From here on the files of this write are bound to appear. Error `sink-fenced`: another
  /// instance has announced a write under this number.
  Status announce(const Manifest& manifest, const std::stop_token& stop) {
    const std::string key = manifest_key(plan_.sink, number_ + 1);
    const bool ours = LEAT_TRY(store_->put_if_absent(key, manifest.text(), stop));
    // A number that others have used and removed is free again; then theirs goes on after it.
    const auto after = LEAT_TRY(store_->list(work_prefix(plan_.sink) + "/", key, 1, stop));
    if (ours && after.empty()) {
      ++number_;
      return {};
    }
    if (ours) LEAT_TRY(store_->remove(key, stop));
    if (!ours && LEAT_TRY(read_manifest(key, stop)).instance == instance_) {
      return transient_error("announced-late",
                             "{}: an announcement that was given up has come through after all",
                             store_->shown());
    }
    return external_error("sink-fenced",
                          "sink {}: another instance writes to {} as this sink; run one alone, or "
                          "give each a `path` of its own",
                          plan_.sink, store_->shown());
  }

  Status make_scratch() {
    clean_scratch();
    std::error_code failed;
    if (context_.scratch_directory.empty()) {
      scratch_ = (std::filesystem::temp_directory_path(failed) / "leat-parquet-XXXXXX").string();
      if (::mkdtemp(scratch_.data()) == nullptr) failed = {errno, std::generic_category()};
    } else {
      scratch_ =
          std::filesystem::absolute(context_.scratch_directory).string() + "/parquet." + plan_.sink;
      std::filesystem::remove_all(scratch_, failed);
      std::filesystem::create_directories(scratch_, failed);
    }
    if (failed) {
      return external_error("io-error", "{}: {}; the sink gathers its rows there", scratch_,
                            failed.message());
    }
    return {};
  }

  void clean_scratch() {
    writer_.reset();
    compaction_.reset();
    std::error_code ignored;
    if (!scratch_.empty()) std::filesystem::remove_all(scratch_, ignored);
    scratch_.clear();
  }

  const ParquetPlan plan_;
  const Location location_;
  const Context context_;
  const std::string instance_ = new_tag();
  std::unique_ptr<ObjectStore> store_;
  std::string scratch_;
  std::unique_ptr<sql::ParquetWriter> writer_;
  std::uint64_t number_ = 0;  // of the newest manifest; 0: there is none
  std::string durable_;       // position after what is published; empty: not known
  std::string taken_;         // position after what is gathered
  std::chrono::steady_clock::time_point gathered_since_{};
  double ratio_ = first_ratio;  // bytes of files for each byte gathered
  std::optional<Compaction> compaction_;
  std::chrono::steady_clock::time_point next_compaction_{};
};

}  // namespace

Result<std::unique_ptr<Sink>> make_parquet_sink(const SinkInput& input, const Settings& settings,
                                                const Context& context) {
  ParquetPlan plan = LEAT_TRY(read_parquet_plan(input, settings));
  Location location = LEAT_TRY(read_location(settings, context));
  return std::make_unique<ParquetSink>(std::move(plan), std::move(location), context);
}

}  // namespace leat::connector

#include "connector/object/objects_source.h"

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>

#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "connector/object/object_copies.h"
#include "connector/object/object_finder.h"
#include "connector/object/objects_plan.h"
#include "connector/object/reading_progress.h"
#include "format/utf8.h"

namespace leat::connector {

using namespace object;

namespace {

constexpr std::int64_t backoff_first_ms = 200, backoff_max_ms = 10'000;
/// What only somebody's hand can mend is looked at again this often.
constexpr std::int64_t mended_by_hand_ms = 30'000;
/// Of objects that are told of at a time, so many by name.
constexpr std::size_t told_max = 5;

class ObjectsSource final : public LiveSource {
 public:
  ObjectsSource(ObjectsPlan plan, const Context& context)
      : plan_(std::move(plan)),
        context_(context),
        store_(open_to_read(plan_.location, context_)),
        finder_(plan_.match, plan_.age_min_ms),
        progress_(plan_.window_ms) {}

  ~ObjectsSource() override {
    parquet_.reset();
    std::error_code ignored;
    if (!scratch_.empty()) std::filesystem::remove_all(scratch_, ignored);
  }

  Status run(std::stop_token stop, RecordWriter& writer, SourceStatus& status) override {
    stop_ = stop;
    writer_ = &writer;
    status_ = &status;
    Backoff backoff(backoff_first_ms, backoff_max_ms);
    for (unsigned retry = 0; !stop_.stop_requested(); ++retry) {
      ++status_->attempts;
      const std::uint64_t records_before = status_->records;
      const Result<Round> round = read_round();
      if (stop_.stop_requested()) break;
      if (!round) {
        const Error& error = round.error();
        const bool is_final = error.code == "position-malformed" ||
                              error.domain == Domain::internal ||
                              (!plan_.follow && error.domain == Domain::user);
        if (is_final) return std::unexpected(error);
        if (status_->records != records_before) retry = 0;
        is_loaded_ = false;
        note_failure(error);
        wait(error.retryable ? backoff.wait_ms(retry) : mended_by_hand_ms);
        continue;
      }
      retry = 0;
      if (round->is_more) continue;
      if (!plan_.follow && !round->is_waiting) {
        if (round->held) return std::unexpected(*round->held);
        break;
      }
      status_->set_state("waiting");
      wait(plan_.every_ms);
    }
    status_->set_state("ended");
    return {};
  }

  Result<std::optional<std::string>> probe(std::stop_token stop) override {
    LEAT_TRY(look_for_folder());
    LEAT_TRY(store_->look(stop));
    const auto found =
        LEAT_TRY(finder_.find(*store_, ReadingProgress(plan_.window_ms), now_ms(), stop));
    const std::size_t count = found.fresh.size();
    return fmt::format("{}; {}{} {} there", store_->shown(), count, found.is_more ? " or more" : "",
                       count == 1 ? "object is" : "objects are");
  }

 private:
  struct Round {
    bool is_more = false;
    bool is_waiting = false;
    std::optional<Error> held;  ///< why an object could not be read now, though others could
  };

  /// Looks once and reads what is there. The error is one that stands in every object's way.
  Result<Round> read_round() {
    status_->set_state("listing");
    if (!is_loaded_) LEAT_TRY(load_progress());
    LEAT_TRY(look_for_folder());
    ObjectFinder::Found found = LEAT_TRY(finder_.find(*store_, progress_, now_ms(), stop_));
    LEAT_TRY(tell_of(found));
    status_->set_state("reading");
    Round round{.is_more = found.is_more, .is_waiting = found.is_waiting, .held = {}};
    for (const Object& object : found.fresh) {
      if (stop_.stop_requested()) return external_error("stopped", "stopped");
      const Status read = read_object(object);
      if (read) continue;
      LEAT_TRY(judge(object, read.error(), round));
    }
    LEAT_TRY(hand_over());
    if (round.held) {
      round.is_more = false;
      note_failure(*round.held);
    } else {
      note_success();
    }
    return round;
  }

  Status look_for_folder() {
    const std::string& folder = plan_.location.folder;
    if (!plan_.location.is_folder() || LEAT_TRY(context_.files.exists(folder))) return {};
    return user_error("object-refused", "there is no folder {}; make it, or correct `path`",
                      folder);
  }

  /// What the topic holds counts, whatever became of an attempt.
  Status load_progress() {
    gathered_.clear();
    progress_ = ReadingProgress(plan_.window_ms);
    if (const auto text = LEAT_TRY(writer_->position())) {
      progress_ = LEAT_TRY(ReadingProgress::parse(*text, plan_.window_ms));
    }
    noted_ = progress_.text();
    is_loaded_ = true;
    return {};
  }

  /// What is not going to be read, though it is there, or was.
  Status tell_of(const ObjectFinder::Found& found) {
    for (const Object& object : found.gone) {
      pass_over(object, "it was removed before it was read to its end");
    }
    for (std::size_t i = 0; i < found.changed.size(); ++i) {
      const Object& object = found.changed[i];
      if (progress_.begun().contains(object.key)) {
        pass_over(object, "it was changed before it was read to its end");
        continue;
      }
      ++status_->skipped;
      if (i >= told_max) continue;
      spdlog::warn(
          "objects source: {}: {} was changed after it was read, and is not read again; put what "
          "is new under a new name",
          store_->shown(), object.key);
    }
    for (std::size_t i = 0; i < found.late.size(); ++i) {
      ++status_->skipped;
      if (i >= told_max) continue;
      spdlog::warn(
          "objects source: {}: {} has appeared with a last-modified time before all that is "
          "remembered (`window`), and is not read; put it there again under a new name",
          store_->shown(), found.late[i].key);
    }
    return hand_over();
  }

  Status read_object(const Object& object) {
    if (format::valid_utf8_bytes(object.key) != object.key.size()) {
      return user_error("bad-name", "its name is no UTF-8");
    }
    const auto begun = progress_.begun().find(object.key);
    const std::uint64_t at = begun == progress_.begun().end() ? 0 : begun->second.at;
    const std::string path = LEAT_TRY(local_path(object));
    const auto reader =
        LEAT_TRY(open_object(plan_.format, context_, object.key, path, at, parquet_.get()));
    gathered_.begin_object(object.key);
    while (LEAT_TRY(reader->read(gathered_))) {
      if (!gathered_.is_full()) continue;
      progress_.reached(object, reader->position());
      LEAT_TRY(hand_over());
      if (stop_.stop_requested()) return external_error("stopped", "stopped");
    }
    return finish(object);
  }

  Status finish(const Object& object) {
    if (copies_) LEAT_TRY(copies_->drop(object));
    progress_.finish(object, now_ms());
    return gathered_.is_full() ? hand_over() : Status();
  }

  /// An object that could not be read: is it at fault, or what it is in? The error is one that
  /// stands in every object's way.
  Status judge(const Object& object, const Error& error, Round& round) {
    if (stop_.stop_requested()) return std::unexpected(error);
    const bool is_held = error.code == "object-refused";
    if (error.domain == Domain::user && !is_held) {
      pass_over(object, error.message);
      return finish(object);
    }
    const bool is_missing = error.code == "object-missing";
    if (!is_held && !is_missing) return std::unexpected(error);
    const bool is_begun = progress_.begun().contains(object.key);
    if (is_missing && !is_begun) return {};
    // It waits by its name, however much newer the others become.
    if (!is_begun && progress_.begun().size() >= ReadingProgress::begun_max) {
      return std::unexpected(error);
    }
    if (!is_begun) progress_.reached(object, 0);
    round.held = error;
    return {};
  }

  void pass_over(const Object& object, const std::string& why) {
    ++status_->skipped;
    ++status_->failures;
    last_skipped_ = fmt::format("{}: {} is passed over: {}", store_->shown(), object.key, why);
    status_->set_error(last_skipped_);
    spdlog::warn("objects source: {}; to have it read, put it there under a new name",
                 last_skipped_);
    progress_.finish(object, now_ms());
  }

  /// Writes what was gathered to the topic, together with how far that is.
  Status hand_over() {
    const std::string position = progress_.text();
    if (gathered_.is_empty() && position == noted_) return {};
    const std::vector<RecordWriter::Entry> entries = gathered_.entries();
    LEAT_TRY(writer_->append(entries, position));
    status_->records += entries.size();
    status_->bytes += gathered_.bytes();
    gathered_.clear();
    noted_ = position;
    return {};
  }

  /// Where the object's bytes are on this machine. Makes ready what reads them.
  Result<std::string> local_path(const Object& object) {
    std::string folder, path;
    if (plan_.location.is_folder()) {
      folder = std::filesystem::absolute(plan_.location.folder).string();
      path = folder + "/" + object.key;
      if (!LEAT_TRY(context_.files.exists(path))) {
        return external_error("object-missing", "{} is not there any more", path);
      }
      if (const auto opened = context_.files.open(path, io::OpenMode::read); !opened) {
        return user_error("object-refused", "{}", opened.error().message);
      }
    } else {
      if (!copies_) LEAT_TRY(make_scratch());
      folder = scratch_;
      path = LEAT_TRY(copies_->take(*store_, object, stop_));
    }
    if (plan_.format.kind == ObjectFormat::Kind::parquet && !parquet_) {
      parquet_ = LEAT_TRY(sql::ParquetReader::open(folder));
    }
    return path;
  }

  Status make_scratch() {
    std::error_code failed;
    if (context_.scratch_directory.empty()) {
      scratch_ = (std::filesystem::temp_directory_path(failed) / "leat-objects-XXXXXX").string();
      if (::mkdtemp(scratch_.data()) == nullptr) failed = {errno, std::generic_category()};
    } else {
      scratch_ = std::filesystem::absolute(context_.scratch_directory).string() + "/objects." +
                 context_.owner;
    }
    if (failed) {
      return external_error("io-error", "{}: {}; copies of objects are made there", scratch_,
                            failed.message());
    }
    copies_ = LEAT_TRY(ObjectCopies::open(context_.files, scratch_, plan_.object_bytes_max));
    return {};
  }

  void note_failure(const Error& error) {
    ++status_->failures;
    ++status_->retries;
    status_->set_state("retrying");
    status_->set_error(error.message);
    if (error.message != logged_)
      spdlog::warn("objects source: [{}] {}", error.code, error.message);
    logged_ = error.message;
  }

  /// An object that was passed over is not forgotten.
  void note_success() {
    status_->set_error(last_skipped_);
    if (!logged_.empty()) spdlog::info("objects source: {} can be read again", store_->shown());
    logged_.clear();
  }

  void wait(std::int64_t wait_ms) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    never.wait_for(lock, stop_, std::chrono::milliseconds(wait_ms), [] { return false; });
  }

  std::int64_t now_ms() const { return context_.clock.now_ms(); }

  const ObjectsPlan plan_;
  const Context context_;
  const std::unique_ptr<ObjectStore> store_;
  ObjectFinder finder_;
  ReadingProgress progress_;
  RecordGathering gathered_;
  bool is_loaded_ = false;  // progress_ goes on from the topic's
  std::string noted_;       // the position that the topic has
  std::string scratch_;
  std::optional<ObjectCopies> copies_;  // of S3
  std::unique_ptr<sql::ParquetReader> parquet_;
  std::string last_skipped_;
  std::string logged_;
  std::stop_token stop_;
  RecordWriter* writer_ = nullptr;  // while it runs
  SourceStatus* status_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<LiveSource>> make_objects_source(const Settings& settings,
                                                        const Context& context) {
  ObjectsPlan plan = LEAT_TRY(read_objects_plan(settings, context));
  return std::make_unique<ObjectsSource>(std::move(plan), context);
}

}  // namespace leat::connector

#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/simulated_file_system.h"
#include "log/topics.h"

namespace leat::log {

/// A clock that stands still until it is moved.
class StandingClock final : public Clock {
 public:
  TimestampMs now_ms() const override { return now; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  TimestampMs now = 1'700'000'000'000;
};

/// Topics on a simulated disk, with the verbs that tests of the log speak in.
class TopicsFixture : public testing::Test {
 protected:
  static constexpr const char* root = "/data/topics";

  TopicsFixture() {
    options_.clock = &clock_;
    options_.housekeeping = std::chrono::milliseconds(0);
    options_.warn = [this](const std::string& message) { warnings_.push_back(message); };
    options_.disk_failed = [this](const Error& error) { disk_errors_.push_back(error.message); };
    config_.segment_bytes = 1024;
  }

  Status start() {
    topics_.reset();
    auto opened = open_embedded_topics(files_, root, options_);
    if (!opened) return std::unexpected(std::move(opened).error());
    topics_ = std::move(*opened);
    return {};
  }

  PartitionLog& log(const std::string& name = "t") {
    return topics_->open(name, config_).value()->partition(Partition(0));
  }

  std::vector<std::string> names_in(const std::string& directory) {
    return files_.list(directory).value();
  }

  static Result<AppendResult> append(PartitionLog& log, std::vector<std::string> values,
                                     const std::optional<Producer>& producer = std::nullopt) {
    std::vector<NewRecord> records;
    for (const std::string& value : values) records.push_back({.value = value});
    return log.append(records, producer);
  }

  static Status append_synced(PartitionLog& log, std::vector<std::string> values) {
    const AppendResult appended = LEAT_TRY(append(log, std::move(values)));
    return log.sync(appended.last);
  }

  static Result<AppendResult> put(PartitionLog& log, std::string key,
                                  std::optional<std::string> value) {
    NewRecord record{.key = key, .value = value ? *value : std::string_view(), .has_key = true};
    record.tombstone = !value;
    return log.append({&record, 1}, std::nullopt);
  }

  /// "offset=value" of all durable records, or the error's code at the end.
  static std::vector<std::string> read_all(const PartitionLog& log,
                                           std::optional<Offset> from = std::nullopt,
                                           std::size_t bytes_max = 1) {
    std::vector<std::string> all;
    Slice slice;
    for (Offset next = from.value_or(log.first_offset());; next = slice.next) {
      if (const Status read = log.read(next, bytes_max, slice); !read) {
        all.push_back(read.error().code);
        return all;
      }
      if (slice.records.empty()) return all;
      for (const Record& record : slice.records) {
        all.push_back(fmt::format("{}={}", record.offset,
                                  record.value.data() == nullptr ? "-" : record.value));
      }
    }
  }

  io::SimulatedFileSystem files_;
  StandingClock clock_;
  TopicsOptions options_;
  TopicConfig config_;
  std::vector<std::string> warnings_;
  std::vector<std::string> disk_errors_;
  std::unique_ptr<Topics> topics_;
};

}  // namespace leat::log

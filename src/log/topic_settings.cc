#include "log/topic_settings.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>

#include "log/record_batch.h"

namespace leat::log {
namespace {

constexpr std::int64_t layout_version = 1;
constexpr std::int32_t partitions_max = 10'000;
constexpr std::uint64_t segment_bytes_min = 1024;

const std::map<std::string_view, Compression> compressions = {
    {"none", Compression::none}, {"lz4", Compression::lz4}, {"zstd", Compression::zstd}};

std::string_view name_of(Compression compression) {
  for (const auto& [name, value] : compressions) {
    if (value == compression) return name;
  }
  return "none";
}

std::unexpected<Error> damaged(const std::string& path, std::string_view key) {
  return external_error("log-damaged", "{}: \"{}\" is missing or wrong; restore it from a copy",
                        path, key);
}

using Entries = std::map<std::string_view, std::string_view>;

Entries split(std::string_view text) {
  Entries entries;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t space = std::min(line.find(' '), line.size());
    entries[line.substr(0, space)] = line.substr(std::min(line.size(), space + 1));
  }
  return entries;
}

template <class Number>
bool take(const Entries& entries, std::string_view key, Number& value) {
  const auto found = entries.find(key);
  if (found == entries.end()) return false;
  const char* const end = found->second.data() + found->second.size();
  const auto parsed = std::from_chars(found->second.data(), end, value);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

}  // namespace

std::string write_settings(const TopicConfig& config) {
  std::string text =
      fmt::format("leat_topic {}\npartitions {}\n", layout_version, config.partitions);
  if (config.retention_ms) text += fmt::format("retention_ms {}\n", *config.retention_ms);
  if (config.retention_bytes) text += fmt::format("retention_bytes {}\n", *config.retention_bytes);
  text += fmt::format("compacted {}\ncompression {}\nsegment_bytes {}\nrecord_bytes_max {}\n",
                      config.compacted ? 1 : 0, name_of(config.compression), config.segment_bytes,
                      config.record_bytes_max);
  return text;
}

Result<TopicConfig> parse_settings(std::string_view text, const std::string& path) {
  const Entries entries = split(text);
  std::int64_t version = 0;
  if (!take(entries, "leat_topic", version)) return damaged(path, "leat_topic");
  if (version > layout_version) {
    return user_error("newer-version",
                      "{} was written by a newer version of leat (layout {}, this one knows {}); "
                      "run that version, or use another data directory",
                      path, version, layout_version);
  }
  TopicConfig config;
  int compacted = 0;
  if (!take(entries, "partitions", config.partitions)) return damaged(path, "partitions");
  for (const auto& [key, value] : {std::pair{"retention_ms", &config.retention_ms},
                                   std::pair{"retention_bytes", &config.retention_bytes}}) {
    if (!entries.contains(key)) continue;
    if (!take(entries, key, value->emplace())) return damaged(path, key);
  }
  if (!take(entries, "compacted", compacted)) return damaged(path, "compacted");
  config.compacted = compacted != 0;
  const auto compression = entries.find("compression");
  if (compression == entries.end() || !compressions.contains(compression->second)) {
    return damaged(path, "compression");
  }
  config.compression = compressions.at(compression->second);
  if (!take(entries, "segment_bytes", config.segment_bytes)) return damaged(path, "segment_bytes");
  if (!take(entries, "record_bytes_max", config.record_bytes_max)) {
    return damaged(path, "record_bytes_max");
  }
  return config;
}

Status check_settings(const std::string& topic, const TopicConfig& config) {
  const auto refuse = [&](std::string_view what, auto low, auto high) {
    return user_error("bad-topic-settings", "topic {}: {} must be from {} to {}", topic, what, low,
                      high);
  };
  if (config.partitions < 1 || config.partitions > partitions_max) {
    return refuse("partitions", 1, partitions_max);
  }
  if (config.segment_bytes < segment_bytes_min || config.segment_bytes > (1ull << 31)) {
    return refuse("segment_bytes", segment_bytes_min, 1ull << 31);
  }
  if (config.record_bytes_max < 1 || config.record_bytes_max > batch_bytes_max - 1024) {
    return refuse("record_bytes_max", 1, batch_bytes_max - 1024);
  }
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  if (config.retention_ms.value_or(0) < 0) return refuse("retention_ms", 0, most);
  if (config.retention_bytes.value_or(0) < 0) return refuse("retention_bytes", 0, most);
  return {};
}

}  // namespace leat::log

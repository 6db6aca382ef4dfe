#include "connector/kafka/log_note.h"

#include <charconv>

#include <fmt/format.h>

#include "log/checked_file.h"

namespace leat::connector::kafka {
namespace {

constexpr std::string_view magic = "leat_kafka_log 1\n";
constexpr const char* file_name = "notes";
constexpr std::int64_t no_record = -1;

std::optional<std::string_view> take_until(char end, std::string_view& text) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view out = text.substr(0, at);
  text.remove_prefix(at + 1);
  return out;
}

template <class Number>
bool take_number(char end, std::string_view& text, Number& out, int base = 10) {
  const auto digits = take_until(end, text);
  if (!digits) return false;
  const char* const last = digits->data() + digits->size();
  const auto [at, error] = std::from_chars(digits->data(), last, out, base);
  return error == std::errc() && at == last;
}

/// One line, and the producers as bytes after it.
bool take_partition(std::string_view& text, LogNotes& out) {
  const auto topic = take_until(' ', text);
  int partition = 0;
  LogNote note;
  LogNote::Last last;
  std::size_t bytes = 0;
  const bool whole = topic && take_number(' ', text, partition) &&
                     take_number(' ', text, note.end) && take_number(' ', text, last.offset) &&
                     take_number(' ', text, last.print.timestamp_ms) &&
                     take_number(' ', text, last.print.checksum, 16) &&
                     take_number('\n', text, bytes) && bytes < text.size() && text[bytes] == '\n';
  if (!whole) return false;
  if (last.offset != no_record) note.last = last;
  auto producers = log::Producers::decode(text.substr(0, bytes));
  if (!producers) return false;
  note.producers = *std::move(producers);
  text.remove_prefix(bytes + 1);
  out.partitions.emplace(TopicPartition(*topic, partition), std::move(note));
  return true;
}

}  // namespace

std::string LogNotes::text() const {
  std::string out = fmt::format("{}{}\n{}\n", magic, cluster, prefix);
  for (const auto& [place, note] : partitions) {
    std::string producers;
    note.producers.encode(producers);
    const LogNote::Last last = note.last.value_or(LogNote::Last{.offset = no_record, .print = {}});
    out += fmt::format("{} {} {} {} {} {:08x} {}\n", place.first, place.second, note.end,
                       last.offset, last.print.timestamp_ms, last.print.checksum, producers.size());
    out += producers;
    out += '\n';
  }
  return out;
}

std::optional<LogNotes> LogNotes::parse(std::string_view text) {
  if (!text.starts_with(magic)) return std::nullopt;
  text.remove_prefix(magic.size());
  LogNotes out;
  const auto cluster = take_until('\n', text);
  const auto prefix = cluster ? take_until('\n', text) : std::nullopt;
  if (!prefix) return std::nullopt;
  out.cluster = *cluster;
  out.prefix = *prefix;
  while (!text.empty()) {
    if (!take_partition(text, out)) return std::nullopt;
  }
  return out;
}

Result<std::optional<LogNotes>> read_notes(io::FileSystem& files, const std::string& directory) {
  const auto text = LEAT_TRY(log::read_checked_file(files, directory, file_name));
  if (!text) return std::optional<LogNotes>();
  auto notes = LogNotes::parse(*text);
  if (notes) return notes;
  return external_error("log-damaged",
                        "{}/{} can't be read; restore it from a copy, or start with an empty data "
                        "directory",
                        directory, file_name);
}

Status write_notes(io::FileSystem& files, const std::string& directory, const LogNotes& notes) {
  return log::write_checked_file(files, directory, file_name, notes.text());
}

}  // namespace leat::connector::kafka

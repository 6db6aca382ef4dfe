#include "runtime/changelog.h"

#include <cstring>

#include <nlohmann/json.hpp>

#include "base/check.h"

namespace leat::runtime {
namespace {

using nlohmann::json;

constexpr std::size_t header_bytes = 1 + 8;  ///< weight and version
constexpr std::size_t batch_records_max = 4096;
constexpr std::size_t batch_bytes_max = 1u << 20;

std::string input_text(const std::string& input, const Schema& schema) {
  std::string text = input;
  for (const Column& column : schema)
    text += fmt::format(", {} {}", column.name, column.type.to_sql());
  return text;
}

std::vector<Type> types_of(const Schema& schema) {
  std::vector<Type> types;
  for (const Column& column : schema) types.push_back(column.type);
  return types;
}

/// A row on its way to the log: its value's length, then the value with no version yet.
struct Frame {
  static void append(std::int64_t weight, std::string_view row, std::string& out) {
    const auto length = static_cast<std::uint32_t>(header_bytes + row.size());
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    out += weight > 0 ? '\x01' : '\xff';
    out.append(8, '\0');
    out += row;
  }
  /// The next frame's value; `frames` then begins after it.
  static std::string_view take(std::string_view& frames) {
    std::uint32_t length = 0;
    std::memcpy(&length, frames.data(), sizeof length);
    const std::string_view value = frames.substr(sizeof length, length);
    frames.remove_prefix(sizeof length + length);
    return value;
  }
};

}  // namespace

Changelog::Changelog(log::PartitionLog& log, const std::string& input, const Schema& schema,
                     const Clock& clock)
    : log_(log), input_(input_text(input, schema)), codec_(types_of(schema)), clock_(clock) {}

Status Changelog::encode(const ChangeChunk& changes, std::string& out) const {
  return encode_rows(changes.rows, &changes, out);
}

Status Changelog::encode_rows(const Chunk& rows, const ChangeChunk* weights,
                              std::string& out) const {
  thread_local EncodedRows encoded;
  codec_.encode(rows, encoded);
  out.reserve(out.size() + encoded.byte_count() + rows.size() * (4 + header_bytes));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::int64_t weight = weights != nullptr ? weights->weight(row) : 1;
    for (std::int64_t n = 0; n < std::abs(weight); ++n) Frame::append(weight, encoded[row], out);
  }
  return {};
}

Status Changelog::write(std::string_view encoded, std::uint64_t) {
  last_version_us_ = std::max(clock_.now_ms() * 1000, last_version_us_ + 1);
  LEAT_TRY(append(encoded, true));
  return append(encoded, false);
}

/// All rows that are taken back have one version; each that is put in has one of its own, as a
/// stream may have a key twice.
Status Changelog::append(std::string_view encoded, bool taken_back) {
  values_.clear();
  values_.reserve(encoded.size());
  std::vector<log::NewRecord> records;
  while (!encoded.empty()) {
    const std::string_view value = Frame::take(encoded);
    if ((value.front() != '\x01') != taken_back) continue;
    const std::size_t at = values_.size();
    values_ += value;
    if (!taken_back) ++last_version_us_;
    std::memcpy(values_.data() + at + 1, &last_version_us_, sizeof last_version_us_);
    records.push_back({.value = std::string_view(values_).substr(at)});
    if (records.size() < batch_records_max && values_.size() < batch_bytes_max) continue;
    LEAT_TRY(flush(records));
  }
  return flush(records);
}

Status Changelog::flush(std::vector<log::NewRecord>& records) {
  if (records.empty()) return {};
  LEAT_TRY(log_.append(records, std::nullopt));
  records.clear();
  values_.clear();
  return {};
}

Result<std::string> Changelog::prepare() {
  prepared_ = log_.next_offset();
  if (prepared_ > log_.durable_offset()) LEAT_TRY(log_.sync(Offset(prepared_.value() - 1)));
  return json({{"end", prepared_.value()},
               {"begin", begin_.value()},
               {"input", input_},
               {"live", true}})
      .dump();
}

Status Changelog::committed() {
  if (end_.exchange(prepared_.value()) != prepared_.value() && notify_) notify_();
  return {};
}

Status Changelog::recover(const std::optional<std::string>& prepared) {
  Offset end = log_.first_offset();
  incomplete_ = true;
  if (prepared) {
    const json said = json::parse(*prepared, nullptr, false);
    if (!said.is_object() || !said.contains("end") || !said.contains("begin")) {
      return external_error("store-damaged", "the last commit does not say where {} ends: {}",
                            input_, *prepared);
    }
    end = Offset(said["end"].get<std::int64_t>());
    begin_ = Offset(said["begin"].get<std::int64_t>());
    const bool same_columns = said.value("input", "") == input_;
    if (!same_columns) begin_ = end;
    incomplete_ = !same_columns || !said.value("live", false);
  }
  if (log_.next_offset() > end) LEAT_TRY(log_.truncate_to(end));
  end_ = end.value();
  if (end == log_.first_offset()) return {};
  // The clock may have been set back since: versions go on after the newest.
  Slice slice;
  LEAT_TRY(log_.read(Offset(end.value() - 1), 1, slice));
  if (!slice.records.empty()) {
    last_version_us_ = LEAT_TRY(entry_of(slice.records.front().value)).version_us;
  }
  return {};
}

Status Changelog::add_present_rows(const Chunk& rows) {
  std::string encoded;
  LEAT_TRY(encode_rows(rows, nullptr, encoded));
  return write(encoded, rows.size());
}

Result<Changelog::Entry> Changelog::entry_of(std::string_view value) {
  if (value.size() < header_bytes) {
    return external_error("log-damaged",
                          "a changelog's record has {} bytes; restore the data "
                          "directory from a backup",
                          value.size());
  }
  Entry entry{.weight = value.front() == '\x01' ? 1 : -1, .row = value.substr(header_bytes)};
  std::memcpy(&entry.version_us, value.data() + 1, sizeof entry.version_us);
  return entry;
}

std::string Changelog::gone(const std::string& prepared) {
  json said = json::parse(prepared, nullptr, false);
  if (!said.is_object()) return prepared;
  said["live"] = false;
  return said.dump();
}

}  // namespace leat::runtime

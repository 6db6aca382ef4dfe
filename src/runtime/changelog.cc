#include "runtime/changelog.h"

#include <cstring>

#include <sodium.h>
#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "model/column_types.h"
#include "state/hash.h"

namespace leat::runtime {
namespace {

using nlohmann::json;

constexpr std::size_t header_bytes = ChangelogFrame::value_header_bytes;
constexpr std::size_t batch_records_max = 4096;
constexpr std::size_t batch_bytes_max = 1u << 20;

std::string input_text(const std::string& input, const Schema& schema) {
  std::string text = input;
  for (const Column& column : schema)
    text += fmt::format(", {} {}", column.name, column.type.to_sql());
  return text;
}

/// A target may hold secrets.
std::string digest_of(const std::string& text) {
  constexpr std::size_t bytes = 16;
  unsigned char digest[bytes];
  ::crypto_generichash(digest, bytes, reinterpret_cast<const unsigned char*>(text.data()),
                       text.size(), nullptr, 0);
  std::string hex(2 * bytes + 1, '\0');
  ::sodium_bin2hex(hex.data(), hex.size(), digest, bytes);
  hex.pop_back();  // its terminating NUL
  return hex;
}

}  // namespace

Changelog::Changelog(log::PartitionLog& log, const connector::SinkInput& input,
                     const std::string& target, const Clock& clock)
    : log_(log),
      input_(input_text(input.from, input.schema)),
      target_(input.written_anew ? digest_of(target) : ""),
      codec_(types_of(input.schema)),
      key_(input.key),
      key_codec_(types_of(input.schema, key_)),
      paired_(input.rows_change),
      clock_(clock) {}

Status Changelog::encode(const ChangeChunk& changes, std::string& out) const {
  std::vector<connector::RefusedRow> refused;
  return encode_rows(changes.rows, &changes, out, refused);
}

Status Changelog::encode_or_refuse(const ChangeChunk& changes, std::string& out,
                                   std::vector<connector::RefusedRow>& refused) const {
  return encode_rows(changes.rows, &changes, out, refused);
}

Status Changelog::encode_rows(const Chunk& rows, const ChangeChunk* weights, std::string& out,
                              std::vector<connector::RefusedRow>& refused) const {
  thread_local EncodedRows encoded, keys;
  codec_.encode(rows, encoded);
  const bool keyed = paired_ && !key_.empty();
  if (keyed) key_codec_.encode(rows, key_, keys);
  out.reserve(out.size() + encoded.byte_count() + rows.size() * ChangelogFrame::bytes_beside);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (encoded[row].size() > row_bytes_max) {
      refused.push_back({.row = row,
                         .reason = fmt::format("the row has {} bytes, and a row for a sink in "
                                               "another system at most {}",
                                               encoded[row].size(), row_bytes_max)});
      continue;
    }
    const std::uint64_t hash = keyed ? state::hash_bytes(keys[row]) : 0;
    const std::int64_t weight = weights != nullptr ? weights->weight(row) : 1;
    for (std::int64_t n = 0; n < std::abs(weight); ++n) {
      ChangelogFrame::append(hash, weight, encoded[row], out);
    }
  }
  return {};
}

/// A batch of the log never ends between what a key was and what it is now, as sinks read whole
/// batches. Batches that a full disk let through before it was full are not written again.
Status Changelog::write(std::string_view encoded, std::uint64_t) {
  last_version_us_ = std::max(clock_.now_ms() * 1000, last_version_us_ + 1);
  ChangelogFrame::parse(encoded, frames_);
  const std::vector<std::uint32_t>* order = paired_ ? &pairing_.order(frames_) : nullptr;
  const ChangelogFrame* before = nullptr;
  for (std::size_t i = flushed_; i < frames_.size(); ++i) {
    const ChangelogFrame& frame = frames_[order != nullptr ? (*order)[i] : i];
    const bool pair = paired_ && before != nullptr && before->key_hash == frame.key_hash;
    if (!pair && batch_is_full()) LEAT_TRY(flush());
    append(frame);
    before = &frame;
  }
  LEAT_TRY(flush());
  flushed_ = 0;
  return {};
}

bool Changelog::batch_is_full() const {
  return ends_.size() >= batch_records_max || values_.size() >= batch_bytes_max;
}

/// Each row that is put in has a version of its own, as a stream may have a key twice; one that is
/// taken back has the version of the row before it.
void Changelog::append(const ChangelogFrame& frame) {
  const std::size_t at = values_.size();
  values_ += frame.value;
  if (!frame.taken_back()) ++last_version_us_;
  std::memcpy(values_.data() + at + 1, &last_version_us_, sizeof last_version_us_);
  ends_.push_back(values_.size());
}

Status Changelog::flush() {
  if (ends_.empty()) return {};
  records_.clear();
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    records_.push_back({.value = std::string_view(values_).substr(begin, end - begin)});
    begin = end;
  }
  const auto appended = log_.append(records_, std::nullopt);
  if (appended) flushed_ += ends_.size();
  ends_.clear();
  values_.clear();
  if (!appended) return std::unexpected(appended.error());
  return {};
}

Result<std::string> Changelog::prepare() {
  prepared_ = log_.next_offset();
  if (prepared_ > log_.durable_offset()) LEAT_TRY(log_.sync(Offset(prepared_.value() - 1)));
  return json({{"end", prepared_.value()},
               {"begin", begin_.value()},
               {"input", input_},
               {"target", target_},
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
  is_new_ = !prepared;
  if (prepared) {
    const json said = json::parse(*prepared, nullptr, false);
    if (!said.is_object() || !said.contains("end") || !said.contains("begin")) {
      return external_error("store-damaged", "the last commit does not say where {} ends: {}",
                            input_, *prepared);
    }
    end = Offset(said["end"].get<std::int64_t>());
    begin_ = Offset(said["begin"].get<std::int64_t>());
    const bool same_columns = said.value("input", "") == input_;
    // The new target gets the view as it is; what the old one still lacked is part of that.
    const bool same_target = said.value("target", target_) == target_;
    if (!same_columns || !same_target) begin_ = end;
    incomplete_ = !same_columns || !same_target || !said.value("live", false);
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
  std::vector<connector::RefusedRow> refused;
  LEAT_TRY(encode_rows(rows, nullptr, encoded, refused));
  for (const connector::RefusedRow& row : refused) {
    spdlog::error("a row that is there already is left out of a sink: {}", row.reason);
  }
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

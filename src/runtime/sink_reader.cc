#include "runtime/sink_reader.h"

#include <algorithm>
#include <charconv>

#include "log/record_batch.h"

namespace leat::runtime {

using connector::SinkBatch;
using connector::SinkRows;

std::string SinkPosition::text(std::string_view identity) const {
  std::string out(identity);
  for (const Offset offset : offsets) out += fmt::format(" {}", offset);
  return out;
}

std::optional<SinkPosition> SinkPosition::parse(std::string_view text, std::string_view identity) {
  if (!text.starts_with(identity)) return std::nullopt;
  text.remove_prefix(identity.size());
  SinkPosition position;
  while (text.starts_with(' ')) {
    std::int64_t offset = 0;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), offset);
    if (error != std::errc()) return std::nullopt;
    position.offsets.emplace_back(offset);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  if (!text.empty()) return std::nullopt;
  return position;
}

SinkReader::SinkReader(const connector::SinkInput& input, log::Topic& topic,
                       const Changelog* changelog)
    : input_(input), topic_(topic), changelog_(changelog) {}

SinkPosition SinkReader::begin() const {
  SinkPosition position;
  bring_into_range(position);
  return position;
}

std::uint64_t SinkReader::bring_into_range(SinkPosition& position) const {
  const auto partitions = static_cast<std::size_t>(topic_.partition_count());
  std::uint64_t missed = 0;
  for (std::size_t i = 0; i < partitions; ++i) {
    const Offset first = topic_.partition(Partition(static_cast<std::int32_t>(i))).first_offset();
    const Offset begin = changelog_ != nullptr ? std::max(first, changelog_->begin()) : first;
    if (i >= position.offsets.size()) {
      position.offsets.push_back(begin);  // a partition that was added
    } else if (position.offsets[i] < begin) {
      missed += static_cast<std::uint64_t>(std::max<std::int64_t>(0, first - position.offsets[i]));
      position.offsets[i] = begin;
    }
    // A directory restored from a backup is behind what the other system has seen.
    position.offsets[i] = std::min(position.offsets[i], std::max(begin, end_of(i)));
  }
  position.offsets.resize(partitions);
  return missed;
}

Offset SinkReader::end_of(std::size_t partition) const {
  if (changelog_ != nullptr) return changelog_->end();
  return topic_.partition(Partition(static_cast<std::int32_t>(partition))).durable_offset();
}

std::uint64_t SinkReader::lag(const SinkPosition& position) const {
  std::uint64_t lag = 0;
  for (std::size_t i = 0; i < position.offsets.size(); ++i) {
    lag += static_cast<std::uint64_t>(std::max<std::int64_t>(0, end_of(i) - position.offsets[i]));
  }
  return lag;
}

Result<std::optional<SinkBatch>> SinkReader::next(SinkPosition& position) {
  for (std::size_t tried = 0; tried < position.offsets.size(); ++tried) {
    const std::size_t i = turn_++ % position.offsets.size();
    const Offset end = end_of(i);
    if (position.offsets[i] >= end) continue;
    const Partition partition(static_cast<std::int32_t>(i));
    LEAT_TRY(topic_.partition(partition).read(position.offsets[i], batch_bytes_max, slice_));
    SinkBatch batch = LEAT_TRY(batch_of(partition, end));
    position.offsets[i] = std::min(slice_.next, end);
    if (batch.rows > 0) return std::optional(std::move(batch));
  }
  return std::optional<SinkBatch>();
}

Result<SinkBatch> SinkReader::batch_of(Partition partition, Offset end) {
  SinkBatch batch{.parts = {}, .partition = partition, .position = {}};
  std::span<const Record> records(slice_.records);
  own_headers_.clear();
  while (!records.empty() && records.back().offset >= end)
    records = records.first(records.size() - 1);
  for (std::size_t at = 0; at < records.size(); at += chunk_rows_max) {
    const auto some = records.subspan(at, std::min(chunk_rows_max, records.size() - at));
    batch.parts.push_back(changelog_ != nullptr ? LEAT_TRY(changelog_rows(some))
                                                : LEAT_TRY(topic_rows(some, partition)));
    batch.rows += some.size();
  }
  return batch;
}

Result<SinkRows> SinkReader::changelog_rows(std::span<const Record> records) const {
  SinkRows out{.rows = Chunk(input_.schema), .weights = {}, .offsets = {}, .versions_us = {}};
  std::vector<std::string_view> rows;
  for (const Record& record : records) {
    const Changelog::Entry entry = LEAT_TRY(Changelog::entry_of(record.value));
    rows.push_back(entry.row);
    out.weights.push_back(entry.weight);
    out.versions_us.push_back(entry.version_us);
    out.offsets.push_back(record.offset);
  }
  LEAT_TRY(changelog_->codec().decode(rows, out.rows, 0));
  out.rows.set_size(rows.size());
  return out;
}

/// Headers as they were received; what Leat put there itself is nobody else's business.
Result<std::string_view> SinkReader::headers_of(const Record& record) {
  if (record.headers.find(position_header) == std::string_view::npos) return record.headers;
  log::Headers headers = LEAT_TRY(log::parse_headers(record.headers));
  std::erase_if(headers, [](const auto& header) { return header.first == position_header; });
  if (headers.empty()) return std::string_view();
  std::string& encoded = own_headers_.emplace_back();
  log::append_headers(headers, encoded);
  return std::string_view(encoded);
}

Result<SinkRows> SinkReader::topic_rows(std::span<const Record> records, Partition partition) {
  SinkRows out{.rows = Chunk(input_.schema), .weights = {}, .offsets = {}, .versions_us = {}};
  const auto column = [&]<class T>(connector::RecordColumn at, T*) {
    return static_cast<T*>(duckdb_vector_get_data(out.rows.vector(at)));
  };
  auto* keys = column(connector::record_key, static_cast<duckdb_string_t*>(nullptr));
  auto* values = column(connector::record_value, static_cast<duckdb_string_t*>(nullptr));
  auto* times = column(connector::record_timestamp, static_cast<std::int64_t*>(nullptr));
  auto* partitions = column(connector::record_partition, static_cast<std::int32_t*>(nullptr));
  auto* offsets = column(connector::record_offset, static_cast<std::int64_t*>(nullptr));
  auto* headers = column(connector::record_headers, static_cast<duckdb_string_t*>(nullptr));
  const auto set_text = [&](connector::RecordColumn at, duckdb_string_t* texts, std::size_t row,
                            std::string_view text, bool present) {
    if (present) return point_at(texts[row], text);
    const duckdb_vector vector = out.rows.vector(at);
    duckdb_vector_ensure_validity_writable(vector);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
  };
  for (std::size_t row = 0; row < records.size(); ++row) {
    const Record& record = records[row];
    set_text(connector::record_key, keys, row, record.key, record.has_key);
    set_text(connector::record_value, values, row, record.value, record.value.data() != nullptr);
    times[row] = record.timestamp * 1000;
    partitions[row] = partition.value();
    offsets[row] = record.offset.value();
    const std::string_view its_headers = LEAT_TRY(headers_of(record));
    set_text(connector::record_headers, headers, row, its_headers, !its_headers.empty());
    out.weights.push_back(1);
    out.offsets.push_back(record.offset);
    out.versions_us.push_back(record.timestamp * 1000);
  }
  out.rows.set_size(records.size());
  return out;
}

}  // namespace leat::runtime

#include "connector/kafka/message_encoder.h"

#include <charconv>
#include <numeric>

#include "format/value_text.h"
#include "model/chunk_copy.h"
#include "model/column_types.h"

namespace leat::connector::kafka {
namespace {

using Value = MessageOptions::Value;
using Shape = MessageOptions::Shape;

void append_number(std::int64_t number, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

std::int64_t floor_div(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

}  // namespace

MessageEncoder::MessageEncoder(const SinkInput& input, MessageOptions options)
    : input_(input),
      options_(std::move(options)),
      rows_(input.schema),
      shapes_(VectorShape::of(types_of(input.schema))),
      net_(input.schema, input.key),
      codec_(types_of(input.schema, input.key)) {
  for (const std::size_t column : options_.key) {
    std::string& prefix = key_prefixes_.emplace_back(key_prefixes_.empty() ? "{" : ",");
    format::append_json_string(input.schema[column].name, prefix);
    prefix += ':';
  }
}

const std::vector<Message>& MessageEncoder::encode(const SinkBatch& batch,
                                                   std::vector<RefusedRow>& refused) {
  bytes_.clear();
  messages_.clear();
  pieces_.clear();
  headers_.clear();
  header_pieces_.clear();
  messages_.reserve(batch.rows);
  bind_readers(batch);
  if (options_.value == Value::record) {
    encode_records(batch, refused);
    return messages_;
  }
  switch (options_.shape) {
    case Shape::rows:
    case Shape::weights:
      encode_rows(batch, refused);
      break;
    case Shape::upserts:
      encode_upserts(batch, refused);
      break;
    case Shape::envelope:
      encode_envelopes(batch, refused);
      break;
  }
  resolve();
  return messages_;
}

void MessageEncoder::bind_readers(const SinkBatch& batch) {
  readers_.resize(batch.parts.size());
  for (std::size_t part = 0; part < batch.parts.size(); ++part) {
    readers_[part].clear();
    for (std::size_t column = 0; column < shapes_.size(); ++column) {
      readers_[part].emplace_back(shapes_[column], batch.parts[part].rows.vector(column));
    }
  }
}

void MessageEncoder::encode_records(const SinkBatch& batch, std::vector<RefusedRow>& refused) {
  std::vector<RecordHeader> headers;
  for (std::size_t part = 0; part < batch.parts.size(); ++part) {
    const auto& columns = readers_[part];
    for (std::size_t row = 0; row < batch.parts[part].rows.size(); ++row) {
      Message& message = messages_.emplace_back();
      message.part = static_cast<std::uint32_t>(part);
      message.row = static_cast<std::uint32_t>(row);
      if (columns[record_key].valid(row)) message.key = columns[record_key].text(row);
      if (columns[record_value].valid(row)) message.value = columns[record_value].text(row);
      if (columns[record_timestamp].valid(row)) {
        message.timestamp_ms = std::max<std::int64_t>(
            0, floor_div(columns[record_timestamp].value<std::int64_t>(row), 1000));
      }
      if (!columns[record_headers].valid(row)) continue;
      if (!parse_headers(columns[record_headers].text(row), headers)) {
        messages_.pop_back();
        refused.push_back({part, row, "the record's headers are damaged"});
        continue;
      }
      message.first_header = static_cast<std::uint32_t>(headers_.size());
      message.header_count = static_cast<std::uint32_t>(headers.size());
      headers_.insert(headers_.end(), headers.begin(), headers.end());
    }
  }
}

void MessageEncoder::encode_rows(const SinkBatch& batch, std::vector<RefusedRow>& refused) {
  std::vector<std::vector<std::uint32_t>> chosen(batch.parts.size());
  for (std::size_t part = 0; part < chosen.size(); ++part) {
    chosen[part].resize(batch.parts[part].rows.size());
    std::iota(chosen[part].begin(), chosen[part].end(), 0);
  }
  encode_values(batch, chosen);
  for (std::size_t part = 0; part < chosen.size(); ++part) {
    for (std::size_t row = 0; row < chosen[part].size(); ++row) {
      const Place place{part, row};
      Piece value = lines_[part][row];
      const std::int64_t weight = batch.parts[part].weights[row];
      if (options_.shape == Shape::weights) {
        const std::size_t begin = bytes_.size();
        append_weighted(weight, value);
        value = {begin, bytes_.size() - begin};
      } else if (weight < 0) {
        refused.push_back({part, row, "the row was taken back, and a message can't be"});
        continue;
      }
      add(place, append_key(place), value);
    }
  }
}

void MessageEncoder::encode_upserts(const SinkBatch& batch, std::vector<RefusedRow>& refused) {
  const std::vector<KeyChange>& changes = net_.fold(batch);
  std::vector<std::vector<std::uint32_t>> chosen(batch.parts.size());
  for (const KeyChange& change : changes) {
    if (!change.deleted) chosen[change.part].push_back(static_cast<std::uint32_t>(change.row));
  }
  encode_values(batch, chosen);
  for (const KeyChange& change : changes) {
    const Place place{change.part, change.row};
    if (refuse_null_key(place, refused)) continue;
    add(place, append_key(place), change.deleted ? Piece() : lines_[change.part][change.row]);
  }
}

/// One transition a key, in the order in which the keys were first met.
std::vector<MessageEncoder::Transition> MessageEncoder::transitions(const SinkBatch& batch) {
  std::vector<Transition> out;
  if (!input_.rows_change) {
    for (std::size_t part = 0; part < batch.parts.size(); ++part) {
      for (std::size_t row = 0; row < batch.parts[part].rows.size(); ++row) {
        out.push_back({std::nullopt, Place{part, row}});
      }
    }
    return out;
  }
  if (encoded_keys_.size() < batch.parts.size()) encoded_keys_.resize(batch.parts.size());
  std::unordered_map<std::string_view, std::size_t> of_key;
  for (std::size_t part = 0; part < batch.parts.size(); ++part) {
    const SinkRows& rows = batch.parts[part];
    if (!input_.key.empty()) codec_.encode(rows.rows, input_.key, encoded_keys_[part]);
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
      const std::string_view key =
          input_.key.empty() ? std::string_view() : encoded_keys_[part][row];
      const auto [found, is_new] = of_key.try_emplace(key, out.size());
      if (is_new) out.emplace_back();
      Transition& change = out[found->second];
      if (rows.weights[row] > 0) {
        change.after = Place{part, row};
      } else if (change.after) {
        change.after.reset();  // it came and went within the batch
      } else if (!change.before) {
        change.before = Place{part, row};
      }
    }
  }
  std::erase_if(out, [](const Transition& change) { return !change.before && !change.after; });
  return out;
}

void MessageEncoder::encode_envelopes(const SinkBatch& batch, std::vector<RefusedRow>& refused) {
  const std::vector<Transition> changes = transitions(batch);
  std::vector<std::vector<std::uint32_t>> chosen(batch.parts.size());
  for (const Transition& change : changes) {
    for (const auto& place : {change.before, change.after}) {
      if (place) chosen[place->part].push_back(static_cast<std::uint32_t>(place->row));
    }
  }
  encode_values(batch, chosen);
  for (const Transition& change : changes) {
    const Place place = change.after ? *change.after : *change.before;
    if (input_.rows_change && refuse_null_key(place, refused)) continue;
    const Piece key = append_key(place);
    const std::size_t begin = bytes_.size();
    append_envelope(batch, change);
    add(place, key, {begin, bytes_.size() - begin});
    if (!change.after && options_.tombstones) add(place, key, Piece());
  }
}

void MessageEncoder::append_envelope(const SinkBatch& batch, const Transition& change) {
  // The line is copied within bytes_, which may move meanwhile.
  const auto append_state = [&](const std::optional<Place>& place) {
    if (!place) {
      bytes_ += "null";
      return;
    }
    const Piece line = lines_[place->part][place->row];
    bytes_.append(bytes_, line.begin, line.size);
  };
  const Place place = change.after ? *change.after : *change.before;
  bytes_ += R"({"before":)";
  append_state(change.before);
  bytes_ += R"(,"after":)";
  append_state(change.after);
  bytes_ += R"(,"source":{"connector":"leat","name":)";
  format::append_json_string(input_.from, bytes_);
  bytes_ += R"(},"op":")";
  bytes_ += !change.after ? 'd' : change.before ? 'u' : 'c';
  bytes_ += R"(","ts_ms":)";
  append_number(batch.parts[place.part].versions_us[place.row] / 1000, bytes_);
  bytes_ += '}';
}

/// The object goes on after the weight: its opening brace becomes the comma.
void MessageEncoder::append_weighted(std::int64_t weight, Piece line) {
  const bool json = options_.value == Value::json;
  if (json) bytes_ += R"({"weight":)";
  append_number(weight, bytes_);
  bytes_ += ',';
  if (json) {
    bytes_.append(bytes_, line.begin + 1, line.size - 1);
  } else {
    bytes_.append(bytes_, line.begin, line.size);
  }
}

void MessageEncoder::encode_values(const SinkBatch& batch,
                                   const std::vector<std::vector<std::uint32_t>>& rows) {
  lines_.resize(batch.parts.size());
  std::vector<Piece> lines;
  for (std::size_t part = 0; part < batch.parts.size(); ++part) {
    const Chunk& chunk = batch.parts[part].rows;
    lines_[part].assign(chunk.size(), Piece());
    if (rows[part].empty()) continue;
    lines.clear();
    if (options_.value == Value::column) {
      const VectorReader& reader = readers_[part][options_.column];
      for (const std::uint32_t row : rows[part]) {
        const std::size_t begin = bytes_.size();
        const bool there = append_cell(reader, options_.column, row);
        lines.push_back(there ? Piece{begin, bytes_.size() - begin} : Piece());
      }
    } else {
      encode_lines(chunk, rows[part], lines);
    }
    for (std::size_t i = 0; i < rows[part].size(); ++i) lines_[part][rows[part][i]] = lines[i];
  }
}

/// All rows at once, which is several times faster than row by row; the line breaks then tell where
/// each ends, unless a value holds one.
void MessageEncoder::encode_lines(const Chunk& chunk, const std::vector<std::uint32_t>& rows,
                                  std::vector<Piece>& lines) {
  const bool json = options_.value == Value::json;
  Chunk copied;
  if (rows.size() != chunk.size()) copied = copy_of(chunk, rows);
  const Chunk& source = copied ? copied : chunk;
  const std::size_t begin = bytes_.size();
  if (json) {
    rows_.append_json_lines(source, bytes_);
  } else {
    rows_.append_csv_lines(source, bytes_);
  }
  std::size_t at = begin;
  while (at < bytes_.size() && lines.size() <= rows.size()) {
    const std::size_t end = bytes_.find('\n', at);
    lines.push_back({at, end - at});
    at = end + 1;
  }
  if (at == bytes_.size() && lines.size() == rows.size()) return;
  bytes_.resize(begin);
  lines.clear();
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::size_t first = bytes_.size();
    if (json) {
      rows_.append_json_object(source, row, bytes_);
    } else {
      rows_.append_csv(source, row, bytes_);
    }
    lines.push_back({first, bytes_.size() - first});
  }
}

/// A value as text, blobs as their bytes. False: NULL, and nothing was written.
bool MessageEncoder::append_cell(const VectorReader& reader, std::size_t column, std::size_t row) {
  if (!reader.valid(row)) return false;
  const Type& type = input_.schema[column].type;
  if (type.id() == DUCKDB_TYPE_VARCHAR || type.id() == DUCKDB_TYPE_BLOB) {
    bytes_ += reader.text(row);
  } else {
    const unsigned scale = type.id() == DUCKDB_TYPE_DECIMAL ? type.decimal_scale() : 0;
    format::append_scalar(reader, row, scale, bytes_);
  }
  return true;
}

MessageEncoder::Piece MessageEncoder::append_key(Place place) {
  if (!options_.has_key) return {};
  const std::size_t begin = bytes_.size();
  const auto piece = [&] { return Piece{begin, bytes_.size() - begin}; };
  const std::vector<VectorReader>& columns = readers_[place.part];
  if (!options_.key_as_json) {
    const std::size_t column = options_.key.front();
    return append_cell(columns[column], column, place.row) ? piece() : Piece();
  }
  if (options_.key.empty()) bytes_ += '{';
  for (std::size_t i = 0; i < options_.key.size(); ++i) {
    const VectorReader& reader = columns[options_.key[i]];
    const Type& type = input_.schema[options_.key[i]].type;
    bytes_ += key_prefixes_[i];
    if (!reader.valid(place.row)) {
      bytes_ += "null";
    } else if (type.id() == DUCKDB_TYPE_VARCHAR && !type.is_json()) {
      format::append_json_string(reader.text(place.row), bytes_);
    } else {
      const bool quoted = !type.is_json() && format::is_quoted_in_json(type.id());
      const bool number = quoted || type.is_json() || format::is_finite(reader, place.row);
      if (quoted) bytes_ += '"';
      if (!number) {
        bytes_ += "null";
      } else if (type.id() == DUCKDB_TYPE_BLOB) {
        format::append_base64(reader.text(place.row), bytes_);
      } else {
        append_cell(reader, options_.key[i], place.row);
      }
      if (quoted) bytes_ += '"';
    }
  }
  bytes_ += '}';
  return piece();
}

bool MessageEncoder::refuse_null_key(Place place, std::vector<RefusedRow>& refused) const {
  if (!options_.has_key || options_.key_as_json) return false;
  const std::size_t column = options_.key.front();
  if (readers_[place.part][column].valid(place.row)) return false;
  refused.push_back({place.part, place.row,
                     fmt::format("the key column {} is NULL, and a message without a key replaces "
                                 "none; set `key_format: json`",
                                 input_.schema[column].name)});
  return true;
}

void MessageEncoder::add(Place place, Piece key, Piece value) {
  Message& message = messages_.emplace_back();
  message.part = static_cast<std::uint32_t>(place.part);
  message.row = static_cast<std::uint32_t>(place.row);
  pieces_.emplace_back(key, value);
  const std::vector<VectorReader>& columns = readers_[place.part];
  if (options_.timestamp && columns[*options_.timestamp].valid(place.row)) {
    const auto time = columns[*options_.timestamp].value<std::int64_t>(place.row);
    const bool in_ms = input_.schema[*options_.timestamp].type.id() == DUCKDB_TYPE_BIGINT;
    message.timestamp_ms = std::max<std::int64_t>(0, in_ms ? time : floor_div(time, 1000));
  }
  message.first_header = static_cast<std::uint32_t>(headers_.size());
  message.header_count = static_cast<std::uint32_t>(options_.headers.size());
  for (const auto& [name, column] : options_.headers) {
    const std::size_t begin = bytes_.size();
    headers_.push_back({name, std::nullopt});
    if (!append_cell(columns[column], column, place.row)) continue;
    header_pieces_.emplace_back(headers_.size() - 1, Piece{begin, bytes_.size() - begin});
  }
}

/// bytes_ stays where it is from now on.
void MessageEncoder::resolve() {
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    messages_[i].key = text(pieces_[i].first);
    messages_[i].value = text(pieces_[i].second);
  }
  for (const auto& [header, piece] : header_pieces_) headers_[header].value = text(piece);
}

}  // namespace leat::connector::kafka

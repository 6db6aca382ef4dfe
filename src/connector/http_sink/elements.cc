#include "connector/http_sink/elements.h"

#include "model/slice.h"
#include "model/vector_access.h"

namespace leat::connector {

Elements::Elements(const SinkInput& input)
    : kind_(input.kind),
      rows_change_(input.rows_change && !input.changes),
      changes_(input.changes),
      encoder_(input.schema) {
  if (rows_change_) net_.emplace(input.schema, input.key);
}

void Elements::encode(const SinkBatch& batch, std::vector<RefusedRow>& refused) {
  text_.clear();
  list_.clear();
  if (kind_ == SinkInput::Kind::topic) return encode_records(batch, refused);
  if (rows_change_) return encode_changes(batch);
  encode_rows(batch);
}

void Elements::add(const SinkBatch& batch, std::size_t part, std::size_t row, std::size_t begin) {
  list_.push_back({part, row, begin, text_.size(), batch.parts[part].offsets[row]});
}

void Elements::encode_rows(const SinkBatch& batch) {
  for (std::size_t part = 0; part < batch.parts.size(); ++part) {
    const SinkRows& rows = batch.parts[part];
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
      const std::size_t begin = text_.size();
      if (changes_) text_ += fmt::format("{{\"weight\":{}", rows.weights[row]);
      const std::size_t brace = text_.size();
      encoder_.append_json_object(rows.rows, row, text_);
      // The object goes on after the weight: its opening brace becomes the comma.
      if (changes_) text_[brace] = ',';
      add(batch, part, row, begin);
    }
  }
}

void Elements::encode_changes(const SinkBatch& batch) {
  for (const KeyChange& change : net_->fold(batch)) {
    const std::size_t begin = text_.size();
    text_ += change.deleted ? R"({"op":"delete","row":)" : R"({"op":"upsert","row":)";
    encoder_.append_json_object(batch.parts[change.part].rows, change.row, text_);
    text_ += '}';
    add(batch, change.part, change.row, begin);
  }
}

void Elements::encode_records(const SinkBatch& batch, std::vector<RefusedRow>& refused) {
  static const VectorShape shape = VectorShape::of(Type::of(DUCKDB_TYPE_BLOB));
  for (std::size_t part = 0; part < batch.parts.size(); ++part) {
    const Chunk& rows = batch.parts[part].rows;
    const VectorReader values(shape, rows.vector(record_value));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const std::size_t begin = text_.size();
      if (!values.valid(row)) {
        text_ += "null";
        add(batch, part, row, begin);
        continue;
      }
      record_ = values.text(row);
      const std::size_t size = record_.size();
      record_.append(slice_padding, '\0');
      std::size_t at = 0;
      if (!json_.index(std::string_view(record_).substr(0, size)) || !json_.check(at) ||
          !json_.check_end(at)) {
        refused.push_back({part, row, "the record is no JSON: " + json_.fault()});
        continue;
      }
      // On one line, as lines of JSON need it: between values a line break is but a space.
      for (const char letter : std::string_view(record_).substr(0, size)) {
        text_ += letter == '\n' || letter == '\r' ? ' ' : letter;
      }
      add(batch, part, row, begin);
    }
  }
}

}  // namespace leat::connector

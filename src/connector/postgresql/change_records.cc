#include "connector/postgresql/change_records.h"

#include <chrono>

#include <fmt/chrono.h>

#include "connector/postgresql/json_values.h"
#include "format/encoder.h"

namespace leat::connector::postgresql {
namespace {

constexpr std::int64_t us_to_2000 = 946'684'800'000'000;

/// "2026-01-01T00:00:00.000000Z"
std::string utc_text(std::int64_t us_since_2000) {
  const std::int64_t us = us_since_2000 + us_to_2000;
  const auto seconds = static_cast<std::time_t>(us / 1'000'000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06d}Z", fmt::gmtime(seconds), us % 1'000'000);
}

}  // namespace

void ChangeRecords::append_object(const RelationMessage& relation, const Tuple& row,
                                  bool key_only) {
  text_ += '{';
  bool first = true;
  for (std::size_t i = 0; i < relation.columns.size() && i < row.size(); ++i) {
    const RelationColumn& column = relation.columns[i];
    if (key_only && !column.is_key) continue;
    if (!first) text_ += ',';
    first = false;
    format::append_json_string(column.name, text_);
    text_ += ':';
    if (row[i].kind == TupleValue::Kind::text) {
      append_json_value(column.type, row[i].text, text_);
    } else {
      text_ += "null";
    }
  }
  text_ += '}';
}

void ChangeRecords::append_key(const RelationMessage& relation, const Tuple& row) {
  append_object(relation, row, true);
}

void ChangeRecords::begin_envelope(char op, const RelationMessage& relation) {
  text_ += R"({"op":")";
  text_ += op;
  text_ += R"(","table":)";
  format::append_json_string(relation.schema + "." + relation.name, text_);
}

void ChangeRecords::end_envelope(const ChangePlace& place) {
  if (place.lsn != 0) text_ += fmt::format(R"(,"lsn":"{}")", lsn_text(place.lsn));
  if (place.transaction != 0) text_ += fmt::format(R"(,"transaction":{})", place.transaction);
  if (place.commit_us != 0) text_ += fmt::format(R"(,"at":"{}")", utc_text(place.commit_us));
  text_ += '}';
}

void ChangeRecords::end_record(std::size_t key_end, bool has_key, bool tombstone) {
  places_.push_back({key_end, text_.size(), has_key, tombstone});
}

void ChangeRecords::add_row(char op, const RelationMessage& relation, const Tuple& row,
                            const Tuple* before, const std::vector<std::string>& unchanged,
                            const ChangePlace& place) {
  append_key(relation, row);
  const std::size_t key_end = text_.size();
  if (form_ == Form::rows) {
    append_object(relation, row, false);
    return end_record(key_end, true, false);
  }
  begin_envelope(op, relation);
  text_ += R"(,"before":)";
  if (before != nullptr) {
    append_object(relation, *before, false);
  } else {
    text_ += "null";
  }
  text_ += R"(,"after":)";
  append_object(relation, row, false);
  if (!unchanged.empty()) {
    text_ += R"(,"unchanged":)";
    for (std::size_t i = 0; i < unchanged.size(); ++i) {
      text_ += i == 0 ? '[' : ',';
      format::append_json_string(unchanged[i], text_);
    }
    text_ += ']';
  }
  end_envelope(place);
  end_record(key_end, true, false);
}

void ChangeRecords::add_delete(const RelationMessage& relation, const Tuple& row, bool is_whole,
                               const ChangePlace& place) {
  append_key(relation, row);
  const std::size_t key_end = text_.size();
  if (form_ == Form::rows) return end_record(key_end, true, true);
  begin_envelope('d', relation);
  text_ += R"(,"before":)";
  append_object(relation, row, !is_whole);
  text_ += R"(,"after":null)";
  end_envelope(place);
  end_record(key_end, true, false);
}

void ChangeRecords::add_truncate(const RelationMessage& relation, const ChangePlace& place) {
  if (form_ == Form::rows) return;
  const std::size_t begin = text_.size();
  begin_envelope('t', relation);
  text_ += R"(,"before":null,"after":null)";
  end_envelope(place);
  end_record(begin, false, false);
}

const std::vector<RecordWriter::Entry>& ChangeRecords::entries() {
  entries_.clear();
  const std::string_view text = text_;
  std::size_t begin = 0;
  for (const Place& place : places_) {
    entries_.push_back({.value = text.substr(place.key_end, place.value_end - place.key_end),
                        .key = text.substr(begin, place.key_end - begin),
                        .has_key = place.has_key,
                        .tombstone = place.tombstone});
    begin = place.value_end;
  }
  return entries_;
}

void ChangeRecords::clear() {
  text_.clear();
  places_.clear();
}

}  // namespace leat::connector::postgresql

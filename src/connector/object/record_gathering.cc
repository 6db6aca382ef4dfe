#include "connector/object/record_gathering.h"

namespace leat::connector::object {
namespace {

/// In no UTF-8 text, so that no decoder takes a record that was cut for a whole one.
constexpr char cut_mark = '\xFF';

}  // namespace

void RecordGathering::end_record(std::size_t record_bytes_max) {
  if (text_.size() - begin_ > record_bytes_max) {
    text_.resize(begin_ + record_bytes_max);
    text_.back() = cut_mark;
  }
  begin_ = text_.size();
  records_.push_back({begin_, keys_.size() - 1});
}

std::vector<RecordWriter::Entry> RecordGathering::entries() const {
  std::vector<RecordWriter::Entry> entries;
  entries.reserve(records_.size());
  std::size_t begin = 0;
  for (const Piece& piece : records_) {
    entries.push_back({.value = std::string_view(text_).substr(begin, piece.end - begin),
                       .key = keys_[piece.key],
                       .has_key = true});
    begin = piece.end;
  }
  return entries;
}

void RecordGathering::clear() {
  text_.clear();
  begin_ = 0;
  records_.clear();
  if (!keys_.empty()) keys_.erase(keys_.begin(), keys_.end() - 1);
}

}  // namespace leat::connector::object

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "connector/source.h"

namespace leat::connector::object {

/// Records on their way from objects to a topic: gathered over several small objects, or a part of
/// a large one. The key of a record is its object's. Used by one thread.
class RecordGathering {
 public:
  static constexpr std::size_t bytes_full = 1u << 20, records_full = 8192;

  /// Records that follow are this object's.
  void begin_object(std::string key) { keys_.push_back(std::move(key)); }

  /// To append one record to, and then to `end_record`, which cuts it after `record_bytes_max`
  /// bytes so that no decoder takes it for whole.
  std::string& text() { return text_; }
  void end_record(std::size_t record_bytes_max);

  bool is_empty() const { return records_.empty(); }
  bool is_full() const { return text_.size() >= bytes_full || records_.size() >= records_full; }
  std::size_t bytes() const { return text_.size(); }
  /// They point into what is gathered.
  std::vector<RecordWriter::Entry> entries() const;
  /// Forgets the records; those of the same object may follow.
  void clear();

 private:
  struct Piece {
    std::size_t end = 0;
    std::size_t key = 0;
  };
  std::string text_;
  std::size_t begin_ = 0;  ///< of the record that is being appended
  std::vector<Piece> records_;
  std::vector<std::string> keys_;
};

}  // namespace leat::connector::object

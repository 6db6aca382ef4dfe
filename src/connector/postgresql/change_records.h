#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connector/postgresql/logical_message.h"
#include "connector/source.h"

namespace leat::connector::postgresql {

/// Where and when a change came about.
struct ChangePlace {
  Lsn lsn = 0;
  std::int64_t commit_us = 0;  ///< since 2000; 0: unknown, as of a snapshot's rows
  std::uint32_t transaction = 0;
};

/// A table's rows and changes as records of a topic: their key is the primary key as a JSON
/// object, their value either the row or an envelope of what happened. Used by one thread; keeps
/// its memory.
class ChangeRecords {
 public:
  enum class Form {
    rows,      ///< the row; deleted: a record without a value
    envelope,  ///< {"op":…,"table":…,"before":…,"after":…,"lsn":…,"transaction":…,"at":…}
  };
  explicit ChangeRecords(Form form) : form_(form) {}

  /// `op`: r (read by the snapshot), c (created), u (updated). `before` may be null.
  void add_row(char op, const RelationMessage& relation, const Tuple& row, const Tuple* before,
               const std::vector<std::string>& unchanged, const ChangePlace& place);
  /// `row`: what is known of it, at least its key.
  void add_delete(const RelationMessage& relation, const Tuple& row, bool is_whole,
                  const ChangePlace& place);
  /// Nothing in the form of rows, which can't tell it.
  void add_truncate(const RelationMessage& relation, const ChangePlace& place);

  std::size_t size() const { return places_.size(); }
  std::size_t bytes() const { return text_.size(); }
  /// Valid until the next change.
  const std::vector<RecordWriter::Entry>& entries();
  void clear();

 private:
  struct Place {
    std::size_t key_end, value_end;
    bool has_key, tombstone;
  };
  void append_object(const RelationMessage& relation, const Tuple& row, bool key_only);
  void append_key(const RelationMessage& relation, const Tuple& row);
  void begin_envelope(char op, const RelationMessage& relation);
  void end_envelope(const ChangePlace& place);
  void end_record(std::size_t key_end, bool has_key, bool tombstone);

  const Form form_;
  std::string text_;
  std::vector<Place> places_;
  std::vector<RecordWriter::Entry> entries_;
};

}  // namespace leat::connector::postgresql

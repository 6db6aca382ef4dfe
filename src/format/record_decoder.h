#pragma once

#include <optional>
#include <string>
#include <vector>

#include "format/decoder.h"
#include "format/json_value.h"
#include "format/record_metadata.h"

namespace leat::format {

/// What is taken where a value is missing or null.
class DefaultValue {
 public:
  /// Of a column that has one. Error `default` (user): no JSON, or not of the column's type.
  static Result<DefaultValue> make(const DecodedColumn& column);

  /// False: the default is null, and nothing was written.
  bool write(TextArena& arena, VectorWriter& out, std::size_t row);

 private:
  DefaultValue(const DecodedColumn& column, std::size_t bytes);

  std::unique_ptr<char[]> bytes_;  ///< with padding; texts point into it
  JsonText text_;
  JsonValueReader reader_;
};

/// What decoders of all formats have in common: the columns' types are checked, metadata and
/// defaults are filled in, records become rows or are refused.
class RecordDecoder : public Decoder {
 public:
  std::size_t decode(const Slice& slice, const Origin& origin, std::size_t begin,
                     duckdb_data_chunk out, std::vector<std::uint32_t>& record_of,
                     std::vector<Refused>& refused) final;
  void begin_slice() final { arena_.clear(); }

 protected:
  struct ColumnPlan {
    DecodedColumn definition;
    bool read = true;  ///< false: only looked for, where it is required
    std::optional<MetadataReader> metadata;
    std::optional<DefaultValue> default_value;
    bool is_wanted() const { return read || (definition.required && !default_value); }
  };

  /// Checks the columns and takes them; the first step of making a decoder.
  Status take_columns(std::vector<DecodedColumn> definitions, const std::vector<bool>& reads);
  /// Fills the row with what is not metadata. False: refused, by `refuse`.
  virtual bool decode_value(const Record& record, std::size_t row) = 0;

  /// For a record without a value: its columns are NULL, required or not, where the stream reads
  /// `$tombstone` and so tells such records apart; else it is refused.
  bool decode_tombstone(std::size_t row);
  /// Always false.
  bool refuse(std::string column, std::string reason);
  VectorWriter& writer(std::size_t column) { return *writer_of_[column]; }
  /// For a value that is missing or null. False: it was required, and the record is refused.
  bool fill_missing(std::size_t column, bool null, std::size_t row);

  std::vector<ColumnPlan> columns_;
  TextArena arena_;

 private:
  Status take_column(DecodedColumn definition, bool read);
  bool decode_metadata(const Record& record, const Origin& origin, std::size_t row);

  std::vector<std::size_t> metadata_columns_;
  bool takes_tombstones_ = false;
  std::vector<VectorShape> shapes_;
  std::vector<VectorWriter> writers_;
  std::vector<VectorWriter*> writer_of_;  ///< by column; null where it is not read
  Refused refusal_;
};

}  // namespace leat::format

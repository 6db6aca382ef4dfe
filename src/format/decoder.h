#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/chunk.h"
#include "model/decoded_column.h"
#include "model/slice.h"

namespace leat::format {

/// A record that could not be decoded: it goes to the dead letters with this reason.
struct Refused {
  std::uint32_t record = 0;  ///< index in the slice
  std::string column;        ///< empty: the record as a whole
  std::string reason;        ///< what is wrong and where, for a person
};

/// Where the records of a slice came from, for the metadata columns.
struct Origin {
  std::string_view topic;
  Partition partition;
};

/// Bytes to columns. Holds scratch memory: one decoder a worker, used by one thread at a time.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Decodes records from index `begin` on straight into `out`'s vectors (laid out as the columns
  /// that the decoder was made for; only those marked as read are filled) until chunk_rows_max rows
  /// are there or the slice ends; returns the index to go on from. Refused records take no row;
  /// `record_of` gets each row's record. Text without escapes points into the slice; other text
  /// into memory that lives until the next `begin_slice`.
  virtual std::size_t decode(const Slice& slice, const Origin& origin, std::size_t begin,
                             duckdb_data_chunk out, std::vector<std::uint32_t>& record_of,
                             std::vector<Refused>& refused) = 0;
  /// Frees what the last slice's texts point into.
  virtual void begin_slice() = 0;
};

/// `reads[i]`: whether column i is wanted; others are left untouched (but a required one must still
/// be there). Empty: all are.
///
/// A document is checked as far as it is read: UTF-8, strings, brackets and what stands after the
/// document always, a value that no column reads is only passed over. Of a name that comes twice in
/// an object the last one counts. A column of text takes a number or boolean as it is written, and
/// an object or array as JSON. More than 1,024 levels are refused, and so is a tombstone unless
/// only metadata is read. Fraction digits that the type doesn't hold are cut off from times and
/// rounded in decimals; times without an offset are UTC.
Result<std::unique_ptr<Decoder>> make_json_decoder(std::vector<DecodedColumn> columns,
                                                   std::vector<bool> reads = {});

struct CsvOptions {
  char delimiter = ',';
  char quote = '"';
  std::vector<std::string> header;  ///< column names of the file, in order
  std::string null_text;            ///< this text is NULL (the empty one by default)
};
/// Records are CSV rows without the header line; columns are found by `DecodedColumn::field` or
/// else by name (by their order where `header` is empty). Nested and JSON columns are read as JSON.
Result<std::unique_ptr<Decoder>> make_csv_decoder(std::vector<DecodedColumn> columns,
                                                  CsvOptions options, std::vector<bool> reads = {});

}  // namespace leat::format

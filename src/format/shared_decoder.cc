#include "format/shared_decoder.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

namespace leat::format {
namespace {

/// After a slice that does not suit all readers: such records seldom come alone.
constexpr unsigned slices_apart = 63;

bool is_metadata(const DecodedColumn& column) { return column.field.starts_with('$'); }

/// Whether both columns hold the same values of a record, but for what each demands of them.
bool reads_alike(const DecodedColumn& left, const DecodedColumn& right) {
  return left.type == right.type && left.field == right.field && left.pointer == right.pointer &&
         left.default_json == right.default_json &&
         left.numbers_from_text == right.numbers_from_text && left.time_unit == right.time_unit;
}

/// Records without a value, and those of which nothing but metadata is wanted, are refused by some
/// readers and taken by others.
bool can_share(const WantedColumns& reader) {
  const auto is_tombstone = [](const auto& column) { return column.field == "$tombstone"; };
  return !std::ranges::all_of(reader.columns, is_metadata) &&
         std::ranges::none_of(reader.columns, is_tombstone);
}

/// The rows of the slice that is being worked on, with the columns of all readers.
class SharedRows {
 public:
  static Result<std::shared_ptr<SharedRows>> make(const std::vector<DecodedColumn>& columns) {
    std::vector<Column> schema;
    for (const DecodedColumn& column : columns) schema.push_back({column.name, column.type});
    return std::make_shared<SharedRows>(LEAT_TRY(make_json_decoder(columns)),
                                        Schema(std::move(schema)));
  }
  SharedRows(std::unique_ptr<Decoder> decoder, Schema schema)
      : decoder_(std::move(decoder)), schema_(std::move(schema)) {}

  /// All chunks but the last are full, row i is record i. Null where some record is no row.
  const std::vector<Chunk>* of(const Slice& slice, const Origin& origin) {
    if (std::exchange(slice_, &slice) != &slice) {
      ++slices_;
      chunks_.clear();
      suits_ = false;
      if (apart_ > 0) {
        --apart_;
      } else {
        suits_ = decode(slice, origin);
      }
    }
    return suits_ ? &chunks_ : nullptr;
  }
  /// Counts the slices, to tell one from the other.
  std::uint64_t slice_number() const { return slices_; }

  void begin_slice() {
    slice_ = nullptr;
    chunks_.clear();
    decoder_->begin_slice();
  }

 private:
  bool decode(const Slice& slice, const Origin& origin) {
    for (std::size_t next = 0; next < slice.records.size();) {
      Chunk chunk(schema_);
      next = decoder_->decode(slice, origin, next, chunk.handle(), record_of_, refused_);
      if (!refused_.empty()) {
        refused_.clear();
        chunks_.clear();
        apart_ = slices_apart;
        return false;
      }
      chunks_.push_back(std::move(chunk));
    }
    return true;
  }

  const std::unique_ptr<Decoder> decoder_;
  const Schema schema_;
  const Slice* slice_ = nullptr;
  std::uint64_t slices_ = 0;
  std::vector<Chunk> chunks_;
  bool suits_ = false;
  unsigned apart_ = 0;  ///< slices that are not tried
  std::vector<std::uint32_t> record_of_;
  std::vector<Refused> refused_;
};

bool has_null(const Chunk& chunk, std::size_t column) {
  const std::uint64_t* validity = duckdb_vector_get_validity(chunk.vector(column));
  if (validity == nullptr) return false;
  for (std::size_t row = 0; row < chunk.size(); ++row) {
    if (!is_valid(validity, row)) return true;
  }
  return false;
}

/// One reader: takes its columns from the shared rows where it can.
class SharingDecoder final : public Decoder {
 public:
  SharingDecoder(std::shared_ptr<SharedRows> rows, std::unique_ptr<Decoder> own,
                 std::vector<std::optional<std::size_t>> taken, std::vector<std::size_t> required)
      : rows_(std::move(rows)),
        own_(std::move(own)),
        taken_(std::move(taken)),
        required_(std::move(required)) {}

  std::size_t decode(const Slice& slice, const Origin& origin, std::size_t begin,
                     duckdb_data_chunk out, std::vector<std::uint32_t>& record_of,
                     std::vector<Refused>& refused) override {
    const std::vector<Chunk>* chunks = rows_->of(slice, origin);
    if (chunks == nullptr || !suits(*chunks)) {
      return own_->decode(slice, origin, begin, out, record_of, refused);
    }
    const Chunk& chunk = (*chunks)[begin / chunk_rows_max];
    for (std::size_t column = 0; column < taken_.size(); ++column) {
      if (!taken_[column]) continue;
      duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(out, column),
                                     chunk.vector(*taken_[column]));
    }
    record_of.resize(chunk.size());
    std::iota(record_of.begin(), record_of.end(), static_cast<std::uint32_t>(begin));
    duckdb_data_chunk_set_size(out, chunk.size());
    return begin + chunk.size();
  }

  void begin_slice() override {
    rows_->begin_slice();
    own_->begin_slice();
  }

 private:
  /// Whether every record has what this reader requires.
  bool suits(const std::vector<Chunk>& chunks) {
    if (std::exchange(judged_, rows_->slice_number()) != rows_->slice_number()) {
      suits_ = std::ranges::none_of(chunks, [&](const Chunk& chunk) {
        return std::ranges::any_of(required_,
                                   [&](std::size_t column) { return has_null(chunk, column); });
      });
    }
    return suits_;
  }

  const std::shared_ptr<SharedRows> rows_;
  const std::unique_ptr<Decoder> own_;
  const std::vector<std::optional<std::size_t>> taken_;  ///< by own column: which shared one
  const std::vector<std::size_t> required_;              ///< shared columns
  std::uint64_t judged_ = 0;                             ///< number of a slice
  bool suits_ = false;
};

/// Which shared column holds what this one wants; added where there is none.
std::size_t take_in(std::vector<DecodedColumn>& shared, DecodedColumn column) {
  const auto found = std::ranges::find_if(
      shared, [&](const DecodedColumn& other) { return reads_alike(other, column); });
  if (found != shared.end()) return static_cast<std::size_t>(found - shared.begin());
  column.name = fmt::format("c{}", shared.size());
  column.required = false;
  shared.push_back(std::move(column));
  return shared.size() - 1;
}

struct Taken {
  std::vector<std::optional<std::size_t>> columns;
  std::vector<std::size_t> required;
};

Taken take_in(std::vector<DecodedColumn>& shared, const WantedColumns& reader) {
  Taken taken;
  taken.columns.resize(reader.columns.size());
  for (std::size_t i = 0; i < reader.columns.size(); ++i) {
    const bool is_read = reader.reads.empty() || reader.reads[i];
    if (!is_read && !reader.columns[i].required) continue;
    const std::size_t column = take_in(shared, reader.columns[i]);
    if (is_read) taken.columns[i] = column;
    if (reader.columns[i].required) taken.required.push_back(column);
  }
  return taken;
}

}  // namespace

Result<std::vector<std::unique_ptr<Decoder>>> make_json_decoders(
    std::vector<WantedColumns> readers) {
  std::vector<std::unique_ptr<Decoder>> decoders;
  for (const WantedColumns& reader : readers) {
    decoders.push_back(LEAT_TRY(make_json_decoder(reader.columns, reader.reads)));
  }
  if (std::ranges::count_if(readers, can_share) < 2) return decoders;
  std::vector<DecodedColumn> shared;
  std::vector<std::optional<Taken>> taken(readers.size());
  for (std::size_t i = 0; i < readers.size(); ++i) {
    if (can_share(readers[i])) taken[i] = take_in(shared, readers[i]);
  }
  const std::shared_ptr<SharedRows> rows = LEAT_TRY(SharedRows::make(shared));
  for (std::size_t i = 0; i < readers.size(); ++i) {
    if (!taken[i]) continue;
    decoders[i] = std::make_unique<SharingDecoder>(
        rows, std::move(decoders[i]), std::move(taken[i]->columns), std::move(taken[i]->required));
  }
  return decoders;
}

}  // namespace leat::format

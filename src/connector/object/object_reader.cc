#include "connector/object/object_reader.h"

#include "base/check.h"
#include "connector/file_partition.h"
#include "connector/object/partition_columns.h"
#include "format/csv_record.h"
#include "format/encoder.h"

namespace leat::connector::object {
namespace {

constexpr std::size_t read_bytes = 256 * 1024;

/// Lines as they are, and rows of CSV that have no header.
class LineReader : public ObjectReader {
 public:
  LineReader(const ObjectFormat& format, const Context& context, const std::string& path)
      : bytes_max_(format.framing.record_bytes_max),
        file_(context.files, context.clock,
              FileOptions{.framing = format.framing, .header = format.header, .header_text = {}},
              path, path) {}

  Status begin(std::uint64_t position) {
    position_ = position;
    return position == 0 ? Status() : file_.seek(Offset(static_cast<std::int64_t>(position)));
  }

  Result<bool> read(RecordGathering& out) override {
    if (LEAT_TRY(file_.read(slice_, read_bytes)) != PartitionReader::Outcome::records) return false;
    for (const Record& record : slice_.records) {
      take(record.value, out.text());
      out.end_record(bytes_max_);
    }
    position_ = static_cast<std::uint64_t>(slice_.next.value());
    return true;
  }

  std::uint64_t position() const override { return position_; }

 protected:
  virtual void take(std::string_view record, std::string& out) { out += record; }

 private:
  const std::size_t bytes_max_;
  FilePartition file_;
  Slice slice_;
  std::uint64_t position_ = 0;
};

/// Rows of CSV as JSON objects by their header's names, whatever the order of the columns is.
class CsvReader final : public LineReader {
 public:
  CsvReader(const ObjectFormat& format, const Context& context, const std::string& path,
            std::string suffix)
      : LineReader(format, context, path), framing_(format.framing), suffix_(std::move(suffix)) {}

  /// Takes the object's first row for its header. False: it is none.
  bool take_header(std::string_view row) {
    if (!split(row)) return false;
    for (const format::CsvField& field : fields_) {
      std::string& prefix = prefixes_.emplace_back(prefixes_.empty() ? "{" : ",");
      format::append_json_string(field.text, prefix);
      prefix += ':';
    }
    return true;
  }

 protected:
  /// A row that does not fit its header stays as it is: no JSON, and the dead letters show it.
  void take(std::string_view row, std::string& out) override {
    const bool was_cut = row.ends_with('\xFF');
    if (was_cut || !split(row) || fields_.size() != prefixes_.size()) {
      out += row;
      return;
    }
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      out += prefixes_[i];
      const format::CsvField& field = fields_[i];
      if (field.quoted) {
        format::append_json_string(field.text, out);
      } else if (field.text.empty()) {
        out += "null";
      } else {
        append_json_value(field.text, out);
      }
    }
    out += suffix_;
    out += '}';
  }

 private:
  bool split(std::string_view row) {
    arena_.clear();
    std::size_t position = 0;
    return format::split_csv(row, framing_.delimiter, framing_.quote, arena_, fields_, position) ==
           nullptr;
  }

  const Framing framing_;
  const std::string suffix_;
  std::vector<std::string> prefixes_;
  std::vector<format::CsvField> fields_;
  format::TextArena arena_;
};

/// Rows of Parquet as JSON objects.
class ParquetRows final : public ObjectReader {
 public:
  ParquetRows(sql::ParquetReader& parquet, Schema schema, const ObjectFormat& format,
              std::string suffix)
      : parquet_(parquet),
        encoder_(std::move(schema)),
        bytes_max_(format.framing.record_bytes_max),
        suffix_(std::move(suffix)) {}

  /// Passes over the rows before `position`.
  Status begin(std::uint64_t position) {
    while (position_ < position) {
      rows_ = LEAT_TRY(parquet_.next());
      if (!rows_) return user_error("parquet-damaged", "it has fewer rows than were read of it");
      row_ = std::min<std::uint64_t>(rows_->size(), position - position_);
      position_ += row_;
    }
    return {};
  }

  Result<bool> read(RecordGathering& out) override {
    if (!rows_ || row_ == rows_->size()) {
      rows_ = LEAT_TRY(parquet_.next());
      row_ = 0;
      if (!rows_) return false;
    }
    for (; row_ < rows_->size() && !out.is_full(); ++row_, ++position_) {
      std::string& text = out.text();
      encoder_.append_json_object(*rows_, row_, text);
      if (!suffix_.empty()) {
        text.pop_back();
        text += suffix_;
        text += '}';
      }
      out.end_record(bytes_max_);
    }
    return true;
  }

  std::uint64_t position() const override { return position_; }

 private:
  sql::ParquetReader& parquet_;
  const format::RowEncoder encoder_;
  const std::size_t bytes_max_;
  const std::string suffix_;
  std::optional<Chunk> rows_;
  std::size_t row_ = 0;
  std::uint64_t position_ = 0;
};

/// The first row of a file, whatever it says.
Result<std::string> first_row(ObjectFormat format, const Context& context,
                              const std::string& path) {
  FilePartition file(context.files, context.clock,
                     FileOptions{.framing = format.framing, .header_text = {}}, path, path);
  Slice slice;
  if (LEAT_TRY(file.read(slice, 0)) != PartitionReader::Outcome::records) return std::string();
  return std::string(slice.records.front().value);
}

}  // namespace

Result<std::unique_ptr<ObjectReader>> open_object(const ObjectFormat& format,
                                                  const Context& context, const std::string& key,
                                                  const std::string& path, std::uint64_t position,
                                                  sql::ParquetReader* parquet) {
  if (format.kind == ObjectFormat::Kind::parquet) {
    LEAT_CHECK(parquet != nullptr);
    Schema schema = LEAT_TRY(parquet->begin(path));
    auto rows =
        std::make_unique<ParquetRows>(*parquet, std::move(schema), format, partition_columns(key));
    LEAT_TRY(rows->begin(position));
    return rows;
  }
  if (!format.header) {
    auto lines = std::make_unique<LineReader>(format, context, path);
    LEAT_TRY(lines->begin(position));
    return lines;
  }
  auto rows = std::make_unique<CsvReader>(format, context, path, partition_columns(key));
  const std::string header = LEAT_TRY(first_row(format, context, path));
  if (!rows->take_header(header)) {
    return user_error("csv-damaged", "its first row is no header: {}", header.substr(0, 200));
  }
  LEAT_TRY(rows->begin(position));
  return rows;
}

}  // namespace leat::connector::object

#include <cstring>

#include "format/csv_record.h"
#include "format/record_decoder.h"
#include "format/utf8.h"
#include "model/nearest_name.h"

namespace leat::format {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

/// Fields are read as text of the column's type; nested and JSON columns as JSON.
class CsvDecoder final : public RecordDecoder {
 public:
  explicit CsvDecoder(CsvOptions options) : options_(std::move(options)) {}
  Status prepare(std::vector<DecodedColumn> definitions, const std::vector<bool>& reads);

 protected:
  bool decode_value(const Record& record, std::size_t row) override;

 private:
  struct FieldColumn {
    std::size_t column;
    std::size_t field;
    std::optional<ScalarParser> parser;
    std::optional<JsonValueReader> json;
  };

  Result<std::size_t> find_field(const DecodedColumn& column, std::size_t index) const;
  bool read_field(FieldColumn& from, const CsvField& field, std::size_t row);
  bool read_json(FieldColumn& from, std::string_view text, std::size_t row);

  const CsvOptions options_;
  std::vector<FieldColumn> wanted_;
  bool has_fields_ = false;  ///< some column, wanted or not, is in the row
  std::vector<CsvField> fields_;
  JsonText json_text_;
};

Status CsvDecoder::prepare(std::vector<DecodedColumn> definitions, const std::vector<bool>& reads) {
  if (options_.delimiter == options_.quote || options_.delimiter == '\n') {
    return user_error("csv-delimiter", "the delimiter and the quote of a CSV file must differ");
  }
  LEAT_TRY(take_columns(std::move(definitions), reads));
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].metadata) continue;
    has_fields_ = true;
    const DecodedColumn& of = columns_[i].definition;
    FieldColumn from{i, LEAT_TRY(find_field(of, i)), {}, {}};
    if (!columns_[i].is_wanted()) continue;
    if (of.type.is_nested() || of.type.is_json()) {
      from.json.emplace(of.type, JsonValueReader::Options{of.numbers_from_text, of.time_unit});
    } else {
      from.parser.emplace(of.type, of.time_unit);
    }
    wanted_.push_back(std::move(from));
  }
  return {};
}

Result<std::size_t> CsvDecoder::find_field(const DecodedColumn& column, std::size_t index) const {
  // Without a header the columns are the fields in order.
  if (options_.header.empty()) return index;
  const std::string& name = column.field.empty() ? column.name : column.field;
  const auto found = std::ranges::find(options_.header, name);
  if (found != options_.header.end()) {
    return static_cast<std::size_t>(found - options_.header.begin());
  }
  const std::vector<std::string_view> names(options_.header.begin(), options_.header.end());
  return user_error("unknown-column", "column {}: the CSV header has no field \"{}\"{}",
                    column.name, name, did_you_mean(name, names));
}

bool CsvDecoder::decode_value(const Record& record, std::size_t row) {
  if (!has_fields_) return true;
  if (record.value.data() == nullptr) {
    return wanted_.empty() || decode_tombstone(row);
  }
  const std::size_t valid = valid_utf8_bytes(record.value);
  if (valid != record.value.size()) {
    return refuse("", fmt::format("malformed CSV: invalid UTF-8 at byte {}", valid));
  }
  std::size_t position = 0;
  const char* const wrong =
      split_csv(record.value, options_.delimiter, options_.quote, arena_, fields_, position);
  if (wrong != nullptr) {
    return refuse("", fmt::format("malformed CSV: {} at byte {}", wrong, position));
  }
  if (!options_.header.empty() && fields_.size() != options_.header.size()) {
    return refuse("", fmt::format("malformed CSV: {} fields where the header has {}",
                                  fields_.size(), options_.header.size()));
  }
  return std::ranges::all_of(wanted_, [&](FieldColumn& from) {
    if (from.field >= fields_.size()) return fill_missing(from.column, false, row);
    const CsvField& field = fields_[from.field];
    if (!field.quoted && field.text == options_.null_text) {
      return fill_missing(from.column, true, row);
    }
    return !columns_[from.column].read || read_field(from, field, row);
  });
}

bool CsvDecoder::read_field(FieldColumn& from, const CsvField& field, std::size_t row) {
  VectorWriter& out = writer(from.column);
  out.set_valid(row);
  if (from.json) return read_json(from, field.text, row);
  const DecodedColumn& of = columns_[from.column].definition;
  const std::string_view text =
      of.type.id() == DUCKDB_TYPE_VARCHAR ? field.text : trimmed(field.text);
  const ParseFault fault = from.parser->text(text, arena_, out, row);
  return fault == ParseFault::none || refuse(of.name, from.parser->reason(fault, text));
}

bool CsvDecoder::read_json(FieldColumn& from, std::string_view text, std::size_t row) {
  // The index reads beyond the end, where in a CSV row other fields stand.
  char* const padded = arena_.allocate(text.size() + slice_padding);
  std::memcpy(padded, text.data(), text.size());
  std::memset(padded + text.size(), ' ', slice_padding);
  const std::string& name = columns_[from.column].definition.name;
  std::size_t at = 0;
  if (!json_text_.index({padded, text.size()})) return refuse(name, json_text_.fault());
  const auto outcome = from.json->read(json_text_, at, arena_, writer(from.column), row);
  switch (outcome) {
    case JsonValueReader::Outcome::refused:
      return refuse(name, from.json->problem());
    case JsonValueReader::Outcome::malformed:
      return refuse(name, json_text_.fault());
    default:
      break;
  }
  if (!json_text_.check_end(at)) return refuse(name, json_text_.fault());
  return outcome == JsonValueReader::Outcome::value || fill_missing(from.column, true, row);
}

}  // namespace

Result<std::unique_ptr<Decoder>> make_csv_decoder(std::vector<DecodedColumn> columns,
                                                  CsvOptions options, std::vector<bool> reads) {
  auto decoder = std::make_unique<CsvDecoder>(std::move(options));
  LEAT_TRY(decoder->prepare(std::move(columns), reads));
  return std::unique_ptr<Decoder>(std::move(decoder));
}

}  // namespace leat::format

#include "trial/row_comparison.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "format/encoder.h"
#include "pipeline/typed_rows.h"
#include "trial/pairing.h"
#include "trial/same_value.h"

namespace leat::trial {
namespace {

/// Rows of several chunks, by one number; of each the columns of a list.
class RowTable {
 public:
  RowTable(const std::vector<Chunk>& chunks, const std::vector<VectorShape>& shapes,
           const Schema& schema, std::vector<std::size_t> columns)
      : chunks_(chunks), columns_(std::move(columns)), encoder_(schema) {
    for (std::size_t chunk = 0; chunk < chunks.size(); ++chunk) {
      readers_.push_back(read_columns(shapes, chunks[chunk], columns_));
      for (std::size_t row = 0; row < chunks[chunk].size(); ++row) places_.push_back({chunk, row});
    }
  }

  std::size_t size() const { return places_.size(); }
  const VectorReader& reader(std::size_t row, std::size_t column) const {
    return readers_[places_[row].chunk][column];
  }
  std::size_t row_in_chunk(std::size_t row) const { return places_[row].row; }

  /// As a person reads it: a text that could be taken for something else stands in quotes.
  std::string cell(std::size_t row, std::size_t column) const {
    const Place place = places_[row];
    std::string text;
    encoder_.append_text(chunks_[place.chunk], place.row, columns_[column], text);
    const bool is_text = encoder_.schema()[columns_[column]].type.id() == DUCKDB_TYPE_VARCHAR;
    if (!is_text || !reader(row, column).valid(place.row)) return text;
    const bool odd = text.empty() || text == "NULL" || text.front() == ' ' || text.back() == ' ';
    return odd ? fmt::format("\"{}\"", text) : text;
  }

 private:
  struct Place {
    std::size_t chunk, row;
  };
  const std::vector<Chunk>& chunks_;
  const std::vector<std::size_t> columns_;
  const format::RowEncoder encoder_;
  std::vector<std::vector<VectorReader>> readers_;
  std::vector<Place> places_;
};

class RowComparison {
 public:
  RowComparison(const pipeline::TestExpectation& expected, const Schema& schema)
      : expected_(expected), schema_(schema) {
    std::set<std::size_t> named;
    for (const pipeline::TestRow& row : expected.rows) {
      named.insert(row.columns.begin(), row.columns.end());
    }
    // Where no row is expected, those that came are shown whole.
    for (std::size_t i = 0; i < schema.size(); ++i) {
      if (named.empty() || named.contains(i)) columns_.push_back(i);
    }
    std::vector<Column> part;
    for (const std::size_t column : columns_) part.push_back(schema[column]);
    part_ = Schema(std::move(part));
    for (const Column& column : part_) shapes_.push_back(VectorShape::of(column.type));
  }

  Result<std::optional<Difference>> compare(const std::vector<Chunk>& rows) {
    std::vector<std::string> texts;
    for (const pipeline::TestRow& row : expected_.rows) texts.push_back(row.json);
    std::vector<Chunk> expected_rows;
    if (!texts.empty()) {
      std::vector<pipeline::RowFault> faults;
      expected_rows = LEAT_TRY(pipeline::read_rows(part_, texts, faults));
      LEAT_CHECK(faults.empty());  // the pipeline's check has read them, too
    }
    std::vector<std::size_t> own(part_.size());
    for (std::size_t i = 0; i < own.size(); ++i) own[i] = i;
    const RowTable wanted(expected_rows, shapes_, part_, own);
    const RowTable came(rows, shapes_, schema_, columns_);
    const auto pairs = pair_up(wanted.size(), came.size(), [&](std::size_t a, std::size_t b) {
      return fits(wanted, a, came, b);
    });
    return difference(wanted, came, pairs);
  }

 private:
  bool is_named(std::size_t row, std::size_t column) const {
    const auto& named = expected_.rows[row].columns;
    return std::ranges::find(named, columns_[column]) != named.end();
  }

  bool fits(const RowTable& wanted, std::size_t a, const RowTable& came, std::size_t b) const {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!is_named(a, i)) continue;
      if (!same_value(part_[i].type, wanted.reader(a, i), wanted.row_in_chunk(a), came.reader(b, i),
                      came.row_in_chunk(b), expected_.tolerance)) {
        return false;
      }
    }
    return true;
  }

  std::optional<Difference> difference(const RowTable& wanted, const RowTable& came,
                                       const std::vector<std::optional<std::size_t>>& pairs) const {
    std::vector<bool> taken(came.size(), false);
    std::vector<Difference::Line> missing, surplus;
    for (std::size_t row = 0; row < pairs.size(); ++row) {
      if (pairs[row]) {
        taken[*pairs[row]] = true;
        continue;
      }
      Difference::Line& line = missing.emplace_back();
      line.expected = true;
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        line.cells.push_back(is_named(row, i) ? std::optional(wanted.cell(row, i)) : std::nullopt);
      }
    }
    for (std::size_t row = 0; row < came.size(); ++row) {
      if (taken[row]) continue;
      Difference::Line& line = surplus.emplace_back();
      for (std::size_t i = 0; i < columns_.size(); ++i) line.cells.emplace_back(came.cell(row, i));
    }
    if (missing.empty() && (surplus.empty() || expected_.others)) return std::nullopt;
    Difference out;
    out.message = counts_text("row", wanted.size() - missing.size(), missing.size(),
                              expected_.others ? 0 : surplus.size());
    for (const Column& column : part_) {
      out.columns.push_back(column.name);
      out.right_aligned.push_back(column.type.is_numeric());
    }
    add_lines(std::move(missing), std::move(surplus), out);
    return out;
  }

  const pipeline::TestExpectation& expected_;
  const Schema& schema_;
  std::vector<std::size_t> columns_;  // that are compared, or shown
  Schema part_;                       // and how they are typed
  std::vector<VectorShape> shapes_;
};

}  // namespace

Result<std::optional<Difference>> compare_rows(const pipeline::TestExpectation& expected,
                                               const Schema& schema,
                                               const std::vector<Chunk>& rows) {
  return RowComparison(expected, schema).compare(rows);
}

}  // namespace leat::trial

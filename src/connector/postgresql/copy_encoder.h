#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "connector/postgresql/column_type.h"
#include "connector/sink.h"
#include "model/schema.h"

namespace leat::connector::postgresql {

/// The place of a row's weight among the columns that are written.
inline constexpr std::size_t weight_column = static_cast<std::size_t>(-1);

/// A column of the statement's list: which of the input's, and as what.
struct CopyColumn {
  std::size_t source = 0;  ///< index in the input's schema, or weight_column
  ColumnType type;
};

/// Writes rows as COPY … (FORMAT binary) takes them. Used by one thread.
///
/// NULL, infinities and NaN stay what they are; a timestamp of nanoseconds is cut to microseconds.
/// What PostgreSQL's type can't hold (a year beyond 294276) is written so that the server refuses
/// it.
class CopyEncoder {
 public:
  CopyEncoder(const Schema& schema, std::vector<CopyColumn> columns);
  ~CopyEncoder();
  CopyEncoder(CopyEncoder&&) noexcept;

  static void append_header(std::string& out);
  static void append_trailer(std::string& out);
  /// The part's rows with these numbers.
  void append_rows(const SinkRows& part, std::span<const std::uint32_t> rows, std::string& out);

 private:
  struct Cell;
  std::vector<Cell> cells_;
};

}  // namespace leat::connector::postgresql

#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "model/slice.h"

namespace leat::connector {

/// How records lie in a file. Pure data and pure functions.
struct Framing {
  enum class Kind { lines, csv };
  Kind kind = Kind::lines;
  char delimiter = ',';  ///< of CSV
  char quote = '"';      ///< of CSV
  std::size_t record_bytes_max = 16u << 20;

  /// Cuts whole records out of `bytes`, whose first byte is at `offset` in the file, and appends
  /// them with that timestamp; empty lines are none. Returns the bytes used up: what comes behind
  /// them has no end yet. A record above the maximum is cut there and gets a last byte that no
  /// decoder takes (0xFF). In CSV a line break inside quotes belongs to its row.
  std::size_t cut(std::span<char> bytes, std::int64_t offset, TimestampMs timestamp,
                  std::vector<Record>& records) const;

  /// One record that is there as a whole, without its line end. Appends nothing when it is empty.
  void take(std::span<char> record, std::int64_t offset, TimestampMs timestamp,
            std::vector<Record>& records) const;

 private:
  std::size_t cut_lines(std::span<char> bytes, std::int64_t offset, TimestampMs timestamp,
                        std::vector<Record>& records) const;
  /// Position of the row's line break, from `begin` on; npos: it has none yet.
  std::size_t row_end(std::string_view bytes, std::size_t begin) const;
};

}  // namespace leat::connector

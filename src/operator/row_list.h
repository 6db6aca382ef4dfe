#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace leat::op {

/// Rows as one piece of bytes: for each a varint of its length and its bytes, sorted by them, so
/// that equal lists have equal bytes (docs/formats/store.md). Reads what it wrote itself only.
class RowList {
 public:
  explicit RowList(std::string_view bytes) : bytes_(bytes) {}

  /// Sorts `rows` and replaces `out` by their list.
  static void write(std::vector<std::string_view>& rows, std::string& out) {
    std::ranges::sort(rows);
    out.clear();
    for (const std::string_view row : rows) {
      std::size_t size = row.size();
      for (; size >= 0x80; size >>= 7) out.push_back(static_cast<char>(0x80 | (size & 0x7F)));
      out.push_back(static_cast<char>(size));
      out.append(row);
    }
  }

  /// The next row; false at the end.
  bool next(std::string_view& row) {
    if (bytes_.empty()) return false;
    std::size_t size = 0;
    std::size_t at = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[at++]);
      size |= std::size_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) break;
    }
    row = bytes_.substr(at, size);
    bytes_.remove_prefix(at + size);
    return true;
  }

  /// Calls `change(row, weight)` for each row that only one of the lists has: -1 and 1.
  template <class Change>
  static Status difference(std::string_view before, std::string_view after, Change&& change) {
    if (before == after) return {};
    RowList old_rows(before), new_rows(after);
    std::string_view old_row, new_row;
    bool has_old = old_rows.next(old_row);
    bool has_new = new_rows.next(new_row);
    while (has_old || has_new) {
      const int order = !has_new ? -1 : !has_old ? 1 : old_row.compare(new_row);
      if (order < 0) LEAT_TRY(change(old_row, std::int64_t{-1}));
      if (order > 0) LEAT_TRY(change(new_row, std::int64_t{1}));
      if (order <= 0) has_old = old_rows.next(old_row);
      if (order >= 0) has_new = new_rows.next(new_row);
    }
    return {};
  }

 private:
  std::string_view bytes_;
};

}  // namespace leat::op

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace leat::format {

/// Of a record that is too large so many bytes are kept, for its dead letter.
inline constexpr std::size_t too_large_kept_bytes = 4096;

/// A record's place in the buffer, without its line end.
struct RecordSpan {
  std::size_t begin = 0;
  std::size_t length = 0;
  bool too_large = false;  ///< longer than the maximum: only the first bytes are spanned
};

/// What separates the records of a file or a body.
struct SplitOptions {
  bool csv = false;  ///< a quoted field may hold line ends
  char quote = '"';
  std::size_t record_bytes_max = 64 * 1024 * 1024;
};

/// Finds the records in a buffer: lines that end with "\n" or "\r\n"; lines with nothing but white
/// space are no records (in CSV: nothing at all). Stateful only in passing over a record that is
/// too large: the same splitter must see one file's buffers in order. One thread at a time.
class RecordSplitter {
 public:
  explicit RecordSplitter(SplitOptions options) : options_(options) {}

  /// Appends the whole records in `buffer`; returns how many bytes are done with. The rest is the
  /// beginning of a record, to be passed again with more behind it. With `last` the end of the
  /// buffer ends a record. Where a record grows beyond the maximum its beginning is appended once,
  /// as too large, and its bytes are passed over as they come.
  std::size_t split(std::string_view buffer, bool last, std::vector<RecordSpan>& records);

 private:
  /// Position of the line end of the record at `begin`, npos: not in the buffer.
  std::size_t find_end(std::string_view buffer, std::size_t begin);

  const SplitOptions options_;
  bool skipping_ = false;         ///< inside of a record that is too large
  bool skipping_quoted_ = false;  ///< and inside of its quotes
};

}  // namespace leat::format

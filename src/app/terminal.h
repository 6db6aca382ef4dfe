#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace leat::app {

/// Colours, where the stream is a terminal and NO_COLOR is not set; else the text as it is.
class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  std::string red(std::string_view text) const { return in("31", text); }
  std::string green(std::string_view text) const { return in("32", text); }
  std::string yellow(std::string_view text) const { return in("33", text); }
  std::string bold(std::string_view text) const { return in("1", text); }
  std::string dim(std::string_view text) const { return in("2", text); }

 private:
  std::string in(std::string_view code, std::string_view text) const;
  bool on_;
};

bool is_terminal(std::FILE* stream);
Paint paint_for(std::FILE* stream);
/// Columns of the terminal; 80 where it can't be told.
std::size_t terminal_width();

/// Rows as a person reads them: aligned columns, numbers to the right, long texts cut where
/// `width_max` asks for it (0: never). Control characters are shown as �, so that data can't play
/// with the terminal.
std::string table_of(const std::vector<std::string>& header,
                     const std::vector<std::vector<std::string>>& rows,
                     const std::vector<bool>& right_aligned, std::size_t width_max);

/// 1234567 as "1,234,567".
std::string with_thousands(unsigned long long number);
/// Bytes as "12.3 MiB".
std::string as_bytes(unsigned long long bytes);

}  // namespace leat::app

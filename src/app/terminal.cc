#include "app/terminal.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace leat::app {
namespace {

/// Length in characters of the UTF-8 sequence's first byte's sequence; 1 for anything odd.
std::size_t sequence_length(unsigned char first) {
  if (first >= 0xF0) return 4;
  if (first >= 0xE0) return 3;
  return first >= 0xC0 ? 2 : 1;
}

std::size_t shown_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

/// At most `width` characters, without control characters.
std::string shown(std::string_view text, std::size_t width) {
  std::string out;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (width > 0 && characters + 1 == width && shown_width(text.substr(i)) > 1) return out + "…";
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = std::min(sequence_length(byte), text.size() - i);
    if (byte < 0x20 || byte == 0x7F) {
      out += "\uFFFD";
    } else {
      out += text.substr(i, length);
    }
    i += length;
    ++characters;
  }
  return out;
}

void append_cell(const std::string& cell, std::size_t width, bool right, bool last,
                 std::string& out) {
  const std::string padding(width - std::min(width, shown_width(cell)), ' ');
  if (right) out += padding;
  out += cell;
  if (!right && !last) out += padding;
  if (!last) out += "  ";
}

}  // namespace

std::string Paint::in(std::string_view code, std::string_view text) const {
  return on_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) == 1; }

Paint paint_for(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  return Paint(is_terminal(stream) && (no_color == nullptr || *no_color == '\0'));
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string table_of(const std::vector<std::string>& header,
                     const std::vector<std::vector<std::string>>& rows,
                     const std::vector<bool>& right_aligned, std::size_t width_max) {
  std::vector<std::vector<std::string>> cells;
  std::vector<std::size_t> widths(header.size(), 0);
  const auto add = [&](const std::vector<std::string>& row) {
    cells.emplace_back();
    for (std::size_t i = 0; i < header.size(); ++i) {
      cells.back().push_back(shown(row[i], width_max));
      widths[i] = std::max(widths[i], shown_width(cells.back().back()));
    }
  };
  add(header);
  for (const auto& row : rows) add(row);
  std::string out;
  for (std::size_t line = 0; line < cells.size(); ++line) {
    for (std::size_t i = 0; i < header.size(); ++i) {
      append_cell(cells[line][i], widths[i], right_aligned[i], i + 1 == header.size(), out);
    }
    out += '\n';
    if (line > 0) continue;
    for (std::size_t i = 0; i < header.size(); ++i) {
      for (std::size_t k = 0; k < widths[i]; ++k) out += "─";
      out += i + 1 == header.size() ? "\n" : "  ";
    }
  }
  return out;
}

std::string with_thousands(unsigned long long number) {
  std::string digits = fmt::format("{}", number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string as_bytes(unsigned long long bytes) {
  static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(units)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace leat::app

#include "connector/random_user/transliterate.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace leat::connector {
namespace {

struct Letter {
  std::uint16_t code_point;
  std::string_view ascii;
};

/// Sorted by code point: Latin letters with marks, Cyrillic, Arabic as Persian uses it.
constexpr Letter letters[] = {
    {0x0049, "i"},    {0x00C0, "a"},    {0x00C1, "a"},  {0x00C2, "a"},  {0x00C3, "a"},
    {0x00C4, "a"},    {0x00C5, "aa"},   {0x00C6, "ae"}, {0x00C7, "c"},  {0x00C8, "e"},
    {0x00C9, "e"},    {0x00CA, "e"},    {0x00CB, "e"},  {0x00CC, "i"},  {0x00CD, "i"},
    {0x00CE, "i"},    {0x00CF, "i"},    {0x00D1, "n"},  {0x00D2, "o"},  {0x00D3, "o"},
    {0x00D4, "o"},    {0x00D5, "o"},    {0x00D6, "o"},  {0x00D8, "o"},  {0x00D9, "u"},
    {0x00DA, "u"},    {0x00DB, "u"},    {0x00DC, "u"},  {0x00DD, "y"},  {0x00DF, "ss"},
    {0x00E0, "a"},    {0x00E1, "a"},    {0x00E2, "a"},  {0x00E3, "a"},  {0x00E4, "a"},
    {0x00E5, "aa"},   {0x00E6, "ae"},   {0x00E7, "c"},  {0x00E8, "e"},  {0x00E9, "e"},
    {0x00EA, "e"},    {0x00EB, "e"},    {0x00EC, "i"},  {0x00ED, "i"},  {0x00EE, "i"},
    {0x00EF, "i"},    {0x00F1, "n"},    {0x00F2, "o"},  {0x00F3, "o"},  {0x00F4, "o"},
    {0x00F5, "o"},    {0x00F6, "o"},    {0x00F8, "o"},  {0x00F9, "u"},  {0x00FA, "u"},
    {0x00FB, "u"},    {0x00FC, "u"},    {0x00FD, "y"},  {0x0100, "a"},  {0x0101, "a"},
    {0x0106, "c"},    {0x0107, "c"},    {0x010C, "c"},  {0x010D, "c"},  {0x0112, "e"},
    {0x0113, "e"},    {0x011E, "g"},    {0x011F, "g"},  {0x012A, "i"},  {0x012B, "i"},
    {0x0130, "i"},    {0x0131, "i"},    {0x014C, "o"},  {0x014D, "o"},  {0x015E, "s"},
    {0x015F, "s"},    {0x0160, "s"},    {0x0161, "s"},  {0x016A, "u"},  {0x016B, "u"},
    {0x017D, "z"},    {0x017E, "z"},    {0x0402, "dj"}, {0x0404, "ye"}, {0x0406, "i"},
    {0x0407, "yi"},   {0x0408, "j"},    {0x0409, "lj"}, {0x040A, "nj"}, {0x040B, "c"},
    {0x040F, "dz"},   {0x0410, "a"},    {0x0411, "b"},  {0x0412, "v"},  {0x0413, "g"},
    {0x0414, "d"},    {0x0415, "e"},    {0x0416, "z"},  {0x0417, "z"},  {0x0418, "i"},
    {0x0419, "y"},    {0x041A, "k"},    {0x041B, "l"},  {0x041C, "m"},  {0x041D, "n"},
    {0x041E, "o"},    {0x041F, "p"},    {0x0420, "r"},  {0x0421, "s"},  {0x0422, "t"},
    {0x0423, "u"},    {0x0424, "f"},    {0x0425, "h"},  {0x0426, "c"},  {0x0427, "ch"},
    {0x0428, "sh"},   {0x0429, "shch"}, {0x042C, ""},   {0x042E, "yu"}, {0x042F, "ya"},
    {0x0430, "a"},    {0x0431, "b"},    {0x0432, "v"},  {0x0433, "g"},  {0x0434, "d"},
    {0x0435, "e"},    {0x0436, "z"},    {0x0437, "z"},  {0x0438, "i"},  {0x0439, "y"},
    {0x043A, "k"},    {0x043B, "l"},    {0x043C, "m"},  {0x043D, "n"},  {0x043E, "o"},
    {0x043F, "p"},    {0x0440, "r"},    {0x0441, "s"},  {0x0442, "t"},  {0x0443, "u"},
    {0x0444, "f"},    {0x0445, "h"},    {0x0446, "c"},  {0x0447, "ch"}, {0x0448, "sh"},
    {0x0449, "shch"}, {0x044C, ""},     {0x044E, "yu"}, {0x044F, "ya"}, {0x0452, "dj"},
    {0x0454, "ye"},   {0x0456, "i"},    {0x0457, "yi"}, {0x0458, "j"},  {0x0459, "lj"},
    {0x045A, "nj"},   {0x045B, "c"},    {0x045F, "dz"}, {0x0490, "g"},  {0x0491, "g"},
    {0x0622, "a"},    {0x0627, "a"},    {0x0628, "b"},  {0x062A, "t"},  {0x062B, "s"},
    {0x062C, "j"},    {0x062D, "h"},    {0x062E, "kh"}, {0x062F, "d"},  {0x0630, "z"},
    {0x0631, "r"},    {0x0632, "z"},    {0x0633, "s"},  {0x0634, "sh"}, {0x0635, "s"},
    {0x0636, "z"},    {0x0637, "t"},    {0x0638, "z"},  {0x0639, "a"},  {0x063A, "gh"},
    {0x0641, "f"},    {0x0642, "gh"},   {0x0644, "l"},  {0x0645, "m"},  {0x0646, "n"},
    {0x0647, "h"},    {0x0648, "v"},    {0x067E, "p"},  {0x0686, "ch"}, {0x0698, "zh"},
    {0x06A9, "k"},    {0x06AF, "g"},    {0x06CC, "y"}};
static_assert(std::ranges::is_sorted(letters, {}, &Letter::code_point));

}  // namespace

std::string to_ascii_letters(std::string_view utf8) {
  std::string ascii;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x80) {
      if (byte >= 'a' && byte <= 'z') ascii += utf8[i];
      if (byte >= 'A' && byte <= 'Z') ascii += static_cast<char>(byte + 32);
    } else if ((byte & 0xE0) == 0xC0 && i + 1 < utf8.size()) {
      // Every letter of the table takes two bytes in UTF-8.
      const auto code_point = static_cast<std::uint16_t>(
          (byte & 0x1F) << 6 | (static_cast<unsigned char>(utf8[++i]) & 0x3F));
      const auto found = std::ranges::lower_bound(letters, code_point, {}, &Letter::code_point);
      if (found != std::end(letters) && found->code_point == code_point) ascii += found->ascii;
    }
  }
  return ascii;
}

}  // namespace leat::connector

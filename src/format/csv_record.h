#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "format/text_arena.h"

namespace leat::format {

/// One field of a CSV row. A quoted one is never NULL.
struct CsvField {
  std::string_view text;
  bool quoted = false;
};

/// Takes one CSV row (RFC 4180, no line end) apart; texts with doubled quotes are put into the
/// arena, others point into the row. Null, or what is wrong with the row; `position` says where.
const char* split_csv(std::string_view row, char delimiter, char quote, TextArena& arena,
                      std::vector<CsvField>& fields, std::size_t& position);

}  // namespace leat::format

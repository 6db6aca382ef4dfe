#pragma once

#include <optional>
#include <string>
#include <vector>

#include "case_file.h"
#include "model/type.h"

namespace leat::proof {

/// Rows as DuckDB writes their values, so that those of any two can be compared.
struct Table {
  std::vector<std::string> columns;
  std::vector<Type> types;
  std::vector<Cells> rows;
};

/// What is in one and not in the other, as lines that begin with - (wanted) and + (came); nothing:
/// the same rows, in any order. DOUBLE may differ by a billionth, FLOAT by a millionth.
std::optional<std::string> difference(const std::vector<Type>& types, std::vector<Cells> wanted,
                                      std::vector<Cells> came);
/// The same, of names and types too.
std::optional<std::string> difference(const Table& wanted, const Table& came);

}  // namespace leat::proof

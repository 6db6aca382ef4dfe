#pragma once

#include <string>

namespace leat::proof {

/// SQL for DuckDB in which each call of a window function (`tumble`, `hop`, `cumulate`, `session`)
/// is a subquery that says the same: for each row a row a window whose bounds its time lies
/// between.
std::string with_windows_written_out(const std::string& sql);

}  // namespace leat::proof

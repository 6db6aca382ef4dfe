#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leat::pipeline {

/// The names that stand after FROM and JOIN in a SQL text, or as the first argument of a function
/// there (`tumble(orders, …)`), without quotes: what the query may read. Text that is no SQL gives
/// some names or none.
std::vector<std::string> names_after_from(std::string_view sql);

/// The items of the outermost SELECT list, as written.
std::vector<std::string> select_items(std::string_view sql);

}  // namespace leat::pipeline

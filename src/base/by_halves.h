#pragma once

#include <cstddef>
#include <functional>

#include "base/error.h"

namespace leat {

/// Runs `run` over the `count` rows from `begin`. Where a row makes it fail (`row-failed`), they
/// are run in halves until each row that fails stands alone, which `refuse` is given with the
/// reason; all others pass. `run` takes back what it did of rows before it fails. Other failures of
/// `run`, and those of `refuse`, end it.
Status by_halves(std::size_t begin, std::size_t count,
                 const std::function<Status(std::size_t begin, std::size_t count)>& run,
                 const std::function<Status(std::size_t row, Error reason)>& refuse);

}  // namespace leat

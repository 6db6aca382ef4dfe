#pragma once

#include <chrono>
#include <functional>

#include "case_file.h"

namespace leat::proof {

/// The case with as few rows as it takes for `fails` to stay true: parts are left out, halves
/// first, down to single rows, until nothing more can go or the time is over.
Case shrunk(Case one, const std::function<bool(const Case&)>& fails,
            std::chrono::steady_clock::duration time_max);

}  // namespace leat::proof

#pragma once

#include <cstdint>

#include "case_file.h"

namespace leat::proof {

/// A case made of a seed: a stream's columns and rows (NULLs, duplicates, few values that come
/// often, times out of order), views whose rows are taken back, and a query over one of them. The
/// same seed gives the same case. What it expects is left to the judge.
Case random_case(std::uint64_t seed);

}  // namespace leat::proof

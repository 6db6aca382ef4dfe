#pragma once

#include <cstdint>
#include <vector>

#include "connector/object/object_store.h"

namespace leat::connector::object {

/// When small files of a sink are merged. Pure data.
struct MergePlan {
  std::uint64_t below_bytes = 0;  ///< files smaller than this are small
  std::int64_t after_ms = 0;      ///< and left alone for so long after they were written
};

/// Files of a merge have so many bytes together at most.
inline constexpr std::uint64_t merged_bytes_max = 1u << 30;

/// Of a sink's files, those that are worth being merged into one now: small ones of one folder, by
/// their keys, at least two. The largest of them is no larger than the others together, so that a
/// byte is written anew a few times only, however many files come. None: nothing is worth it.
std::vector<Object> choose_merge(const std::vector<Object>& files, const MergePlan& plan,
                                 std::int64_t now_ms);

}  // namespace leat::connector::object

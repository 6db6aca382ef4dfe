#include "shrink.h"

#include <algorithm>

namespace leat::proof {

Case shrunk(Case one, const std::function<bool(const Case&)>& fails,
            std::chrono::steady_clock::duration time_max) {
  const auto end = std::chrono::steady_clock::now() + time_max;
  std::size_t longest = 1;
  for (const Relation& relation : one.relations) {
    for (const auto& step : relation.steps) longest = std::max(longest, step.size());
  }
  for (std::size_t count = std::max<std::size_t>(1, longest / 2); count > 0; count /= 2) {
    for (std::size_t r = 0; r < one.relations.size(); ++r) {
      for (std::size_t s = 0; s < one.relations[r].steps.size(); ++s) {
        for (std::size_t at = 0; at < one.relations[r].steps[s].size();) {
          if (std::chrono::steady_clock::now() > end) return one;
          Case less = one;
          auto& rows = less.relations[r].steps[s];
          const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(at);
          rows.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(count, rows.size() - at)));
          if (fails(less)) {
            one = std::move(less);
          } else {
            at += count;
          }
        }
      }
    }
  }
  return one;
}

}  // namespace leat::proof

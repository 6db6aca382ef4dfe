#include "trial/pairing.h"

namespace leat::trial {
namespace {

/// Kuhn's algorithm for bipartite matching: who finds all that fits taken asks those who took it
/// whether they can take something else.
class Pairing {
 public:
  Pairing(std::size_t expected_count, std::size_t there_count,
          const std::function<bool(std::size_t, std::size_t)>& fits)
      : fits_(fits), pair_of_(expected_count), taken_by_(there_count) {}

  std::vector<std::optional<std::size_t>> run() {
    for (std::size_t i = 0; i < pair_of_.size(); ++i) {
      if (take_free(i)) continue;
      asked_.assign(taken_by_.size(), false);
      take_any(i);
    }
    return pair_of_;
  }

 private:
  bool take_free(std::size_t expected) {
    for (std::size_t there = 0; there < taken_by_.size(); ++there) {
      if (!taken_by_[there] && fits_(expected, there)) return take(expected, there);
    }
    return false;
  }

  bool take_any(std::size_t expected) {
    for (std::size_t there = 0; there < taken_by_.size(); ++there) {
      if (asked_[there] || !fits_(expected, there)) continue;
      asked_[there] = true;
      if (!taken_by_[there] || take_any(*taken_by_[there])) return take(expected, there);
    }
    return false;
  }

  bool take(std::size_t expected, std::size_t there) {
    pair_of_[expected] = there;
    taken_by_[there] = expected;
    return true;
  }

  const std::function<bool(std::size_t, std::size_t)>& fits_;
  std::vector<std::optional<std::size_t>> pair_of_, taken_by_;
  std::vector<bool> asked_;
};

}  // namespace

std::vector<std::optional<std::size_t>> pair_up(
    std::size_t expected_count, std::size_t there_count,
    const std::function<bool(std::size_t expected, std::size_t there)>& fits) {
  return Pairing(expected_count, there_count, fits).run();
}

}  // namespace leat::trial

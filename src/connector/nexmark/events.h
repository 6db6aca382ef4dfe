#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace leat::connector {

/// Which events a Nexmark generator makes. Its values are those of the benchmark's generator
/// (github.com/nexmark/nexmark, commit 6b3646c), drawn from our own random numbers.
struct NexmarkRecipe {
  std::uint64_t seed = 0;
  TimestampMs first_ms = 0;         ///< event time of event 0
  double events_per_second = 10e6;  ///< of event time

  TimestampMs time_ms(std::uint64_t number) const {
    return first_ms +
           static_cast<TimestampMs>(static_cast<double>(number) * 1000 / events_per_second);
  }
};

/// Of 50 events in a row the first is a person, three are auctions, 46 are bids.
enum class NexmarkKind { person, auction, bid };
NexmarkKind nexmark_kind(std::uint64_t number);

/// Appends event `number` as one JSON object without a newline. Pure: any thread.
void append_nexmark_event(const NexmarkRecipe& recipe, std::uint64_t number, std::string& out);

}  // namespace leat::connector

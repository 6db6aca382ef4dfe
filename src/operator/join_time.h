#pragma once

#include <algorithm>
#include <cstdint>

#include "operator/window_clock.h"
#include "sql/query.h"

namespace leat::op {

/// When rows of a join with a time bound can match, and when they can't any more. Times are cut
/// into buckets of one width, so that a row looks only at those that are within its reach, and a
/// bucket is forgotten as a whole.
class JoinTime {
 public:
  explicit JoinTime(const sql::JoinQuery::TimeBound& bound)
      : lower_us_(bound.lower_us),
        upper_us_(bound.upper_us),
        reach_us_(std::max(magnitude(lower_us_), magnitude(upper_us_))),
        // Three buckets at most lie within reach; and rows stay a bucket longer than they must, so
        // it is not much wider than the bound.
        width_us_(std::max(
            {std::min(upper_us_ - lower_us_, reach_us_), reach_us_ / 8, std::int64_t{1}})) {}

  struct Range {
    EventTimeUs first;
    EventTimeUs last;
  };
  /// The times of the other side that match a row of this side.
  Range matches_of(bool of_left, EventTimeUs time) const {
    if (of_left) return {add_saturated(time, lower_us_), add_saturated(time, upper_us_)};
    return {add_saturated(time, -upper_us_), add_saturated(time, -lower_us_)};
  }
  std::int64_t bucket_of(EventTimeUs time) const {
    return time / width_us_ - (time % width_us_ < 0 ? 1 : 0);
  }
  /// At this watermark nothing that comes can match a row of the bucket.
  EventTimeUs end_of_bucket(std::int64_t bucket) const {
    EventTimeUs begin;
    if (__builtin_mul_overflow(bucket, width_us_, &begin)) {
      begin = bucket < 0 ? no_watermark : end_of_time;
    }
    const EventTimeUs last = add_saturated(begin, width_us_ - 1);
    return add_saturated(add_saturated(last, reach_us_), reach_us_);
  }
  bool is_late(EventTimeUs time, EventTimeUs watermark) const {
    return watermark != no_watermark && watermark >= add_saturated(time, reach_us_);
  }

 private:
  static std::int64_t magnitude(std::int64_t number) {
    return number == no_watermark ? end_of_time : number < 0 ? -number : number;
  }

  const std::int64_t lower_us_;
  const std::int64_t upper_us_;
  const std::int64_t reach_us_;
  const std::int64_t width_us_;
};

}  // namespace leat::op

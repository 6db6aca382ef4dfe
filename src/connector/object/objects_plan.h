#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "connector/context.h"
#include "connector/object/location.h"
#include "connector/object/object_reader.h"
#include "connector/spec.h"

namespace leat::connector::object {

/// All that an objects source does, as its settings say it. Pure data.
struct ObjectsPlan {
  Location location;
  ObjectFormat format;
  std::string match;
  bool follow = true;
  std::int64_t every_ms = 0;
  std::int64_t age_min_ms = 0;
  std::int64_t window_ms = 0;
  std::uint64_t object_bytes_max = 0;  ///< of one in S3
};

/// Errors (user): `bad-framing`, those of read_location.
Result<ObjectsPlan> read_objects_plan(const Settings& settings, const Context& context);

}  // namespace leat::connector::object

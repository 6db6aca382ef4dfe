#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connector/context.h"
#include "connector/object/object_store.h"
#include "connector/object/s3_store.h"
#include "connector/spec.h"

namespace leat::connector::object {

/// Where objects are, as a pipeline file says it: a folder or an S3-compatible store. Pure data.
struct Location {
  std::string folder;  ///< empty: it is in S3
  S3Options s3;

  bool is_folder() const { return !folder.empty(); }
};

/// The settings of a place: `path` and what S3 needs.
std::vector<Setting> location_settings();

/// Errors (user): `bad-path`, `bad-url`, `bad-tls`, `missing-credentials`.
Result<Location> read_location(const Settings& settings, const Context& context,
                               const Environment& environment = process_environment());

/// Opens the place to read. Connects to nothing yet.
std::unique_ptr<ObjectStore> open_to_read(const Location& location, const Context& context);
/// Opens it to write what belongs to `work`, a key prefix of the writer's own. Error `locked`.
Result<std::unique_ptr<ObjectStore>> open_to_write(const Location& location,
                                                   const std::string& work, const Context& context);

}  // namespace leat::connector::object

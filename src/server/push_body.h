#pragma once

#include <expected>

#include "server/api_error.h"
#include "server/push_queue.h"
#include "server/request.h"

namespace leat::server {

/// Reads a push: undoes the body's encoding, finds its records, their keys and the request's
/// identity. `job.topic` is set already. Errors: `unsupported-media-type`, `unsupported-encoding`,
/// `malformed-encoding`, `malformed-json`, `body-too-large`, `no-records`, `bad-parameter` (user),
/// each with its place in the body where it has one.
std::expected<void, ApiError> read_push(Request& request, std::size_t decompressed_bytes_max,
                                        PushJob& job);

}  // namespace leat::server

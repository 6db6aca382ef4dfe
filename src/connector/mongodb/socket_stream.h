#pragma once

#include <cstdint>
#include <string>

#include <mongoc/mongoc.h>

#include "base/error.h"
#include "connector/mongodb/interrupt.h"

namespace leat::connector::mongodb {

/// Connects over TCP and gives the connection as a stream of libmongoc's own kind, which it
/// destroys. Unlike libmongoc's, every wait on it (also while it looks for servers) ends a moment
/// after the interrupt is up, which must outlive the stream.
///
/// Errors (external, retryable): `mongodb-unreachable`, with the cause and no more: the caller
/// names the place.
Result<mongoc_stream_t*> connect_socket(const std::string& host, std::uint16_t port,
                                        std::int64_t timeout_ms, const Interrupt& interrupt);

/// A connection that never came about: whatever is asked of it fails.
mongoc_stream_t* broken_stream(const Interrupt& interrupt);

}  // namespace leat::connector::mongodb

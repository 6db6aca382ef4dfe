#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/source.h"
#include "connector/spec.h"

namespace leat::connector {

/// The source `http`. Errors: `bad-url`, `bad-header`, `bad-paging`, `bad-tls` (user): settings
/// that can never work. See spec.cc for what it does.
Result<std::unique_ptr<LiveSource>> make_http_source(const Settings& settings,
                                                     const Context& context);

}  // namespace leat::connector

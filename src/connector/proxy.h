#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "connector/url.h"

namespace leat::connector {

/// Value of an environment variable; nothing where it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// The proxy that the environment names for this address, empty for none: `http_proxy` (lower case
/// only, as a CGI program's HTTP_PROXY is the client's), `https_proxy`, `all_proxy`, and `no_proxy`
/// with names, their sub-domains, and `*`. This machine itself is never reached through a proxy.
std::string proxy_for(const Url& url, const Environment& environment);

/// The process's own environment.
Environment process_environment();

}  // namespace leat::connector

// What the connectors that speak HTTP read from their settings alike.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connector/context.h"
#include "connector/fetcher.h"
#include "connector/spec.h"
#include "connector/url.h"

namespace leat::connector {

/// The header that the user wrote, checked; with a Content-Type where one is given here and the
/// user wrote none. Error `bad-header` (user); never repeats a value.
Result<std::vector<std::pair<std::string, std::string>>> read_header(
    const std::map<std::string, std::string>& written, std::string_view content_type);

/// The setting `tls`, and what it says. Error `bad-tls` (user).
Setting tls_setting();
Status read_tls(const Settings& tls, const Context& context, FetchOptions& fetch);

/// By the setting `allow_private`, or where it is left out: this machine, when the address itself
/// names it.
AllowedReach allowed_reach(const Settings& settings, const Context& context, const Url& url);

}  // namespace leat::connector

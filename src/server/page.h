#pragma once

#include "server/exchange.h"
#include "server/request.h"

namespace leat::server {

/// Answers a GET that no route of the API takes: a file of the page, or the page itself for the
/// addresses that it shows in the browser's bar. Nothing is sent, and false comes back, where a
/// missing file must not become a page (below /v1/ and /assets/, and names with an extension).
bool answer_page(const Request& request, Exchange& exchange);

}  // namespace leat::server

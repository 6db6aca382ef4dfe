#pragma once

#include <string>

#include "app/http_client.h"

namespace leat::app {

/// Prints the plan that a server answered a change with, and waits until the change is done. Error:
/// why it was given up; `server-unreachable` (external) when the server is gone.
Status follow_change(HttpClient& client, const std::string& answer, bool as_json);

}  // namespace leat::app

#pragma once

#include <string>
#include <string_view>

namespace leat::server {

/// The media type of a Content-Type, in lower case and without parameters.
std::string media_type(std::string_view content_type);

}  // namespace leat::server

#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace leat::server {

/// A file of the page, as it stands in the program.
struct Asset {
  std::string_view path;  ///< "/index.html"
  std::string_view bytes;
  std::string_view gzip;  ///< the same compressed; empty where that isn't smaller
  std::string_view content_type;
  std::string_view etag;   ///< with its quotes
  bool immutable = false;  ///< its name changes with its content
};

/// All files of the page; made at build time from web/dist, or a page that says how to build it.
std::span<const Asset> embedded_assets();

/// The file at this path; "/" is the page. Nothing: there is none.
std::optional<Asset> find_asset(std::string_view path);

/// The API's description: src/server/openapi.json.
std::string_view openapi_document();

}  // namespace leat::server

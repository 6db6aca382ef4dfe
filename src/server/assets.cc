#include "server/assets.h"

#include <algorithm>

namespace leat::server {

std::optional<Asset> find_asset(std::string_view path) {
  if (path == "/") path = "/index.html";
  const auto assets = embedded_assets();
  const auto found = std::ranges::find(assets, path, &Asset::path);
  if (found == assets.end()) return std::nullopt;
  return *found;
}

}  // namespace leat::server

#include "connector/file/glob.h"

#include <fnmatch.h>

#include <algorithm>

namespace leat::connector {
namespace {

constexpr std::size_t matches_max = 100'000;

}  // namespace

bool is_glob(std::string_view path) { return path.find_first_of("*?[") != std::string_view::npos; }

Result<std::vector<std::string>> expand_glob(const std::string& pattern, const Context& context) {
  std::vector<std::string> found = {pattern.starts_with('/') ? "/" : ""};
  for (std::size_t begin = found[0].size(); begin < pattern.size();) {
    const std::size_t end = std::min(pattern.find('/', begin), pattern.size());
    const std::string part = pattern.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty()) continue;
    std::vector<std::string> longer;
    for (const std::string& folder : found) {
      if (!is_glob(part)) {
        longer.push_back(folder + part);
        continue;
      }
      std::string listed = context.path(folder);
      if (folder.empty()) listed = context.base_directory.empty() ? "." : context.base_directory;
      while (listed.size() > 1 && listed.ends_with('/')) listed.pop_back();
      if (const auto names = context.files.list(listed)) {
        for (const std::string& name : *names) {
          if (fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0) longer.push_back(folder + name);
        }
      }
      if (longer.size() > matches_max) {
        return user_error("too-many-files", "{} matches more than {} files", pattern, matches_max);
      }
    }
    if (end < pattern.size()) {
      for (std::string& folder : longer) folder += '/';
    }
    found = std::move(longer);
  }
  std::erase_if(found, [&](const std::string& path) {
    const auto exists = context.files.exists(context.path(path));
    return !exists || !*exists;
  });
  std::ranges::sort(found);
  return found;
}

}  // namespace leat::connector

#include "connector/object/merge_choice.h"

#include <algorithm>
#include <map>

namespace leat::connector::object {

std::vector<Object> choose_merge(const std::vector<Object>& files, const MergePlan& plan,
                                 std::int64_t now_ms) {
  std::map<std::string_view, std::vector<Object>> folders;
  for (const Object& file : files) {
    if (file.bytes >= plan.below_bytes || now_ms - file.modified_ms < plan.after_ms) continue;
    const std::string_view key = file.key;
    folders[key.substr(0, key.size() - name_of(key).size())].push_back(file);
  }
  std::vector<Object> chosen;
  for (auto& [folder, small] : folders) {
    std::ranges::sort(small, {}, &Object::bytes);
    std::size_t count = 0;
    std::uint64_t smaller_bytes = 0;
    for (std::size_t i = 0; i < small.size(); ++i) {
      if (smaller_bytes + small[i].bytes > merged_bytes_max) break;
      if (i > 0 && small[i].bytes <= smaller_bytes) count = i + 1;
      smaller_bytes += small[i].bytes;
    }
    if (count <= chosen.size()) continue;
    small.resize(count);
    chosen = std::move(small);
  }
  std::ranges::sort(chosen, {}, &Object::key);
  return chosen;
}

}  // namespace leat::connector::object

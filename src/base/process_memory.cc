#include "base/process_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string_view>

#include <unistd.h>

namespace leat {
namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

/// Of a control group and of those that it is in: the least limit. A file without a number ("max")
/// limits nothing, and so does one that isn't there: a container may not see its own path.
std::uint64_t limit_of_group(const std::string& hierarchy, std::string group, const char* file) {
  std::uint64_t least = no_limit;
  while (true) {
    std::ifstream in(hierarchy + group + "/" + file);
    std::uint64_t limit = 0;
    if (in >> limit) least = std::min(least, limit);
    if (group.empty()) return least;
    group.resize(group.rfind('/'));
  }
}

/// /proc/self/cgroup has lines "number:controllers:/path"; version 2 names no controllers.
std::uint64_t limit_of_groups(const std::string& root) {
  std::uint64_t least = no_limit;
  std::ifstream groups(root + "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string group = line.substr(second + 1);
    if (group == "/" || !group.starts_with('/')) group.clear();
    const std::string mounted = root + "sys/fs/cgroup";
    if (controllers == ",,") {
      least = std::min(least, limit_of_group(mounted, group, "memory.max"));
    } else if (controllers.contains(",memory,")) {
      least = std::min(least, limit_of_group(mounted + "/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

std::uint64_t machine_bytes(const std::string& root) {
  std::ifstream info(root + "proc/meminfo");
  for (std::string name; info >> name; info.ignore(no_limit, '\n')) {
    std::uint64_t kibibytes = 0;
    if (name == "MemTotal:" && info >> kibibytes) return kibibytes << 10;
  }
  return no_limit;
}

}  // namespace

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  if (!(file >> total >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t available_memory_bytes(const std::string& root) {
  return std::min(machine_bytes(root), limit_of_groups(root));
}

}  // namespace leat

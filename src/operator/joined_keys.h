#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "state/hash.h"
#include "state/keyed_shard.h"

namespace leat::op {

/// Keys that are put together of pieces, side by side in one buffer. For one thread.
class JoinedKeys {
 public:
  void clear() {
    bytes_.clear();
    ends_.clear();
  }
  void add(std::initializer_list<std::string_view> pieces) {
    for (const std::string_view piece : pieces) bytes_.append(piece);
    ends_.push_back(bytes_.size());
  }
  /// In place of what is in `keys`; their bytes stay until the next add or clear.
  void keys_into(std::vector<state::KeyedShard::Key>& keys) const {
    keys.clear();
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
      const std::string_view key(bytes_.data() + begin, end - begin);
      keys.push_back({key, state::hash_bytes(key)});
      begin = end;
    }
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

}  // namespace leat::op

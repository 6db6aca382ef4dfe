#include "connector/object/object_finder.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstdlib>

namespace leat::connector::object {
namespace {

constexpr std::size_t page_objects = 10'000;
constexpr std::size_t told_max = 10'000;

bool is_older(const Object& a, const Object& b) {
  return std::tie(a.modified_ms, a.key) < std::tie(b.modified_ms, b.key);
}

/// Leaves the oldest, sorted. True: some were left out.
bool keep_oldest(std::vector<Object>& objects, std::size_t count) {
  std::ranges::sort(objects, is_older);
  if (objects.size() <= count) return false;
  objects.resize(count);
  return true;
}

}  // namespace

struct ObjectFinder::Look {
  Found found;
  std::vector<std::uint64_t> seen;
  std::set<std::string> begun;  // keys that are there
};

bool ObjectFinder::is_wanted(const std::string& key) const {
  for (std::size_t begin = 0; begin < key.size(); begin = key.find('/', begin) + 1) {
    if (key[begin] == '_' || key[begin] == '.') return false;
    if (key.find('/', begin) == std::string::npos) break;
  }
  if (match_.empty()) return true;
  const bool is_whole = match_.contains('/');
  const std::string name = is_whole ? key : std::string(name_of(key));
  return fnmatch(match_.c_str(), name.c_str(), is_whole ? FNM_PATHNAME : 0) == 0;
}

void ObjectFinder::sort_in(const Object& object, const ReadingProgress& progress,
                           std::int64_t now_ms, Look& look) {
  const std::uint64_t hash = name_hash(object.key);
  if (look.seen.size() <= seen_max) look.seen.push_back(hash);
  if (progress.begun().contains(object.key)) look.begun.insert(object.key);
  switch (progress.fate_of(object)) {
    case ReadingProgress::Fate::read:
      return;
    case ReadingProgress::Fate::changed:
      if (told_.size() >= told_max) told_.clear();
      if (told_.emplace(hash, object.modified_ms).second) look.found.changed.push_back(object);
      return;
    case ReadingProgress::Fate::old:
      if (has_seen_ && !std::ranges::binary_search(seen_, hash)) look.found.late.push_back(object);
      return;
    case ReadingProgress::Fate::fresh:
      // A clock that is far ahead of ours must not keep an object out for ever.
      if (std::abs(now_ms - object.modified_ms) < age_min_ms_) {
        look.found.is_waiting = true;
        return;
      }
      look.found.fresh.push_back(object);
  }
  if (look.found.fresh.size() < 2 * fresh_max) return;
  look.found.is_more = keep_oldest(look.found.fresh, fresh_max) || look.found.is_more;
}

Result<ObjectFinder::Found> ObjectFinder::find(ObjectStore& store, const ReadingProgress& progress,
                                               std::int64_t now_ms, const std::stop_token& stop) {
  Look look;
  std::string after;
  while (true) {
    const auto page = LEAT_TRY(store.list("", after, page_objects, stop));
    for (const Object& object : page) {
      if (is_wanted(object.key)) sort_in(object, progress, now_ms, look);
    }
    if (page.size() < page_objects) break;
    after = page.back().key;
  }
  Found found = std::move(look.found);
  found.is_more = keep_oldest(found.fresh, fresh_max) || found.is_more;
  for (const auto& [key, begun] : progress.begun()) {
    if (!look.begun.contains(key)) found.gone.push_back({key, begun.bytes, begun.modified_ms});
  }
  has_seen_ = look.seen.size() <= seen_max;
  seen_ = std::move(look.seen);
  std::ranges::sort(seen_);
  return found;
}

}  // namespace leat::connector::object

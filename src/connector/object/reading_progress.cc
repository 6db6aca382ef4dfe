#include "connector/object/reading_progress.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "connector/digest.h"

namespace leat::connector::object {
namespace {

using Json = nlohmann::json;

constexpr int version = 1;
constexpr std::size_t hash_digits = 16;
constexpr int hexadecimal = 16;

std::uint64_t hash_in(std::string_view digits) {
  std::uint64_t hash = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), hash, hexadecimal);
  return hash;
}

}  // namespace

std::uint64_t name_hash(std::string_view key) {
  return hash_in(sha256(key).substr(0, hash_digits));
}

ReadingProgress::Fate ReadingProgress::fate_of(const Object& object) const {
  if (const auto begun = begun_.find(object.key); begun != begun_.end()) {
    const bool same =
        begun->second.modified_ms == object.modified_ms && begun->second.bytes == object.bytes;
    return same ? Fate::fresh : Fate::changed;
  }
  const auto known = modified_.find(name_hash(object.key));
  if (known != modified_.end()) {
    return known->second == object.modified_ms ? Fate::read : Fate::changed;
  }
  return object.modified_ms < floor_ms_ ? Fate::old : Fate::fresh;
}

void ReadingProgress::reached(const Object& object, std::uint64_t at) {
  begun_.insert_or_assign(object.key, Begun{object.modified_ms, object.bytes, at});
}

void ReadingProgress::finish(const Object& object, std::int64_t now_ms) {
  begun_.erase(object.key);
  const std::uint64_t hash = name_hash(object.key);
  if (object.modified_ms >= floor_ms_ && modified_.emplace(hash, object.modified_ms).second) {
    names_[object.modified_ms].push_back(hash);
  }
  // One object from the future must not make all that come after it old.
  const std::int64_t newest_ms = names_.empty() ? 0 : std::min(names_.rbegin()->first, now_ms);
  while (names_.size() > 1) {
    const auto& [modified_ms, hashes] = *names_.begin();
    if (modified_.size() <= names_max && modified_ms >= newest_ms - window_ms_) break;
    floor_ms_ = modified_ms + 1;
    for (const std::uint64_t forgotten : hashes) modified_.erase(forgotten);
    names_.erase(names_.begin());
  }
}

std::string ReadingProgress::text() const {
  Json read = Json::array();
  std::int64_t before_ms = floor_ms_;
  for (const auto& [modified_ms, hashes] : names_) {
    std::string digits;
    for (const std::uint64_t hash : hashes) {
      fmt::format_to(std::back_inserter(digits), "{:0{}x}", hash, hash_digits);
    }
    read.push_back({modified_ms - before_ms, std::move(digits)});
    before_ms = modified_ms;
  }
  Json begun = Json::array();
  for (const auto& [key, one] : begun_) {
    begun.push_back(
        {{"key", key}, {"modified", one.modified_ms}, {"bytes", one.bytes}, {"at", one.at}});
  }
  return Json{{"objects", version},
              {"floor", floor_ms_},
              {"read", std::move(read)},
              {"begun", std::move(begun)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ReadingProgress> ReadingProgress::parse(std::string_view text, std::int64_t window_ms) {
  ReadingProgress progress(window_ms);
  try {
    const Json document = Json::parse(text);
    if (document.at("objects").get<int>() != version) {
      return user_error("position-malformed",
                        "the position was written by another version of Leat; use a newer Leat");
    }
    progress.floor_ms_ = document.at("floor").get<std::int64_t>();
    std::int64_t modified_ms = progress.floor_ms_;
    for (const Json& group : document.at("read")) {
      modified_ms += group.at(0).get<std::int64_t>();
      const std::string digits = group.at(1).get<std::string>();
      for (std::size_t at = 0; at + hash_digits <= digits.size(); at += hash_digits) {
        const std::uint64_t hash = hash_in(std::string_view(digits).substr(at, hash_digits));
        progress.names_[modified_ms].push_back(hash);
        progress.modified_.emplace(hash, modified_ms);
      }
    }
    for (const Json& one : document.at("begun")) {
      progress.begun_[one.at("key").get<std::string>()] = {one.at("modified").get<std::int64_t>(),
                                                           one.at("bytes").get<std::uint64_t>(),
                                                           one.at("at").get<std::uint64_t>()};
    }
  } catch (const Json::exception&) {
    return user_error("position-malformed",
                      "the stored position is none of an objects source; the topic was filled by "
                      "another source: name another topic");
  }
  return progress;
}

}  // namespace leat::connector::object

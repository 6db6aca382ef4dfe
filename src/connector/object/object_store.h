#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace leat::connector::object {

/// An object as a listing shows it.
struct Object {
  std::string key;  ///< below the store's root, parts joined by `/`
  std::uint64_t bytes = 0;
  std::int64_t modified_ms = 0;  ///< since 1970, by the store's own clock

  bool operator==(const Object&) const = default;
};

/// Objects below one root: a folder, or a bucket's prefix. Whoever lists or reads sees whole
/// objects only. Used by one thread; `stop` may be asked for from any, and a call then ends soon
/// with an error.
///
/// Errors: transient ones (external) are outages, tried again inside a few times where the store is
/// another machine; `object-refused` (user) needs somebody's hand (credentials, a missing bucket,
/// rights); `object-missing` (external) where a named object is not there.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  /// For messages: "s3://lake/users", "out/users"; no secrets.
  virtual const std::string& shown() const = 0;
  /// Looks whether the root is there and may be used; changes nothing. A folder that is missing is
  /// well, as it is made when it is written to.
  virtual Status look(std::stop_token stop) = 0;

  /// Puts a small object in place, durably; false: there is one of that name with another content.
  virtual Result<bool> put_if_absent(const std::string& key, const std::string& content,
                                     std::stop_token stop) = 0;
  /// Bytes from `offset` on, `length` at most; fewer only at the end.
  virtual Result<std::string> get(const std::string& key, std::uint64_t offset,
                                  std::uint64_t length, std::stop_token stop) = 0;
  /// Objects whose key begins with `prefix` and is greater than `after`, in the order of their
  /// keys' bytes: a page of up to `objects_max`. Fewer: these were all.
  virtual Result<std::vector<Object>> list(const std::string& prefix, const std::string& after,
                                           std::size_t objects_max, std::stop_token stop) = 0;
  /// Well also when there is none.
  virtual Status remove(const std::string& key, std::stop_token stop) = 0;

  /// A large object is put in two steps, so that it can be announced in between: `stage` copies a
  /// local file's bytes to the store, durably, where nobody sees them, and gives a token that
  /// `publish` needs, in this run or a later one.
  virtual Result<std::string> stage(const std::string& key, const std::string& file,
                                    std::stop_token stop) = 0;
  /// Shows the object under its key at once and whole. May be called again for what is published
  /// already. False: what was staged is gone, and there is no such object.
  virtual Result<bool> publish(const std::string& key, const std::string& token,
                               std::stop_token stop) = 0;
  /// Forgets all that is staged under keys whose last part begins with `name_prefix`.
  virtual Status discard_staged(const std::string& name_prefix, std::stop_token stop) = 0;
};

/// The part of a key behind its last `/`.
inline std::string_view name_of(std::string_view key) { return key.substr(key.rfind('/') + 1); }

}  // namespace leat::connector::object

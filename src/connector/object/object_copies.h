#pragma once

#include <cstdint>
#include <list>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "connector/object/object_store.h"
#include "io/file_system.h"

namespace leat::connector::object {

/// Copies of a store's objects as local files in a folder of their own, those that were not asked
/// for longest removed first. Objects are taken never to change under one name, time and size.
/// Used by one thread.
class ObjectCopies {
 public:
  /// `folder` may be missing; whatever is in there is removed.
  static Result<ObjectCopies> open(io::FileSystem& files, std::string folder,
                                   std::uint64_t bytes_max);
  ObjectCopies(ObjectCopies&&) noexcept = default;
  ObjectCopies& operator=(ObjectCopies&&) noexcept = default;

  /// The path of a copy, made where there is none, that ends as the object's name does. It stays
  /// until others need its room.
  /// Errors: `object-too-large` (user): it is larger than all copies may be together;
  /// `object-changed` (external, transient): it is not of the size listed; the store's; the disk's.
  Result<std::string> take(ObjectStore& store, const Object& object, const std::stop_token& stop);
  /// Removes a copy that nobody will ask for again.
  Status drop(const Object& object);

 private:
  struct Copy {
    std::string path;
    std::uint64_t bytes = 0;
  };
  using Copies = std::list<Copy>;  // the newest first

  ObjectCopies(io::FileSystem& files, std::string folder, std::uint64_t bytes_max)
      : files_(&files), folder_(std::move(folder)), bytes_max_(bytes_max) {}
  std::string path_of(const Object& object) const;
  Status copy(ObjectStore& store, const Object& object, const std::string& path,
              const std::stop_token& stop);
  Status remove(Copies::iterator copy);

  io::FileSystem* files_;
  std::string folder_;
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  Copies copies_;
  std::unordered_map<std::string, Copies::iterator> by_path_;
};

}  // namespace leat::connector::object

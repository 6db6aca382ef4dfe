#pragma once

#include <memory>
#include <string>

#include "connector/object/object_store.h"
#include "io/file_system.h"

namespace leat::connector::object {

/// Objects as files below `root`; those whose name begins with a dot are none. What is staged
/// stands in `root`/`work`, on the same file system, and is published by a rename. `work` is locked
/// while the store lives, so that no other process writes with it. `files` outlives the store.
/// Error `locked` (user).
Result<std::unique_ptr<ObjectStore>> open_folder_to_write(io::FileSystem& files,
                                                          const std::string& root,
                                                          const std::string& work);

/// The same without `work`: for reading alone.
std::unique_ptr<ObjectStore> open_folder(io::FileSystem& files, const std::string& root);

}  // namespace leat::connector::object

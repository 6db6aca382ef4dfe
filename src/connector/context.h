#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "io/file_system.h"

namespace leat::connector {

/// What a connector gets from the process that it runs in. Pure data; what it refers to outlives
/// every connector made with it.
struct Context {
  io::FileSystem& files = io::posix_file_system();
  const Clock& clock = system_clock();
  /// Relative paths in a pipeline file are relative to this folder; empty: to the working directory
  /// of the process.
  std::string base_directory;
  /// PIPELINE.NAME of the source or sink that is made: under it another system knows who reads.
  std::string owner;
  /// A folder below the data directory for what need not survive the process; each who uses it has
  /// a folder of its own in there. Empty: the system's folder for temporary files.
  std::string scratch_directory = {};
  /// A folder below the data directory, of the one alone that it is given to, which outlives the
  /// process. Empty: there is none.
  std::string durable_directory = {};
  /// The operator lets every source reach private and loopback addresses, whatever the pipeline
  /// file says.
  bool allow_private_addresses = false;

  std::string path(std::string_view written) const {
    if (base_directory.empty() || written.starts_with('/')) return std::string(written);
    return base_directory + "/" + std::string(written);
  }
};

}  // namespace leat::connector

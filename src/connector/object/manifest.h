#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace leat::connector::object {

/// What a Parquet sink writes at a time, as it is announced before it is published:
/// docs/formats/parquet_sink.md.
struct Manifest {
  struct File {
    std::string key;
    std::string token;  ///< of what is staged
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
  };
  std::string instance;  ///< tells who wrote it: made at random by each process
  std::string begin;     ///< position before its rows; empty: not known
  std::string position;  ///< after them
  std::vector<File> files;
  std::vector<std::string> removes;  ///< keys of files whose rows are in these, of a merge

  std::string text() const;
  /// Error `manifest-damaged` (external).
  static Result<Manifest> parse(std::string_view text);
};

/// Where a sink keeps its manifests, and what is staged in a folder: "_leat/NAME".
std::string work_prefix(std::string_view sink);
/// Whether a key is that of a finished file of the sink:
/// "year=2026/NAME.00000003.9c4e01f2-0.parquet".
bool is_file_of(std::string_view sink, std::string_view key);
/// Keys of manifests, so that they sort by their numbers.
std::string manifest_key(std::string_view sink, std::uint64_t number);
/// Of a key that `manifest_key` made; 0 for any other.
std::uint64_t manifest_number(std::string_view key);

}  // namespace leat::connector::object

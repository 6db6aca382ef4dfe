#include "state/torn_log.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "base/crc32c.h"

namespace leat::state {
namespace {

// RocksDB's log format: blocks of 32 KB; in each of them pieces of records, with 4 bytes of
// checksum (of what follows the length), 2 of length and 1 that says which piece of its record it
// is; numbers are little-endian. Where fewer bytes than that are left in a block, they are zero.
constexpr std::size_t block_bytes = 32 << 10, header_bytes = 7, sector_bytes = 512;
enum Piece : unsigned char { none = 0, whole = 1, first = 2 };

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t number = 0;
  while (size-- > 0) number = number << 8 | static_cast<unsigned char>(bytes[at + size]);
  return number;
}

/// As RocksDB writes it, so that a checksum of bytes with a checksum in them is a good one.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

struct Found {
  Piece piece;
  std::size_t end;
  bool is_sound;
};

Found piece_at(std::string_view log, std::size_t at) {
  const std::size_t end = at + header_bytes + number_at(log, at + 4, 2);
  const bool is_sound = end <= log.size() &&
                        masked(crc32c(log.substr(at + 6, end - at - 6))) == number_at(log, at, 4);
  return {static_cast<Piece>(log[at + 6]), end, is_sound};
}

bool begins_record(Piece piece) { return piece == whole || piece == first; }

/// Whether a sound record begins at or after `at`, where a piece may. Where a piece is not sound,
/// the next one is looked for in the next block.
bool has_sound_record(std::string_view log, std::size_t at) {
  while (at + header_bytes <= log.size()) {
    const std::size_t left = block_bytes - at % block_bytes;
    if (left >= header_bytes) {
      const Found found = piece_at(log, at);
      if (found.is_sound && begins_record(found.piece)) return true;
      if (found.is_sound && found.piece != none) {
        at = found.end;
        continue;
      }
    }
    at += left;
  }
  return false;
}

/// Whether a sector that begins in here is all zero.
bool has_lost_sector(std::string_view log, std::size_t begin, std::size_t end) {
  std::size_t at = (begin + sector_bytes - 1) / sector_bytes * sector_bytes;
  for (; at < std::min(end, log.size()); at += sector_bytes) {
    const std::string_view sector = log.substr(at, sector_bytes);
    if (std::ranges::all_of(sector, [](char byte) { return byte == '\0'; })) return true;
  }
  return false;
}

std::string current_manifest(rocksdb::Env& env, const std::string& directory) {
  std::string name;
  if (!rocksdb::ReadFileToString(&env, directory + "/CURRENT", &name).ok()) return {};
  while (name.ends_with('\n')) name.pop_back();
  return name;
}

/// Of the write-ahead logs that hold something.
std::string newest_log(rocksdb::Env& env, const std::string& directory) {
  std::vector<std::string> names;
  std::string newest;
  std::uint64_t newest_number = 0;
  if (!env.GetChildren(directory, &names).ok()) return {};
  for (const std::string& name : names) {
    std::uint64_t number = 0, bytes = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc() || std::string_view(end) != ".log" || number < newest_number) continue;
    if (!env.GetFileSize(directory + "/" + name, &bytes).ok() || bytes == 0) continue;
    newest = name;
    newest_number = number;
  }
  return newest;
}

std::optional<std::string> cut_torn(rocksdb::Env& env, const std::string& directory,
                                    const std::string& name, bool each_synced) {
  const std::string path = directory + "/" + name;
  std::string bytes;
  if (name.empty() || !rocksdb::ReadFileToString(&env, path, &bytes).ok()) return std::nullopt;
  const auto end = torn_end(bytes, each_synced);
  if (!end) return std::nullopt;
  std::unique_ptr<rocksdb::WritableFile> file;
  const bool cut = env.ReopenWritableFile(path, &file, rocksdb::EnvOptions()).ok() &&
                   file->Truncate(*end).ok() && file->Sync().ok() && file->Close().ok();
  if (!cut) return std::nullopt;
  return fmt::format(
      "the store in {}: cut {} torn bytes off {} at byte {}: the last writes before the stop were "
      "not complete and had not been synced",
      directory, bytes.size() - *end, name, *end);
}

}  // namespace

std::optional<std::uint64_t> torn_end(std::string_view log, bool each_synced) {
  std::size_t record = 0;
  for (std::size_t at = 0; at + header_bytes <= log.size();) {
    const std::size_t left = block_bytes - at % block_bytes;
    if (left < header_bytes) {
      at += left;
      continue;
    }
    const Found found = piece_at(log, at);
    if (found.piece == none) return std::nullopt;
    if (begins_record(found.piece)) record = at;
    if (!found.is_sound) {
      const bool is_torn =
          has_lost_sector(log, at, found.end) && !(each_synced && has_sound_record(log, found.end));
      return is_torn ? std::optional(record) : std::nullopt;
    }
    at = found.end;
  }
  return std::nullopt;
}

std::vector<std::string> cut_torn_logs(rocksdb::Env& env, const std::string& directory) {
  std::vector<std::string> all;
  const auto cut_in = [&](const std::string& name, bool each_synced) {
    if (auto cut = cut_torn(env, directory, name, each_synced)) all.push_back(std::move(*cut));
  };
  // Several changes of the manifest may be synced together, a commit is one record and synced.
  cut_in(current_manifest(env, directory), false);
  cut_in(newest_log(env, directory), true);
  return all;
}

}  // namespace leat::state

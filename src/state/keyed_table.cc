#include "state/keyed_table.h"

#include <bit>

#include "base/check.h"
#include "state/hash.h"

namespace leat::state {
namespace {
constexpr std::size_t scan_piece_rows = 1024;  // some 50 µs under a shard's lock
}

KeyedTable::KeyedTable(TableOptions options, unsigned shards, PlaceOf place_of)
    : options_(std::move(options)), place_of_(std::move(place_of)) {
  LEAT_CHECK(std::has_single_bit(shards));
  if (!place_of_) {
    place_of_ = [shards](std::string_view key, const std::byte*) {
      return Place{shard_of(hash_bytes(key), shards), false};
    };
  }
  for (unsigned i = 0; i < shards; ++i) shards_.push_back(std::make_unique<KeyedShard>(options_));
}

Status KeyedTable::restore(std::uint64_t memory_max,
                           const std::function<void(unsigned, Entry*)>& loaded) {
  std::vector<std::byte> record(options_.layout.size);
  Status inner;
  const auto row = [&](std::string_view stored_key, std::string_view value) {
    const std::string_view key = stored_key.substr(options_.prefix.size());
    inner = options_.layout.parse(value, record.data());
    if (!inner) return false;
    const Place place = place_of_(key, record.data());
    KeyedShard& target = *shards_[place.shard];
    const bool stays = place.pinned || target.used_bytes() < memory_max;
    Result<Entry*> entry = target.restore({key, hash_bytes(key)}, value, stays);
    if (!entry) {
      inner = std::unexpected(std::move(entry).error());
      return false;
    }
    if (*entry != nullptr && place.pinned) target.pin(*entry);
    if (*entry != nullptr && loaded) loaded(place.shard, *entry);
    return true;
  };
  LEAT_TRY(options_.store->for_each(*options_.family, options_.prefix,
                                    end_of_prefix(options_.prefix), row));
  for (const auto& shard : shards_) shard->publish_counts();
  return inner;
}

Status KeyedTable::scan(const Snapshot& snapshot,
                        const std::function<bool(const Piece&)>& piece_sink) const {
  std::vector<std::unique_ptr<KeyedShard::Scan>> scans;
  bool complete = true;
  for (const auto& shard : shards_) {
    scans.push_back(std::make_unique<KeyedShard::Scan>(*shard, snapshot.epoch()));
    complete = complete && scans.back()->complete();
  }
  Piece piece;
  for (const auto& scan : scans) {
    for (bool more = true; more;) {
      piece.keys.clear();
      piece.records.clear();
      more = scan->next(scan_piece_rows, piece.keys, piece.records);
      if (!piece.keys.empty() && !piece_sink(piece)) return {};
    }
  }
  return complete ? Status() : scan_store(snapshot, scans, piece_sink);
}

Status KeyedTable::scan_store(const Snapshot& snapshot,
                              const std::vector<std::unique_ptr<KeyedShard::Scan>>& scans,
                              const std::function<bool(const Piece&)>& piece_sink) const {
  Piece piece;
  std::vector<std::string> texts(2 * scan_piece_rows);  // keys and values that the piece points to
  bool stopped = false;
  const auto flush = [&] {
    if (!piece.keys.empty() && !piece_sink(piece)) stopped = true;
    piece.keys.clear();
    piece.records.clear();
  };
  std::vector<std::byte> record(options_.layout.size);
  Status inner;
  const auto row = [&](std::string_view stored_key, std::string_view value) {
    const std::string_view key = stored_key.substr(options_.prefix.size());
    std::string& value_copy = texts[2 * piece.keys.size() + 1];
    value_copy.assign(value);
    inner = options_.layout.parse(value_copy, record.data());
    if (!inner) return false;
    const KeyedShard::Scan& scan = *scans[place_of_(key, record.data()).shard];
    if (scan.complete() || scan.covers({key, hash_bytes(key)})) return true;
    std::string& key_copy = texts[2 * piece.keys.size()];
    key_copy.assign(key);
    piece.keys.push_back(key_copy);
    piece.records.insert(piece.records.end(), record.begin(), record.end());
    if (piece.keys.size() == scan_piece_rows) flush();
    return !stopped;
  };
  LEAT_TRY(options_.store->for_each(*options_.family, options_.prefix,
                                    end_of_prefix(options_.prefix), row, snapshot.store_view()));
  if (!inner) return inner;
  if (!stopped) flush();
  return {};
}

std::uint64_t KeyedTable::row_count() const {
  std::uint64_t rows = 0;
  for (const auto& shard : shards_) rows += shard->row_count();
  return rows;
}

std::uint64_t KeyedTable::memory_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& shard : shards_) bytes += shard->memory_bytes();
  return bytes;
}

}  // namespace leat::state

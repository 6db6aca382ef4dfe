#include "state/keyed_table.h"

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "state/hash.h"
#include "state/scratch_directory.h"

namespace leat::state {
namespace {

constexpr unsigned shard_count = 4;

/// What a row holds in these tests: a number, and a text that is short or long.
struct Row {
  std::int64_t number = 0;
  Blob text;
};
using Rows = std::map<std::string, std::pair<std::int64_t, std::string>>;

RecordLayout row_layout() { return {sizeof(Row), {offsetof(Row, text)}}; }

/// A table, the store under it and the epochs it goes through.
class Bench {
 public:
  explicit Bench(std::uint64_t restore_bytes_max = UINT64_MAX) : restore_max_(restore_bytes_max) {
    Reopen();
  }

  /// Loses everything that was not committed.
  void Reopen() {
    held_.clear();
    table_.reset();
    timeline_.reset();
    store_.reset();
    store_ = Store::open(directory_.path()).value();
    timeline_ = std::make_unique<Timeline>(*store_);
    timeline_->publish(committed_epoch_);
    timeline_->committed(committed_epoch_);
    epoch_ = committed_epoch_;
    rows_ = committed_rows_;
    TableOptions options;
    options.store = store_.get();
    options.timeline = timeline_.get();
    options.family = store_->family("view").value();
    options.prefix = "g";
    options.layout = row_layout();
    table_ = std::make_unique<KeyedTable>(options, shard_count);
    EXPECT_TRUE(table_->restore(restore_max_));
  }

  void BeginEpoch() {
    ++epoch_;
    for (unsigned i = 0; i < shard_count; ++i) table_->shard(i).begin(epoch_);
  }
  void Put(const std::string& key, std::int64_t number, const std::string& text) {
    KeyedShard& shard = ShardOf(key);
    const auto lock = shard.lock();
    const KeyedShard::Key wanted{key, hash_bytes(key)};
    ASSERT_TRUE(shard.find_or_create({&wanted, 1}, entries_));
    reinterpret_cast<Row*>(shard.touch(entries_[0]))->number = number;
    shard.set_blob(entries_[0], 0, text);
    rows_[key] = {number, text};
  }
  void Remove(const std::string& key) {
    KeyedShard& shard = ShardOf(key);
    const auto lock = shard.lock();
    Entry* entry = shard.find({key, hash_bytes(key)}).value();
    ASSERT_EQ(entry != nullptr, rows_.contains(key)) << key;
    if (entry != nullptr) shard.remove(entry);
    rows_.erase(key);
  }
  void Publish() {
    for (unsigned i = 0; i < shard_count; ++i) {
      const auto lock = table_->shard(i).lock();
      table_->shard(i).publish_counts();
    }
    timeline_->publish(epoch_);
  }
  void Commit() {
    auto batch = store_->new_batch();
    for (unsigned i = 0; i < shard_count; ++i) table_->shard(i).persist(*batch);
    batch_bytes_ = batch->bytes();
    ASSERT_TRUE(store_->commit(*batch));
    timeline_->committed(epoch_);
    committed_epoch_ = epoch_;
    committed_rows_ = rows_;
  }
  std::uint64_t Evict(std::uint64_t bytes) {
    std::uint64_t freed = 0;
    for (unsigned i = 0; i < shard_count; ++i) freed += table_->shard(i).evict(bytes);
    return freed;
  }
  Rows Scan(const Snapshot& snapshot) {
    Rows rows;
    EXPECT_TRUE(table_->scan(snapshot, [&](const KeyedTable::Piece& piece) {
      for (std::size_t i = 0; i < piece.keys.size(); ++i) {
        Row row;
        std::memcpy(static_cast<void*>(&row), piece.records.data() + i * sizeof(Row), sizeof(Row));
        const bool added =
            rows.emplace(piece.keys[i], std::pair(row.number, row.text.view())).second;
        EXPECT_TRUE(added) << "twice: " << piece.keys[i];
      }
      return true;
    }));
    return rows;
  }
  void HoldSnapshot() { held_.emplace_back(timeline_->take_snapshot(), rows_); }
  void CheckHeldSnapshots() {
    for (const auto& [snapshot, rows] : held_) EXPECT_EQ(Scan(*snapshot), rows);
  }
  void DropOldestSnapshot() {
    if (!held_.empty()) held_.erase(held_.begin());
  }

  KeyedShard& ShardOf(const std::string& key) {
    return table_->shard(KeyedTable::shard_of(hash_bytes(key), shard_count));
  }

  ScratchDirectory directory_;
  std::uint64_t restore_max_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Timeline> timeline_;
  std::unique_ptr<KeyedTable> table_;
  Epoch epoch_;
  Rows rows_;
  Epoch committed_epoch_;
  Rows committed_rows_;
  std::size_t batch_bytes_ = 0;
  std::vector<Entry*> entries_;
  std::vector<std::pair<std::shared_ptr<const Snapshot>, Rows>> held_;
};

std::string text_of_length(std::size_t length, int seed) {
  return std::string(length, static_cast<char>('a' + seed % 26));
}

TEST(KeyedTable, ScanShowsThePublishedEpochOnly) {
  Bench bench;
  bench.BeginEpoch();
  bench.Put("a", 1, "one");
  EXPECT_TRUE(bench.Scan(*bench.timeline_->take_snapshot()).empty());
  bench.Publish();
  EXPECT_EQ(bench.Scan(*bench.timeline_->take_snapshot()), (Rows{{"a", {1, "one"}}}));
}

TEST(KeyedTable, SnapshotKeepsLongTextsThatWereReplaced) {
  Bench bench;
  bench.BeginEpoch();
  bench.Put("a", 1, std::string(100, 'x'));
  bench.Publish();
  bench.HoldSnapshot();
  for (int i = 0; i < 5; ++i) {
    bench.BeginEpoch();
    bench.Put("a", i, std::string(50, 'y'));
    bench.Put("a", i, std::string(70, 'z'));
    bench.Publish();
  }
  bench.CheckHeldSnapshots();
}

TEST(KeyedTable, RowThatComesAndGoesBetweenCommitsNeverTouchesTheStore) {
  Bench bench;
  bench.BeginEpoch();
  bench.Commit();
  const std::size_t empty = bench.batch_bytes_;
  bench.BeginEpoch();
  bench.Put("a", 1, "x");
  bench.Publish();
  bench.BeginEpoch();
  bench.Remove("a");
  bench.Publish();
  bench.Commit();
  EXPECT_EQ(bench.batch_bytes_, empty);
}

TEST(KeyedTable, CommitCostsWhatChangedNotWhatThereIs) {
  Bench bench;
  bench.BeginEpoch();
  for (int i = 0; i < 10000; ++i) bench.Put("key" + std::to_string(i), i, "text");
  bench.Publish();
  bench.Commit();
  const std::size_t all = bench.batch_bytes_;
  bench.BeginEpoch();
  for (int i = 0; i < 10; ++i) bench.Put("key" + std::to_string(i), -i, "text");
  bench.Publish();
  bench.Commit();
  EXPECT_LT(bench.batch_bytes_, all / 500);
}

TEST(KeyedTable, MemoryOfRemovedRowsComesBack) {
  Bench bench;
  std::uint64_t after_first = 0;
  for (int round = 0; round < 20; ++round) {
    bench.BeginEpoch();
    for (int i = 0; i < 2000; ++i) {
      bench.Put(std::to_string(round) + "-" + std::to_string(i), i, text_of_length(40, i));
    }
    bench.Publish();
    bench.BeginEpoch();
    for (const auto& [key, row] : Rows(bench.rows_)) bench.Remove(key);
    bench.Publish();
    bench.Commit();
    if (round == 3) after_first = bench.table_->memory_bytes();
  }
  EXPECT_EQ(bench.table_->row_count(), 0u);
  EXPECT_LT(bench.table_->memory_bytes(), 2 * after_first);
}

/// Random epochs, commits, evictions, losses of power and snapshots, against a plain map.
void run_randomly(std::uint64_t seed, bool evicting) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Bench bench(evicting ? 4096 : UINT64_MAX);
  const auto any = [&](int bound) {
    return static_cast<int>(random() % static_cast<unsigned>(bound));
  };
  for (int step = 0; step < 150; ++step) {
    bench.BeginEpoch();
    if (evicting) bench.Evict(1 << 20);
    for (int change = any(60); change > 0; --change) {
      const std::string key =
          text_of_length(static_cast<std::size_t>(any(3)) * 9, 0) + std::to_string(any(150));
      if (any(3) == 0) {
        bench.Remove(key);
      } else {
        bench.Put(key, any(1000), text_of_length(static_cast<std::size_t>(any(40)), any(26)));
      }
    }
    if (any(4) == 0) bench.CheckHeldSnapshots();  // while the epoch is half done
    bench.Publish();
    EXPECT_EQ(bench.table_->row_count(), bench.rows_.size());
    EXPECT_EQ(bench.Scan(*bench.timeline_->take_snapshot()), bench.rows_);
    if (any(3) == 0) bench.HoldSnapshot();
    if (any(3) == 0) bench.DropOldestSnapshot();
    if (any(3) == 0) bench.Commit();
    if (any(20) == 0) {
      bench.CheckHeldSnapshots();
      bench.Reopen();
      EXPECT_EQ(bench.Scan(*bench.timeline_->take_snapshot()), bench.rows_);
    }
    bench.CheckHeldSnapshots();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(KeyedTable, BehavesAsAMapThroughEpochsCommitsAndCrashes) {
  for (std::uint64_t seed = 0; seed < 15; ++seed) run_randomly(seed, false);
}

TEST(KeyedTable, BehavesAsAMapWhileItEvicts) {
  for (std::uint64_t seed = 100; seed < 115; ++seed) run_randomly(seed, true);
}

TEST(KeyedTable, EvictionBringsMemoryDownAndRowsComeBack) {
  Bench bench;
  bench.BeginEpoch();
  for (int i = 0; i < 5000; ++i) bench.Put("k" + std::to_string(i), i, text_of_length(30, i));
  bench.Publish();
  bench.Commit();
  bench.BeginEpoch();
  EXPECT_GT(bench.Evict(UINT64_MAX), 300000u);
  EXPECT_EQ(bench.table_->row_count(), 5000u);
  bench.Put("k7", -7, "changed");
  bench.Remove("k8");
  bench.Publish();
  EXPECT_EQ(bench.Scan(*bench.timeline_->take_snapshot()), bench.rows_);
}

TEST(KeyedTable, NothingIsEvictedBeforeItsCommitIsKnown) {
  Bench bench;
  bench.BeginEpoch();
  bench.Put("a", 1, "x");
  bench.Publish();
  auto batch = bench.store_->new_batch();
  for (unsigned i = 0; i < shard_count; ++i) bench.table_->shard(i).persist(*batch);
  EXPECT_EQ(bench.Evict(UINT64_MAX), 0u);  // the batch is not in the store yet
  EXPECT_EQ(bench.Scan(*bench.timeline_->take_snapshot()).size(), 1u);
}

/// An ordered table of one shard, with keys that the store alone has after evict().
class OrderedTable : public ::testing::Test {
 protected:
  void put(const std::string& key, bool present) {
    const KeyedShard::Key wanted{key, hash_bytes(key)};
    std::vector<Entry*> entries;
    ASSERT_TRUE(shard().find_or_create({&wanted, 1}, entries));
    shard().touch(entries[0]);
    if (!present) shard().remove(entries[0]);
  }
  void put_all(std::initializer_list<const char*> keys) {
    shard().begin(Epoch(1));
    for (const char* key : keys) put(key, true);
  }
  void evict() {
    auto batch = store_->new_batch();
    shard().persist(*batch);
    ASSERT_TRUE(store_->commit(*batch));
    timeline_.committed(Epoch(1));
    shard().begin(Epoch(2));
    EXPECT_GT(shard().evict(UINT64_MAX), 0u);
  }
  KeyedShard& shard() { return table_->shard(0); }

  ScratchDirectory directory_;
  std::unique_ptr<Store> store_ = Store::open(directory_.path()).value();
  Timeline timeline_{*store_};
  std::unique_ptr<KeyedTable> table_ = std::make_unique<KeyedTable>(
      TableOptions{
          store_.get(), &timeline_, store_->family("v").value(), "s", {8, {}}, false, true},
      1);
};

TEST_F(OrderedTable, FindsTheEdgesOfAPrefixInMemoryAndStore) {
  const auto edges = [&](const std::string& prefix) {
    return shard().first_in(prefix).value().value_or("-") + " " +
           shard().last_in(prefix).value().value_or("-");
  };
  put_all({"a1", "a3", "a5", "b2", "b9"});
  EXPECT_EQ(edges("a"), "a1 a5");
  EXPECT_EQ(edges("c"), "- -");
  evict();
  EXPECT_EQ(edges("a"), "a1 a5") << "from the store alone";
  put("a1", false);
  put("a9", true);
  put("b2", false);
  EXPECT_EQ(edges("a"), "a3 a9") << "memory laid over the store";
  EXPECT_EQ(edges("b"), "b9 b9");
}

TEST_F(OrderedTable, FindsTheNearestEntryThatIsWanted) {
  const auto nearest = [&](const std::string& begin, const std::string& end) {
    const auto even = [&](const Entry* entry) {
      return (shard().key_of(entry).back() - '0') % 2 == 0;
    };
    const auto text = [&](const Entry* entry) {
      return entry == nullptr ? "-" : std::string(shard().key_of(entry));
    };
    return text(shard().first_entry(begin, end, even).value()) + " " +
           text(shard().last_entry(begin, end, even).value());
  };
  put_all({"a1", "a2", "a3", "a6", "a7", "b4", "b8"});
  for (const bool in_store : {false, true}) {
    SCOPED_TRACE(in_store);
    if (in_store) evict();
    EXPECT_EQ(nearest("a", "b"), "a2 a6");
    EXPECT_EQ(nearest("a2", "a6"), "a2 a2") << "the end is not in the range";
    EXPECT_EQ(nearest("a3", "a6"), "- -");
    EXPECT_EQ(nearest("a7", ""), "b4 b8") << "to the table's end";
  }
  put("a2", false);
  put("a4", true);
  EXPECT_EQ(nearest("a", "b"), "a4 a6");
}

TEST_F(OrderedTable, RemovesARangeInMemoryAndStore) {
  put_all({"a1", "a2", "a3", "a4", "b1"});
  evict();
  put("a2", true);  // in memory again
  put("a5", true);
  using Keys = std::vector<std::string>;
  Keys removed = shard().remove_range("a2", "a6", [](auto key) { return key != "a3"; }).value();
  std::ranges::sort(removed);
  EXPECT_EQ(removed, Keys({"a2", "a4", "a5"}));
  EXPECT_EQ(shard().load_range("a", "", 1).value(), 1u);
  EXPECT_EQ(shard().load_range("a", "", 9).value(), 2u);
  Keys left;
  shard().for_each_in_memory("", "", [&](std::string_view key) {
    left.emplace_back(key);
    return true;
  });
  EXPECT_EQ(left, Keys({"a1", "a3", "b1"}));
}

TEST(KeyedTableThreads, EveryScanSumsToItsEpoch) {
  // Every epoch moves amounts between keys, so that the sum stays 0 and a counter row says which
  // epoch it is: a scan that mixed two epochs would be seen.
  Bench bench;
  std::atomic<bool> done = false;
  std::atomic<int> scans = 0;
  const auto check = [&] {
    while (!done) {
      const auto snapshot = bench.timeline_->take_snapshot();
      if (snapshot->epoch() == Epoch(0)) continue;
      std::int64_t sum = 0;
      std::int64_t epoch = -1;
      const Rows rows = bench.Scan(*snapshot);
      for (const auto& [key, row] : rows) {
        if (key == "epoch") {
          epoch = row.first;
        } else {
          sum += row.first;
        }
        EXPECT_EQ(row.second, text_of_length(20, static_cast<int>(row.first & 15)));
      }
      EXPECT_EQ(sum, 0);
      EXPECT_EQ(epoch, static_cast<std::int64_t>(snapshot->epoch().value()));
      ++scans;
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(check);
  std::mt19937_64 random(7);
  const auto put = [&](const std::string& key, std::int64_t number) {
    bench.Put(key, number, text_of_length(20, static_cast<int>(number & 15)));
  };
  for (int epoch = 1; epoch <= 400 || scans < 30; ++epoch) {
    bench.BeginEpoch();
    bench.Evict(1 << 16);
    for (int i = 0; i < 20; ++i) {
      const std::string from = std::to_string(random() % 300);
      const std::string to = std::to_string(random() % 300 + 1000);
      const auto amount = static_cast<std::int64_t>(random() % 100);
      put(from, bench.rows_[from].first - amount);
      put(to, bench.rows_[to].first + amount);
      const std::string gone = std::to_string(random() % 300);
      if (bench.rows_.contains(gone) && bench.rows_[gone].first == 0) bench.Remove(gone);
    }
    put("epoch", epoch);
    bench.Publish();
    if (epoch % 5 == 0) bench.Commit();
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(bench.Scan(*bench.timeline_->take_snapshot()), bench.rows_);
}

TEST(HashBytes, TellsNearKeysApart) {
  std::map<std::uint64_t, std::string> seen;
  for (int i = 0; i < 20000; ++i) {
    for (const std::string& key :
         {std::to_string(i), std::string(1, static_cast<char>(i)) + std::to_string(i),
          std::string(reinterpret_cast<const char*>(&i), sizeof i) + std::string(10, '\0')}) {
      const auto [it, added] = seen.emplace(hash_bytes(key), key);
      EXPECT_TRUE(added || it->second == key);
    }
  }
}

}  // namespace
}  // namespace leat::state

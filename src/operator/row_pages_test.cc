#include "operator/row_pages.h"

#include <map>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "state/hash.h"
#include "state/scratch_directory.h"

namespace leat::op {
namespace {

constexpr unsigned shard_count = 2;

/// What a key should hold: rows in order of arrival, each with its weight and count.
struct ExpectedRow {
  std::string bytes;
  std::int64_t weight;
  std::int64_t count;
  bool operator==(const ExpectedRow&) const = default;
};
using ExpectedRows = std::map<std::string, std::vector<ExpectedRow>>;

/// Adds to one row after another, newest first, as RowPages says that it does.
void add_to(std::vector<ExpectedRow>& rows, const std::string& bytes, std::int64_t weight,
            std::int64_t count) {
  for (std::size_t i = rows.size(); i > 0 && weight != 0; --i) {
    ExpectedRow& row = rows[i - 1];
    if (row.bytes != bytes || (row.weight < 0) == (weight < 0)) continue;
    const std::int64_t sum = row.weight + weight;
    const bool outlives = sum != 0 && (sum < 0) == (row.weight < 0);
    weight = outlives ? 0 : sum;
    if (outlives) {
      row.weight = sum;
    } else {
      rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(i - 1));
    }
  }
  if (weight != 0) rows.push_back({bytes, weight, count});
}

class Bench {
 public:
  explicit Bench(RowPagesTable::Layout layout, std::uint64_t memory_max = UINT64_MAX)
      : layout_(layout), memory_max_(memory_max) {
    Open();
  }

  void Open() {
    pages_.reset();
    timeline_.reset();
    store_.reset();
    store_ = state::Store::open(directory_.path()).value();
    timeline_ = std::make_unique<state::Timeline>(*store_);
    timeline_->publish(Epoch(committed_));
    timeline_->committed(Epoch(committed_));
    epoch_ = committed_;
    expected_ = committed_rows_;
    state::TableOptions options;
    options.store = store_.get();
    options.timeline = timeline_.get();
    options.family = store_->family("view").value();
    options.prefix = "r";
    pages_ = std::make_unique<RowPagesTable>(options, shard_count, layout_);
    restored_.clear();
    ASSERT_TRUE(pages_->restore(memory_max_, [&](unsigned shard, RowPages::Group group) {
      restored_.emplace_back(pages_->shard(shard).key_of(group));
    }));
  }
  void BeginEpoch() {
    ++epoch_;
    for (unsigned i = 0; i < shard_count; ++i) {
      pages_->shard(i).begin(Epoch(epoch_));
      if (memory_max_ != UINT64_MAX) pages_->shard(i).table().evict(UINT64_MAX / 2);
    }
  }
  void Commit() {
    auto batch = store_->new_batch();
    for (unsigned i = 0; i < shard_count; ++i) pages_->shard(i).table().persist(*batch);
    ASSERT_TRUE(store_->commit(*batch));
    timeline_->committed(Epoch(epoch_));
    committed_ = epoch_;
    committed_rows_ = expected_;
    batch_bytes_ = batch->bytes();
  }

  RowPages& ShardOf(const std::string& key) {
    const std::string_view placed =
        std::string_view(key).substr(0, key.size() - layout_.tail_bytes);
    return pages_->shard(state::KeyedTable::shard_of(state::hash_bytes(placed), shard_count));
  }
  RowPages::Group Find(const std::string& key) {
    const std::string_view wanted = key;
    std::vector<RowPages::Group> groups;
    EXPECT_TRUE(ShardOf(key).find({&wanted, 1}, groups));
    return groups[0];
  }
  void Add(const std::string& key, const std::string& row, std::int64_t weight,
           std::int64_t count = 0) {
    const std::string_view wanted = key;
    std::vector<RowPages::Group> groups;
    ASSERT_TRUE(ShardOf(key).find_or_create({&wanted, 1}, groups));
    ASSERT_TRUE(ShardOf(key).add(groups[0], row, weight, count));
    add_to(expected_[key], row, weight, count);
    if (expected_[key].empty()) expected_.erase(key);
  }
  /// A change of a key that Check() doesn't know of.
  void Change(const std::string& key, const std::string& row, std::int64_t weight) {
    const std::string_view wanted = key;
    std::vector<RowPages::Group> groups;
    ASSERT_TRUE(ShardOf(key).find_or_create({&wanted, 1}, groups));
    ASSERT_TRUE(ShardOf(key).add(groups[0], row, weight));
  }
  /// Adds the same row to such a key.
  void AddMany(const std::string& key, const std::string& row, int times) {
    const std::string_view wanted = key;
    std::vector<RowPages::Group> groups;
    ASSERT_TRUE(ShardOf(key).find_or_create({&wanted, 1}, groups));
    for (; times > 0; --times) ASSERT_TRUE(ShardOf(key).add(groups[0], row, 1));
  }
  void Recount(const std::string& key, std::int64_t step) {
    ASSERT_TRUE(ShardOf(key).for_each(Find(key), [&](RowPages::Row& row) {
      EXPECT_EQ(ShardOf(key).add_to_count(row, step), row.count + step);
      return true;
    }));
    for (ExpectedRow& row : expected_[key]) row.count += step;
    if (expected_[key].empty()) expected_.erase(key);
  }
  void Drop(const std::string& key) {
    ASSERT_TRUE(ShardOf(key).drop(Find(key)));
    expected_.erase(key);
  }
  std::vector<ExpectedRow> Rows(const std::string& key) {
    std::vector<ExpectedRow> rows;
    EXPECT_TRUE(ShardOf(key).for_each(Find(key), [&](RowPages::Row& row) {
      rows.push_back({std::string(row.bytes), row.weight, row.count});
      return true;
    }));
    return rows;
  }
  void Check(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
      const auto expected = expected_.find(key);
      ASSERT_EQ(Rows(key),
                expected == expected_.end() ? std::vector<ExpectedRow>() : expected->second)
          << "key " << key;
    }
  }
  /// Pages that the store and memory hold.
  std::uint64_t page_count() {
    std::uint64_t pages = 0;
    for (unsigned i = 0; i < shard_count; ++i) {
      pages_->shard(i).table().publish_counts();
      pages += pages_->shard(i).table().row_count();
    }
    return pages;
  }
  std::size_t batch_bytes() const { return batch_bytes_; }
  const std::vector<std::string>& restored() const { return restored_; }

 private:
  const RowPagesTable::Layout layout_;
  const std::uint64_t memory_max_;
  state::ScratchDirectory directory_;
  std::unique_ptr<state::Store> store_;
  std::unique_ptr<state::Timeline> timeline_;
  std::unique_ptr<RowPagesTable> pages_;
  ExpectedRows expected_, committed_rows_;
  std::vector<std::string> restored_;
  std::uint64_t epoch_ = 0;
  std::uint64_t committed_ = 0;
  std::size_t batch_bytes_ = 0;
};

std::string random_row(std::mt19937_64& random) {
  const std::size_t sizes[] = {0, 1, 9, 40, 300, 5000};
  return std::string(sizes[random() % (random() % 20 == 0 ? 6 : 5)],
                     static_cast<char>('a' + random() % 4));
}

/// Epochs of random changes, most of them to one key, which grows and shrinks by turns.
void change_at_random(std::uint64_t seed, bool counted, std::uint64_t memory_max) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  Bench bench({counted, 0, false}, memory_max);
  const std::vector<std::string> keys = {"", "a", std::string("a\0", 2), "a longer key", "b"};
  for (int epoch = 0; epoch < 40 && !::testing::Test::HasFailure(); ++epoch) {
    bench.BeginEpoch();
    const bool shrinks = epoch / 10 % 2 == 1;
    for (int change = 0; change < 80; ++change) {
      const std::string& key = keys[random() % 2 == 0 ? 3 : random() % keys.size()];
      const std::vector<ExpectedRow> rows = bench.Rows(key);
      const bool takes = random() % 10 < (shrinks ? 8 : 2) && !rows.empty();
      const std::string row = takes ? rows[random() % rows.size()].bytes : random_row(random);
      const auto weight = static_cast<std::int64_t>(1 + random() % 3 / 2);
      const auto count = static_cast<std::int64_t>(counted ? random() % 5 : 0);
      bench.Add(key, row, takes || random() % 30 == 0 ? -weight : weight, count);
      if (counted && random() % 40 == 0) bench.Recount(key, 3);
    }
    if (random() % 20 == 0) bench.Drop(keys[3]);
    bench.Check(keys);
    if (random() % 2 == 0) bench.Commit();
    if (random() % 8 == 0) bench.Open();
    bench.Check(keys);
  }
}

TEST(RowPages, HoldWhatWasAddedAndNotTakenBack) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    change_at_random(seed, false, UINT64_MAX);
    change_at_random(seed, true, UINT64_MAX);
  }
}

TEST(RowPages, HoldItWhilePagesAreEvicted) {
  change_at_random(11, false, 0);
  change_at_random(12, true, 0);
}

TEST(RowPages, OfOneKeyCostAPageToAddTo) {
  Bench bench({});
  bench.BeginEpoch();
  bench.AddMany("k", std::string(90, 'r'), 100'000);
  EXPECT_GT(bench.page_count(), 4'000u);
  bench.Commit();
  bench.Open();
  bench.BeginEpoch();
  bench.AddMany("k", "one more", 1);
  bench.Commit();
  EXPECT_LT(bench.batch_bytes(), 10'000u);
  EXPECT_EQ(bench.Rows("k").size(), 100'001u);
}

TEST(RowPages, ArePackedWhenMostRowsAreTaken) {
  Bench bench({});
  bench.BeginEpoch();
  const auto row = [](int number) { return fmt::format("{:060}", number); };
  for (int number = 0; number < 3'000; ++number) bench.Add("k", row(number), 1);
  const std::uint64_t full = bench.page_count();
  for (int number = 2'999; number >= 0; --number) {
    if (number % 30 != 0) bench.Add("k", row(number), -1);
  }
  bench.Check({"k"});
  EXPECT_LT(bench.page_count(), full / 10);
  for (int number = 0; number < 3'000; number += 30) bench.Add("k", row(number), -1);
  EXPECT_EQ(bench.page_count(), 0u);
  bench.Commit();
}

/// A key of so many rows would be gone through for seconds if each row were looked for in all
/// pages.
TEST(RowPages, OfOneKeyAreTakenBackInAnyOrder) {
  Bench bench({});
  bench.BeginEpoch();
  const auto row = [](int number) { return fmt::format("{:050}", number); };
  std::vector<int> numbers(60'000);
  std::iota(numbers.begin(), numbers.end(), 0);
  for (const int number : numbers) bench.Change("k", row(number), 1);
  std::mt19937_64 random(5);
  std::shuffle(numbers.begin(), numbers.end(), random);
  for (std::size_t i = 0; i < 59'000; ++i) {
    bench.Change("k", row(numbers[i]), -1);
    if (i % 3 == 0) bench.Change("k", row(numbers[i]), 1);
    if (i % 3 == 0) bench.Change("k", row(numbers[i]), -1);
  }
  std::vector<std::string> expected, left;
  for (std::size_t i = 59'000; i < numbers.size(); ++i) expected.push_back(row(numbers[i]));
  for (const ExpectedRow& some : bench.Rows("k")) left.push_back(some.bytes);
  std::ranges::sort(expected);
  EXPECT_EQ(left, expected);
}

TEST(RowPlaces, KnowTheNewestPageOfAHash) {
  std::mt19937_64 random(1);
  std::map<std::uint64_t, std::uint32_t> expected;  // by the half of a hash that counts
  RowPlaces places;
  for (int change = 0; change < 100'000; ++change) {
    const std::uint64_t hash = (random() % 5'000 * 1024) << 32;
    if (random() % 3 == 0) {
      places.remove(hash);
      expected.erase(hash);
    } else {
      const auto page = static_cast<std::uint32_t>(random() % 7);
      places.put(hash, page);
      expected[hash] = page;
    }
  }
  for (std::uint64_t number = 0; number < 5'000; ++number) {
    const auto found = expected.find((number * 1024) << 32);
    const auto page = places.find((number * 1024) << 32);
    ASSERT_EQ(page.has_value(), found != expected.end());
    ASSERT_TRUE(!page || *page == found->second);
  }
}

TEST(RowPages, AreFoundByKeysWhoseTailIsNotPlaced) {
  Bench bench({false, 3, true});
  bench.BeginEpoch();
  for (int number = 0; number < 50; ++number) {
    for (int row = 0; row < 40; ++row) {
      bench.Add(fmt::format("key {} {:03}", number / 5, number), std::string(100, 'x'), 1);
    }
  }
  bench.Commit();
  bench.Open();
  EXPECT_EQ(bench.restored().size(), 50u);
  bench.BeginEpoch();
  bench.Check({"key 0 000", "key 9 049", "key 3 017"});
}

}  // namespace
}  // namespace leat::op

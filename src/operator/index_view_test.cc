#include "operator/index_view.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "operator/law_bench.h"

namespace leat::op {
namespace {

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

const Schema& schema() { return RandomInput::schema(); }

ViewBench::Make make_index(const std::vector<std::size_t>& key) {
  return [key](const std::string& name,
               const Resources& resources) -> Result<std::unique_ptr<ViewOperator>> {
    return LEAT_TRY(IndexView::make(name, schema(), key, resources));
  };
}

std::vector<std::size_t> columns(std::initializer_list<const char*> names) {
  std::vector<std::size_t> found;
  for (const char* name : names) found.push_back(*schema().find(name));
  return found;
}

std::vector<Type> types_of(const std::vector<std::size_t>& columns) {
  std::vector<Type> types;
  for (const std::size_t column : columns) types.push_back(schema()[column].type);
  return types;
}

std::vector<std::size_t> all_columns() {
  std::vector<std::size_t> all(schema().size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

using RowsByKey = std::map<std::string, std::vector<std::string>>;

/// The rows that the judge has, by their keys; those with a NULL among them are left out.
RowsByKey rows_by_key(RandomInput& input, const std::vector<std::size_t>& key) {
  std::string sql = "SELECT * FROM input WHERE true";
  for (const std::size_t column : key)
    sql += fmt::format(" AND {} IS NOT NULL", schema()[column].name);
  const KeyCodec keys(types_of(key));
  const RowCodec rows(types_of(all_columns()));
  RowsByKey found;
  EncodedRows encoded;
  for (const Chunk& chunk : input.judge().chunks(sql)) {
    rows.encode(chunk, encoded);
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      std::string bytes;
      keys.append(chunk, key, row, bytes);
      found[bytes].emplace_back(encoded[row]);
    }
  }
  for (auto& [bytes, rows_of_key] : found) std::ranges::sort(rows_of_key);
  return found;
}

/// Every key that ever was gives the rows that it has now, and that it has more than asked for.
void expect_found(IndexView& index, const RowsByKey& wanted, std::set<std::string>& seen) {
  for (const auto& [key, rows] : wanted) seen.insert(key);
  for (const std::string& key : seen) {
    const auto rows = wanted.find(key);
    const std::size_t count = rows == wanted.end() ? 0 : rows->second.size();
    std::vector<std::string> found;
    EXPECT_EQ(index.find(key, count, found), true);
    std::ranges::sort(found);
    EXPECT_EQ(found, count == 0 ? std::vector<std::string>() : rows->second);
    if (count == 0) continue;
    found.clear();
    EXPECT_EQ(index.find(key, count - 1, found), false);
    EXPECT_LE(found.size(), count);
  }
}

/// The law of an index, through epochs, commits and losses of power: it finds what DuckDB does.
void live(std::uint64_t seed, const std::vector<std::size_t>& key, bool taken_back,
          Setting setting) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  RandomInput input(seed, taken_back);
  ViewBench bench(database(), setting);
  bench.add("v#by_0", make_index(key));
  bench.start();
  std::set<std::string> seen;
  std::size_t most = 0;
  bench.live(input, 20, random, [&] {
    const RowsByKey wanted = rows_by_key(input, key);
    for (const auto& [bytes, rows] : wanted) most = std::max(most, rows.size());
    expect_found(static_cast<IndexView&>(bench.view("v#by_0")), wanted, seen);
  });
  EXPECT_GT(seen.size(), 3u);
  EXPECT_GT(most, 1u) << "the test has keys of several rows at all";
}

TEST(IndexViewLaw, FindsRowsThatOnlyCome) {
  live(1, columns({"g"}), false, {1, 1});
  live(2, columns({"g", "k"}), false, {2, 4});
}

TEST(IndexViewLaw, FindsRowsThatAreTakenBack) {
  live(3, columns({"k"}), true, {1, 1});
  live(4, columns({"g", "k"}), true, {2, 4});
  live(5, columns({"k", "b"}), true, {3, 4, true});
}

TEST(IndexViewLaw, FindsWhatIsInTheStoreAlone) {
  live(6, columns({"g", "k"}), true, {2, 2, false, 1024});
  live(7, columns({"n"}), true, {2, 2, false, 1024});
}

TEST(IndexView, IsNewUntilItIsCommitted) {
  std::mt19937_64 random(1);
  RandomInput input(1, false);
  ViewBench bench(database(), {1, 2});
  bench.add("v#by_0", make_index(columns({"g"})));
  bench.start();
  const auto index = [&]() -> IndexView& { return static_cast<IndexView&>(bench.view("v#by_0")); };
  EXPECT_TRUE(index().is_new());
  bench.run_epoch(input.next_epoch(), no_watermark, random);
  bench.crash();
  EXPECT_TRUE(index().is_new());
  bench.run_epoch(input.epoch(1), no_watermark, random);
  bench.commit();
  bench.crash();
  EXPECT_FALSE(index().is_new());
}

}  // namespace
}  // namespace leat::op

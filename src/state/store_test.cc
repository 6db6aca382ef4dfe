#include "state/store.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "state/scratch_directory.h"

namespace leat::state {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StoreTest : public ::testing::Test {
 protected:
  void Open(bool read_only = false) {
    store_.reset();
    Store::Options options;
    options.read_only = read_only;
    auto opened = Store::open(directory_.path(), options);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  Family& In(std::string_view name) { return *store_->family(name).value(); }
  void Put(Family& family, std::string_view key, std::string_view value) {
    auto batch = store_->new_batch();
    batch->put(family, key, value);
    ASSERT_TRUE(store_->commit(*batch));
  }
  std::string Get(Family& family, std::string_view key, const StoreView* view = nullptr) {
    return store_->get(family, key, view).value().value_or("(none)");
  }
  std::vector<std::string> Keys(Family& family, std::string_view begin, std::string_view end,
                                bool backwards = false) {
    std::vector<std::string> keys;
    const auto row = [&](std::string_view key, std::string_view) {
      keys.emplace_back(key);
      return true;
    };
    EXPECT_TRUE(backwards ? store_->for_each_backwards(family, begin, end, row)
                          : store_->for_each(family, begin, end, row));
    return keys;
  }

  ScratchDirectory directory_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, KeepsWhatWasCommittedAcrossFamilies) {
  Open();
  auto batch = store_->new_batch();
  batch->put(In("a"), "key", "1");
  batch->put(In("b"), "key", "2");
  EXPECT_GT(batch->bytes(), 0u);
  EXPECT_EQ(Get(In("a"), "key"), "(none)") << "nothing is visible before the commit";
  ASSERT_TRUE(store_->commit(*batch));
  Open();
  EXPECT_THAT(store_->family_names(), ElementsAre("a", "b"));
  EXPECT_EQ(Get(In("a"), "key"), "1");
  EXPECT_EQ(Get(In("b"), "key"), "2");
}

TEST_F(StoreTest, MakesTheFamiliesThatAreMissing) {
  Open();
  Put(In("b"), "key", "1");
  ASSERT_TRUE(store_->make_families(std::vector<std::string>{"a", "b", "c"}));
  ASSERT_TRUE(store_->make_families(std::vector<std::string>{"a", "b", "c"}));
  Put(In("c"), "key", "2");
  Open();
  EXPECT_THAT(store_->family_names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(Get(In("b"), "key"), "1");
  EXPECT_EQ(Get(In("c"), "key"), "2");
  Open(true);
  EXPECT_TRUE(store_->make_families(std::vector<std::string>{"d"}));
  EXPECT_EQ(store_->family("d").error().code, "unknown-family");
}

TEST(StoreInMemory, LeavesNothingBehind) {
  const std::string nowhere = "/leat-test-that-is-nowhere";
  for (int round = 0; round < 2; ++round) {
    const auto store = Store::open(nowhere, {.in_memory = true}).value();
    Family& family = *store->family("a").value();
    EXPECT_EQ(store->get(family, "key").value(), std::nullopt);
    const auto view = store->view();
    auto batch = store->new_batch();
    batch->put(family, "key", "1");
    ASSERT_TRUE(store->commit(*batch));
    EXPECT_EQ(store->get(family, "key").value(), "1");
    EXPECT_EQ(store->get(family, "key", view.get()).value(), std::nullopt);
  }
  EXPECT_FALSE(std::filesystem::exists(nowhere));
}

TEST_F(StoreTest, WalksKeysInOrderOfBytesBothWays) {
  Open();
  for (const char* key : {"b", "a", "c", "b1"}) Put(In("f"), key, key);
  EXPECT_THAT(Keys(In("f"), "a1", "c"), ElementsAre("b", "b1"));
  EXPECT_THAT(Keys(In("f"), "", ""), ElementsAre("a", "b", "b1", "c"));
  EXPECT_THAT(Keys(In("f"), "b", "", true), ElementsAre("c", "b1", "b"));
}

TEST_F(StoreTest, RemovesKeys) {
  Open();
  for (const char* key : {"a", "b", "c"}) Put(In("f"), key, "x");
  auto batch = store_->new_batch();
  batch->remove(In("f"), "a");
  batch->remove(In("f"), "c");
  ASSERT_TRUE(store_->commit(*batch));
  EXPECT_THAT(Keys(In("f"), "", ""), ElementsAre("b"));
}

TEST_F(StoreTest, GetsManyKeysAtOnce) {
  Open();
  Put(In("f"), "b", "2");
  const std::vector<std::string_view> keys = {"a", "b"};
  std::vector<std::optional<std::string>> values;
  ASSERT_TRUE(store_->get_many(In("f"), keys, values));
  EXPECT_EQ(values[0], std::nullopt);
  EXPECT_EQ(values[1], "2");
}

TEST_F(StoreTest, ViewStaysAtItsCommit) {
  Open();
  Put(In("f"), "k", "old");
  const auto view = store_->view();
  Put(In("f"), "k", "new");
  EXPECT_EQ(Get(In("f"), "k", view.get()), "old");
  EXPECT_EQ(Get(In("f"), "k"), "new");
}

TEST_F(StoreTest, DroppedFamilyIsEmptyWhenItComesBack) {
  Open();
  Put(In("f"), "k", "v");
  ASSERT_TRUE(store_->drop_family("f"));
  ASSERT_TRUE(store_->drop_family("never"));
  EXPECT_TRUE(store_->family_names().empty());
  EXPECT_EQ(Get(In("f"), "k"), "(none)");
}

TEST_F(StoreTest, ReadOnlySeesCommitsAndMakesNoFamilies) {
  Open();
  Put(In("f"), "k", "v");
  Open(true);
  EXPECT_EQ(Get(In("f"), "k"), "v");
  const auto missing = store_->family("g");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "unknown-family");
}

TEST_F(StoreTest, ReadOnlyOfAnEmptyDirectoryIsTheUsersFault) {
  Store::Options options;
  options.read_only = true;
  const auto opened = Store::open(directory_.path(), options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "no-store");
  EXPECT_EQ(opened.error().domain, Domain::user);
}

TEST_F(StoreTest, RefusesANewerFormat) {
  Open();
  store_.reset();
  {
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), directory_.path(), &raw).ok());
    const std::unique_ptr<rocksdb::DB> database(raw);
    ASSERT_TRUE(database->Put(rocksdb::WriteOptions(), "format", "3").ok());
  }
  const auto opened = Store::open(directory_.path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "newer-format");
  EXPECT_EQ(opened.error().domain, Domain::user);
  EXPECT_THAT(opened.error().message, HasSubstr("format 3"));
}

TEST_F(StoreTest, SecondWriterIsRefused) {
  Open();
  const auto second = Store::open(directory_.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "locked");
}

TEST_F(StoreTest, DamageIsDetected) {
  Open();
  for (int i = 0; i < 1000; ++i) Put(In("f"), std::to_string(i), std::string(100, 'v'));
  store_.reset();
  directory_.damage_largest(".log");
  const auto opened = Store::open(directory_.path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "store-damaged");
  EXPECT_EQ(opened.error().domain, Domain::external);
}

TEST(EndOfPrefix, IsTheNextPrefix) {
  EXPECT_EQ(end_of_prefix("ab"), "ac");
  EXPECT_EQ(end_of_prefix(std::string("a\xFF")), "b");
  EXPECT_EQ(end_of_prefix("\xFF"), "");
}

}  // namespace
}  // namespace leat::state

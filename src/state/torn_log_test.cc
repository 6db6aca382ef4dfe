#include "state/torn_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "io/simulated_file_system.h"
#include "state/store.h"

namespace leat::state {
namespace {

using testing::AllOf, testing::ElementsAre, testing::HasSubstr, testing::IsEmpty;

/// A record of so many bytes, or a piece of one, as RocksDB's logs have it.
std::string record(std::size_t bytes, char piece = 1) {
  const std::string body = piece + std::string(bytes, 'x');
  const std::uint32_t crc = crc32c(body);
  const std::uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(masked >> shift);
  return out + static_cast<char>(bytes % 256) + static_cast<char>(bytes / 256) + body;
}

std::string with_lost_sector(std::string bytes, std::size_t sector) {
  const std::size_t begin = sector * 512, end = std::min(bytes.size(), begin + 512);
  std::fill(bytes.begin() + begin, bytes.begin() + end, '\0');
  return bytes;
}

TEST(TornLog, IsCutBeforeTheRecordThatLostASector) {
  const std::string sound = record(100) + record(300);
  EXPECT_EQ(torn_end(sound + record(2000), false), std::nullopt);
  EXPECT_EQ(torn_end(with_lost_sector(sound + record(2000), 1), false), sound.size());
  EXPECT_EQ(torn_end(with_lost_sector(sound + record(2000), 2), false), sound.size());
  EXPECT_EQ(torn_end(with_lost_sector(sound + record(150), 1), false), sound.size())
      << "its end alone";
  EXPECT_EQ(torn_end(with_lost_sector(sound + record(2000) + record(10), 2), false), sound.size());
}

TEST(TornLog, IsCutBeforeTheFirstPieceOfARecord) {
  const std::string sound = record(32'000);
  const std::string pieces = record(32'768 - sound.size() - 7, 2) + record(2000, 4);
  EXPECT_EQ(torn_end(sound + pieces, false), std::nullopt);
  EXPECT_EQ(torn_end(with_lost_sector(sound + pieces, 65), false), sound.size());
}

/// RocksDB takes that for an end by itself.
TEST(TornLog, IsNotCutWhereARecordNeverBegan) {
  EXPECT_EQ(torn_end(record(505) + std::string(700, '\0'), false), std::nullopt);
}

TEST(TornLog, IsNotCutWhereItIsDamagedOtherwise) {
  std::string turned = record(100) + record(2000);
  turned[700] ^= 1;
  EXPECT_EQ(torn_end(turned, false), std::nullopt);
  EXPECT_EQ(torn_end(with_lost_sector(turned + record(2000), 6), false), std::nullopt)
      << "the first bad record counts";
}

TEST(TornLog, IsNotCutWhereWhatFollowsWasWrittenAfterASync) {
  const std::string sound = record(100) + record(300);
  const std::string torn = with_lost_sector(sound + record(2000), 2);
  EXPECT_EQ(torn_end(torn, true), sound.size());
  EXPECT_EQ(torn_end(torn + record(10), true), std::nullopt);
  const std::string long_one = record(30'000, 2) + record(2'000, 4);
  EXPECT_EQ(torn_end(with_lost_sector(long_one, 3), true), 0u) << "its own end follows";
  const std::string without_length =
      with_lost_sector(record(505) + record(32'768 - 512 - 7) + record(50), 1);
  EXPECT_EQ(torn_end(without_length, true), std::nullopt) << "found in the next block";
}

class TornStore : public testing::Test {
 protected:
  TornStore() { EXPECT_TRUE(files_.create_directories("/data")); }

  Status open() {
    store_.reset();
    warnings_.clear();
    store_ = LEAT_TRY(Store::open(
        "/data/store", {.files = &files_,
                        .warn = [this](const std::string& text) { warnings_.push_back(text); }}));
    family_ = LEAT_TRY(store_->family("a"));
    return {};
  }
  void put(const std::string& value) {
    const auto batch = store_->new_batch();
    batch->put(*family_, "key", value);
    EXPECT_TRUE(store_->commit(*batch));
  }
  /// Of the newest manifest or write-ahead log.
  std::string path_of(const std::string& part) {
    std::string newest;
    for (const std::string& path : files_.paths()) {
      if (path.contains(part) && !files_.contents(path).empty()) newest = path;
    }
    return newest;
  }
  /// One more record stands at a file's end, which came there without one of its sectors.
  void tear(const std::string& path) {
    const std::string sound = files_.contents(path);
    files_.overwrite(path, with_lost_sector(sound + record(2000), sound.size() / 512 + 2));
  }

  io::SimulatedFileSystem files_;
  std::unique_ptr<Store> store_;
  Family* family_ = nullptr;
  std::vector<std::string> warnings_;
};

TEST_F(TornStore, OpensWithoutWhatWasNeverSynced) {
  for (const char* part : {"/MANIFEST-", ".log"}) {
    ASSERT_TRUE(open());
    EXPECT_THAT(warnings_, IsEmpty());
    put(part);
    store_.reset();
    const std::string path = path_of(part);
    const std::size_t end = files_.contents(path).size();
    tear(path);
    const Status opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(store_->get(*family_, "key").value(), part);
    EXPECT_THAT(
        warnings_,
        ElementsAre(AllOf(HasSubstr("2007 torn bytes off " + path.substr(sizeof "/data/store")),
                          HasSubstr("at byte " + std::to_string(end)))));
  }
}

TEST_F(TornStore, RefusesWhatIsDamagedOtherwise) {
  for (const char* part : {"/MANIFEST-", ".log"}) {
    ASSERT_TRUE(open());
    put(part);
    store_.reset();
    const std::string path = path_of(part);
    const std::string sound = files_.contents(path);
    std::string damaged = sound + record(2000);
    damaged[sound.size() + 100] ^= 1;
    files_.overwrite(path, damaged);
    const Status opened = open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, "store-damaged");
    EXPECT_THAT(warnings_, IsEmpty());
    files_.overwrite(path, sound);
  }
}

}  // namespace
}  // namespace leat::state

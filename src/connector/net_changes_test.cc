#include "connector/net_changes.h"

#include <gmock/gmock.h>

#include "model/duck_test_database.h"

namespace leat::connector {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class NetChangesTest : public testing::Test {
 protected:
  /// A part of a batch: keys, and the weight of each row.
  void part(const std::string& keys, std::vector<std::int64_t> weights) {
    SinkRows& rows = batch_.parts.emplace_back();
    rows.rows = std::move(database_.chunks("SELECT unnest([" + keys + "])::BIGINT AS k")[0]);
    rows.weights = std::move(weights);
    batch_.rows += rows.rows.size();
  }
  /// "part:row" of each write, and a '-' before those that delete.
  std::vector<std::string> fold(std::vector<std::size_t> key = {0}) {
    NetChanges net(Schema({{"k", Type::of(DUCKDB_TYPE_BIGINT)}}), std::move(key));
    std::vector<std::string> out;
    for (const KeyChange& change : net.fold(batch_)) {
      out.push_back(fmt::format("{}{}:{}", change.deleted ? "-" : "", change.part, change.row));
    }
    return out;
  }

  DuckTestDatabase database_;
  SinkBatch batch_;
};

TEST_F(NetChangesTest, MakesOneWriteOfWhatAKeyWasAndIs) {
  part("1, 1, 2, 2, 3", {-1, 1, -1, 1, 1});
  EXPECT_THAT(fold(), ElementsAre("0:1", "0:3", "0:4"));
}

TEST_F(NetChangesTest, DeletesOnlyWhatDoesNotComeBack) {
  part("1, 2, 2", {-1, -1, 1});
  part("2, 3", {-1, 1});
  EXPECT_THAT(fold(), ElementsAre("-0:0", "-1:0", "1:1"));
}

TEST_F(NetChangesTest, SeesAPairAcrossParts) {
  part("1", {-1});
  part("1", {1});
  EXPECT_THAT(fold(), ElementsAre("1:0"));
}

TEST_F(NetChangesTest, TakesTheLastOfManyEpochs) {
  part("1, 1, 1, 1, 1", {1, -1, 1, -1, 1});
  EXPECT_THAT(fold(), ElementsAre("0:4"));
}

TEST_F(NetChangesTest, KnowsTheOneRowOfAViewWithoutAKey) {
  part("7, 8", {-1, 1});
  EXPECT_THAT(fold({}), ElementsAre("0:1"));
}

TEST_F(NetChangesTest, IsNothingForNothing) { EXPECT_THAT(fold(), IsEmpty()); }

}  // namespace
}  // namespace leat::connector

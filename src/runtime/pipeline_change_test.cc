#include "runtime/pipeline_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/check_fixture.h"

namespace leat::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class PipelineChangeTest : public pipeline::CheckTest {
 protected:
  Definitions definitions(const std::string& text) {
    const pipeline::Checked checked = check_text(text);
    EXPECT_TRUE(checked.graph.has_value()) << findings(text);
    return checked.graph ? definitions_of(*checked.graph) : Definitions();
  }
  /// "view/a rebuilt: items input", of all that is not kept.
  std::vector<std::string> difference(const std::string& before, const std::string& now) {
    const PipelineChange change(definitions(before), definitions(now));
    std::vector<std::string> lines;
    for (const auto& [node, what] : change.nodes()) {
      if (what.fate == NodeChange::Fate::kept) continue;
      lines.push_back(fmt::format("{} {}: {}{}", node, word_of(what.fate),
                                  fmt::join(what.items, ","), what.input));
    }
    return lines;
  }

  const std::string base_ = R"(
pipeline: p
topics: {orders: {}}
streams:
  sales:
    from: orders
    columns: {id: integer, amount: integer, made: timestamp}
    select: "SELECT id, amount, made FROM orders WHERE amount > 0"
    event_time: {column: made, delay: 1s}
views:
  totals: {query: "SELECT count(*) AS n, sum(amount) AS amount FROM sales"}
  newest: {from: sales, key: id}
  above: {query: "SELECT max(n) AS most FROM totals"}
  hourly:
    query: "SELECT window_start, count(*) AS n FROM tumble(sales, made,
      INTERVAL '1 hour') GROUP BY 1"
)";
  std::string replaced(const std::string& from, const std::string& to) const {
    std::string text = base_;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
};

TEST_F(PipelineChangeTest, OtherWordsMeanTheSame) {
  EXPECT_THAT(difference(base_, base_), IsEmpty());
  EXPECT_THAT(difference(base_, "# a comment\n" + base_ + "\n\n"), IsEmpty());
  EXPECT_THAT(difference(base_, replaced("SELECT count(*) AS n, sum(amount)",
                                         "select  count( * ) as n, /* all */ sum( amount )")),
              IsEmpty());
  EXPECT_THAT(difference(base_, replaced("WHERE amount > 0", "WHERE (amount > 0)")), IsEmpty());
  EXPECT_THAT(difference(base_, replaced("INTERVAL '1 hour'", "INTERVAL '60 minutes'")), IsEmpty());
}

TEST_F(PipelineChangeTest, WhatStandsOnAnotherViewChangesWithIt) {
  EXPECT_THAT(
      difference(base_, replaced("sum(amount)", "max(amount)")),
      ElementsAre("view/above rebuilt: view/totals", testing::StartsWith("view/totals rebuilt: ")));
  EXPECT_THAT(
      difference(base_, replaced("delay: 1s", "delay: 2s")),
      UnorderedElementsAre("stream/sales rebuilt: event_time", "view/above rebuilt: view/totals",
                           "view/hourly rebuilt: stream/sales", "view/newest rebuilt: stream/sales",
                           "view/totals rebuilt: stream/sales"));
}

TEST_F(PipelineChangeTest, EveryPartOfAWindowCounts) {
  for (const char* window : {"INTERVAL '2 hours'", "INTERVAL '1 hour', INTERVAL '5 minutes'"}) {
    EXPECT_THAT(difference(base_, replaced("INTERVAL '1 hour'", window)),
                ElementsAre(testing::StartsWith("view/hourly rebuilt: ")))
        << window;
  }
}

TEST_F(PipelineChangeTest, AReplayedViewTakesThoseAboveItAlong) {
  const PipelineChange change(definitions(base_), definitions(base_), "totals");
  EXPECT_EQ(change.fate_of("view/totals"), NodeChange::Fate::rebuilt);
  EXPECT_EQ(change.fate_of("view/above"), NodeChange::Fate::rebuilt);
  EXPECT_EQ(change.fate_of("view/newest"), NodeChange::Fate::kept);
  EXPECT_EQ(change.fate_of("stream/sales"), NodeChange::Fate::kept);
}

TEST_F(PipelineChangeTest, ComesAndGoes) {
  const std::string without = replaced("  newest: {from: sales, key: id}\n", "");
  EXPECT_THAT(difference(base_, without), ElementsAre("view/newest removed: "));
  EXPECT_THAT(difference(without, base_), ElementsAre("view/newest new: "));
  EXPECT_THAT(difference(base_, replaced("orders: {}", "orders: {partitions: 4}")),
              ElementsAre("topic/orders changed: partitions"));
}

}  // namespace
}  // namespace leat::runtime

// ASOF joins: after every epoch the sum of what one gave out is what DuckDB answers over the sum of
// its inputs; where it closes, of the left rows that the watermark has passed.

#include <gtest/gtest.h>

#include <array>

#include "operator/join_bench.h"

namespace leat::op {
namespace {

using Kind = sql::JoinQuery::Kind;
using AsOf = sql::JoinQuery::AsOf;

constexpr Kind kinds[] = {Kind::inner, Kind::left};
constexpr AsOf ways[] = {{false, false}, {false, true}, {true, false}, {true, true}};

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

/// Right rows at one place can't be told apart: which of them DuckDB takes it does not say.
const std::vector<JoinCase> cases = {
    {{"k, id", "id, t", "id % 2 = 0"}, {"k, id", "id, g, l", "id % 3 = 0"}, "", {}},
    {{"g, k, n", "id", "true"}, {"g, k, n", "n", "id % 5 < 2"}, "", {}},
    {{"id", "n", "id % 4 = 0"}, {"id", "t", "id % 4 = 1"}, "", {}},
    {{"k, x", "id, x", "id % 2 = 0"}, {"k, x", "x", "true"}, "", {}},
    {{"g, t", "id", "id % 3 = 0"}, {"g, t", "t", "id % 3 = 1"}, "", {}},
    {{"b, tiny", "id", "true"}, {"b, tiny", "tiny", "true"}, "", {}},
};

void hold_the_law(std::uint64_t seed, bool taken_back, Setting setting, int epochs) {
  std::vector<TriedJoin> some;
  std::size_t number = 0;
  for (const JoinCase& join : cases) {
    for (const AsOf& way : ways) {
      for (const Kind kind : kinds) {
        if (++number % 3 != seed % 3) continue;
        some.push_back({fmt::format("asof {}", number), join, kind});
        some.back().join.asof = way;
      }
    }
  }
  op::hold_the_law(database(), some, seed, taken_back, setting, epochs);
}

TEST(Asof, HoldsTheLawOverStreams) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) hold_the_law(seed, false, {1, 1}, 6);
  hold_the_law(5, false, {2, 4}, 8);
  hold_the_law(6, false, {3, 4, true}, 6);
}

TEST(Asof, HoldsTheLawWhereRowsAreTakenBack) {
  for (std::uint64_t seed = 10; seed < 13; ++seed) hold_the_law(seed, true, {1, 1}, 8);
  hold_the_law(15, true, {2, 4}, 10);
  hold_the_law(16, true, {3, 4, true}, 6);
}

TEST(Asof, HoldsTheLawWhileRowsAreEvicted) {
  for (std::uint64_t seed = 20; seed < 24; ++seed) {
    hold_the_law(seed, seed % 2 == 0, {2, 2, false, 2048}, 10);
  }
}

constexpr std::int64_t minute = 60 * 1000000LL;

/// A join that closes as event time goes by, through kills.
class ClosingRun {
 public:
  /// `ttl_us`: how far away a match may be; 0: as far as it is.
  ClosingRun(Kind kind, AsOf way, const std::string& key, std::uint64_t seed, Setting setting,
             std::int64_t ttl_us = 0)
      // Left rows without a key leave at once.
      : join_{{key + "ts", "ts, id", "id % 2 = 0 AND k IS NOT NULL AND g IS NOT NULL"},
              {key + "ts", "ts", "id % 3 < 2"},
              "",
              {}},
        kind_(kind),
        ttl_us_(ttl_us),
        random_(seed),
        input_(seed, false),
        taken_(input_, 0),
        bench_(database(), setting) {
    way.closes = true;
    join_.asof = way;
    JoinView view;
    view.query = join_query(join_, kind, false);
    if (ttl_us > 0) view.ttl = TimeToLive{TimeToLive::By::event_time, ttl_us};
    bench_.add("v", make_join(view), 2);
    bench_.start();
  }

  /// Gives how many rows were late. A row of both sides is for each.
  std::size_t run(int epochs) {
    return life_.live(epochs, true, [this](std::size_t, std::size_t) { check(); });
  }

  /// What is kept, after a commit: rows of both sides.
  std::size_t stored() {
    bench_.commit();
    return bench_.stored("v", "s");
  }
  std::size_t keys() {
    return std::stoul(input_.judge().texts("SELECT count(DISTINCT k)::VARCHAR FROM input")[0]);
  }

 private:
  void check() {
    const std::string joined = join_text(join_, kind_, "taken");
    std::string text = fmt::format("FROM ({}) WHERE {}", joined, left());
    if (ttl_us_ > 0) {
      // What is too far away is as if it were not there.
      const std::string over = fmt::format("abs(epoch_us(l0) - epoch_us(r0)) >= {}", ttl_us_);
      text = fmt::format("SELECT l0, l1, CASE WHEN {} THEN NULL ELSE r0 END AS r0 {}{}", over, text,
                         kind_ == Kind::left ? "" : fmt::format(" AND NOT {}", over));
    }
    EXPECT_EQ(bench_.sum_of_changes("v"),
              row_bytes(bench_.view("v").output(), input_.judge().chunks(text)))
        << text;
  }

  /// Which left rows have left: those that the watermark has passed, or with the following row
  /// those whose right row it has passed, and those that wait for longer than one may come, by
  /// steps.
  std::string left() const {
    const std::int64_t watermark = life_.watermarks.back();
    if (!join_.asof->following) return fmt::format("epoch_us(l0) < {}", watermark);
    const std::int64_t step = ttl_us_ / 16;
    return fmt::format("(epoch_us(r0) < {0} OR (epoch_us(l0) // {1} + 1) * {1} + {2} <= {0})",
                       watermark, step, ttl_us_);
  }

  JoinCase join_;
  const Kind kind_;
  const std::int64_t ttl_us_;
  std::mt19937_64 random_;
  RandomInput input_;
  TakenRows taken_;
  ViewBench bench_;
  ClosingLife life_{input_, taken_, bench_, random_};
};

TEST(ClosingAsof, GivesEachLeftRowOnceTheWatermarkHasPassedIt) {
  std::size_t late = 0;
  std::uint64_t seed = 40;
  for (const Kind kind : kinds) {
    for (const bool strictly : {false, true}) {
      for (const char* key : {"k, ", "", "g, k, "}) {
        SCOPED_TRACE(
            fmt::format("kind {} strictly {} key {}", static_cast<int>(kind), strictly, key));
        const Setting settings[] = {{1, 1}, {2, 4}, {2, 2, false, 2048}, {3, 4, true}};
        late += ClosingRun(kind, {false, strictly}, key, seed, settings[seed % 4]).run(12);
        ++seed;
      }
    }
  }
  EXPECT_GT(late, 0u) << "the test has late rows at all";
}

TEST(ClosingAsof, MatchesNoRowThatIsOlderThanItsTimeToLive) {
  std::uint64_t seed = 60;
  for (const Kind kind : kinds) {
    for (const std::int64_t ttl : {minute / 6, minute, 3 * minute}) {
      SCOPED_TRACE(fmt::format("kind {} ttl {}", static_cast<int>(kind), ttl));
      const Setting settings[] = {{1, 1}, {2, 4}, {2, 2, false, 2048}};
      ClosingRun run(kind, {}, "g, k, ", seed, settings[seed % 3], ttl);
      run.run(12);
      ++seed;
    }
  }
}

TEST(ClosingAsof, GivesEachLeftRowOnceTheWatermarkHasPassedTheFollowingRow) {
  std::size_t late = 0;
  std::uint64_t seed = 80;
  for (const Kind kind : kinds) {
    for (const bool strictly : {false, true}) {
      for (const char* key : {"k, ", "", "g, k, "}) {
        const std::int64_t ttl = std::array{minute / 6, minute, 3 * minute}[seed % 3];
        SCOPED_TRACE(fmt::format("kind {} strictly {} key {} ttl {}", static_cast<int>(kind),
                                 strictly, key, ttl));
        const Setting settings[] = {{1, 1}, {2, 4}, {2, 2, false, 2048}, {3, 4, true}};
        late += ClosingRun(kind, {true, strictly}, key, seed, settings[seed % 4], ttl).run(12);
        ++seed;
      }
    }
  }
  EXPECT_GT(late, 0u) << "the test has late rows at all";
}

TEST(ClosingAsof, ForgetsKeysThatHaveNoRightRowToMatch) {
  ClosingRun run(Kind::left, {}, "id // 8, ", 78, {2, 2}, minute / 6);
  run.run(20);
  ClosingRun all(Kind::left, {}, "id // 8, ", 78, {2, 2});
  all.run(20);
  EXPECT_LT(2 * run.stored(), all.stored());
}

TEST(ClosingAsof, KeepsOneRightRowOfAKeyAndNoLeftRow) {
  ClosingRun run(Kind::left, {}, "k, ", 77, {2, 2});
  run.run(20);
  EXPECT_LE(run.stored(), run.keys());
}

TEST(ClosingAsof, KeepsNothingBeforeTheFollowingRowThatTheWatermarkHasPassed) {
  ClosingRun run(Kind::left, {.following = true}, "k, ", 79, {2, 2}, minute / 6);
  run.run(20);
  EXPECT_LE(run.stored(), run.keys());
}

}  // namespace
}  // namespace leat::op

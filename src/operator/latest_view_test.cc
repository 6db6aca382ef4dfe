#include <gtest/gtest.h>

#include "operator/law_bench.h"

namespace leat::op {
namespace {

sql::Database& database() {
  static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
  return *database;
}

std::string deletes(const std::string& expression) {
  static const std::unique_ptr<sql::Analyser> analyser = sql::Analyser::open().value();
  return analyser->predicate(expression, RandomInput::schema()).value();
}

ViewBench::Make latest(const LatestView& view) {
  return [view](const std::string& name, const Resources& resources) {
    return make_latest_view(name, view, RandomInput::schema(), resources);
  };
}

std::size_t column(const std::string& name) { return RandomInput::schema().find(name).value(); }

struct Case {
  LatestView view;
  std::string sql;  ///< what DuckDB says over all input, whose ids rise in order of arrival
};

std::vector<Case> cases() {
  const std::string newest =
      "SELECT * FROM input QUALIFY row_number() OVER (PARTITION BY {} ORDER "
      "BY {}) = 1";
  return {
      {{{column("g")}, {}, {}}, fmt::format(fmt::runtime(newest), "g", "id DESC")},
      {{{column("k"), column("g")}, {}, {}}, fmt::format(fmt::runtime(newest), "k, g", "id DESC")},
      {{{column("t")}, column("n"), {}},
       fmt::format(fmt::runtime(newest), "t", "n DESC NULLS LAST, id DESC")},
      {{{column("t")}, column("x"), {}},
       fmt::format(fmt::runtime(newest), "t", "x DESC NULLS LAST, id DESC")},
      {{{column("k")}, {}, deletes("tiny > 20")},
       "SELECT * FROM (" + fmt::format(fmt::runtime(newest), "k", "id DESC") +
           ") WHERE (tiny > 20) IS NOT TRUE"},
      {{{column("t")}, column("n"), deletes("b")},
       "SELECT * FROM (" + fmt::format(fmt::runtime(newest), "t", "n DESC NULLS LAST, id DESC") +
           ") WHERE b IS NOT TRUE"},
  };
}

void check_all(ViewBench& bench, RandomInput& input, const std::vector<Case>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = "v" + std::to_string(i);
    EXPECT_EQ(bench.scan_bytes(name), bench.sum_of_changes(name)) << all[i].sql;
    const ComparableRows expected =
        comparable(RandomInput::schema(), input.judge().chunks(all[i].sql));
    expect_same_rows(bench.scan(name), expected, all[i].sql);
    EXPECT_EQ(bench.view(name).row_count(), expected.size()) << all[i].sql;
  }
}

void hold_the_law(std::uint64_t seed, Setting setting, int epochs) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  const std::vector<Case> all = cases();
  std::mt19937_64 random(seed);
  RandomInput input(seed, false);
  ViewBench bench(database(), setting);
  for (std::size_t i = 0; i < all.size(); ++i) {
    bench.add("v" + std::to_string(i), latest(all[i].view));
  }
  bench.start();
  bench.live(input, epochs, random, [&] { check_all(bench, input, all); });
}

TEST(LatestView, HoldsTheLaw) {
  hold_the_law(1, {1, 1}, 15);
  hold_the_law(2, {2, 4}, 15);
  hold_the_law(3, {3, 4, true}, 15);
}

TEST(LatestView, HoldsTheLawWhileRowsAreEvicted) { hold_the_law(4, {2, 2, false, 1024}, 20); }

TEST(LatestView, TakesBackARowOnlyWhereItIsTheKeysRow) {
  std::mt19937_64 random(5);
  RandomInput input(5, true);
  ViewBench bench(database(), {});
  bench.add("v", latest({{column("id")}, {}, {}}));
  bench.start();
  for (int epoch = 0; epoch < 12; ++epoch) {
    bench.run_epoch(input.next_epoch(), no_watermark, random);
    EXPECT_EQ(bench.scan_bytes("v"), bench.sum_of_changes("v"));
    expect_same_rows(bench.scan("v"),
                     comparable(RandomInput::schema(), input.judge().chunks("SELECT * FROM input")),
                     "rows that were not taken back");
  }
}

TEST(LatestView, RefusesStateOfAnotherDefinition) {
  std::mt19937_64 random(6);
  RandomInput input(6, false);
  state::ScratchDirectory directory;
  const auto store = state::Store::open(directory.path()).value();
  state::Timeline timeline(*store);
  const Resources resources{*store, timeline, database()};
  {
    const auto view =
        make_latest_view("v", {{column("id")}, {}, {}}, RandomInput::schema(), resources).value();
    ASSERT_TRUE(view->restore());
    auto batch = store->new_batch();
    ASSERT_TRUE(view->persist(0, *batch));
    ASSERT_TRUE(store->commit(*batch));
  }
  const auto other =
      make_latest_view("v", {{column("k")}, {}, {}}, RandomInput::schema(), resources).value();
  const Status restored = other->restore();
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, "view-changed");
}

}  // namespace
}  // namespace leat::op

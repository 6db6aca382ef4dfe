#include "runtime/known_answers.h"

#include <gtest/gtest.h>

namespace leat::runtime {
namespace {

/// Has a long row for every key but "none", two for "two", and refuses "bad"; counts what it is
/// asked.
class Rows final : public LookupSource {
 public:
  Rows()
      : LookupSource({.table = "rows",
                      .schema = Schema({{"key", Type::of(DUCKDB_TYPE_VARCHAR)}}),
                      .key = {0}}) {}

  Result<std::vector<Answer>> look_up(std::span<const std::string_view> keys) override {
    asked += keys.size();
    std::vector<Answer> answers;
    for (const std::string_view key : keys) {
      LookedUp answer;
      if (key == "bad") answer.refusal = "too many";
      if (key == "two") answer.rows.push_back("two");
      if (key != "none" && key != "bad")
        answer.rows.push_back(std::string(key) + std::string(1 << 20, '.'));
      answers.push_back(std::make_shared<const LookedUp>(std::move(answer)));
    }
    return answers;
  }

  std::size_t asked = 0;
};

TEST(KnownAnswersTest, AsksForEachKeyOnce) {
  Rows rows;
  KnownAnswers known;
  const std::uint32_t a = known.number_of("a");
  const std::uint32_t none = known.number_of("none");
  EXPECT_EQ(known.number_of("a"), a);
  ASSERT_TRUE(known.ask(rows));
  EXPECT_EQ(rows.asked, 2u);
  EXPECT_EQ(known[a].rows.size(), 1u);
  EXPECT_EQ(known[none].rows.size(), 0u);
  EXPECT_EQ(known[KnownAnswers::no_key].rows.size(), 0u);

  EXPECT_EQ(known.number_of("a"), a);
  const std::uint32_t b = known.number_of("b");
  ASSERT_TRUE(known.ask(rows));
  EXPECT_EQ(rows.asked, 3u);
  EXPECT_EQ(known[b].rows.front().substr(0, 2), "b.");
  EXPECT_EQ(known[a].rows.front().substr(0, 2), "a.");
}

TEST(KnownAnswersTest, SaysWhetherAnAnswerIsRefusedOrHasSeveralRows) {
  Rows rows;
  KnownAnswers known;
  known.number_of("one");
  known.number_of("none");
  ASSERT_TRUE(known.ask(rows));
  EXPECT_FALSE(known.has_refusals() || known.has_several());
  known.number_of("two");
  ASSERT_TRUE(known.ask(rows));
  EXPECT_TRUE(known.has_several());
  EXPECT_FALSE(known.has_refusals());
  const std::uint32_t bad = known.number_of("bad");
  ASSERT_TRUE(known.ask(rows));
  EXPECT_TRUE(known.has_refusals());
  EXPECT_EQ(known[bad].refusal, "too many");
  known.forget();
  EXPECT_FALSE(known.has_refusals() || known.has_several());
}

TEST(KnownAnswersTest, ForgetsWhatIsTooMuch) {
  Rows rows;
  KnownAnswers known;
  for (int i = 0; i < 16; ++i) {
    EXPECT_FALSE(known.is_too_large()) << i;
    known.number_of(fmt::format("{}", i));
    ASSERT_TRUE(known.ask(rows));
  }
  EXPECT_TRUE(known.is_too_large());
  known.forget();
  EXPECT_FALSE(known.is_too_large());
  const std::uint32_t again = known.number_of("3");
  ASSERT_TRUE(known.ask(rows));
  EXPECT_EQ(rows.asked, 17u);
  EXPECT_EQ(known[again].rows.front().substr(0, 2), "3.");
}

}  // namespace
}  // namespace leat::runtime

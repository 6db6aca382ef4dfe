#include "runtime/lookup_table.h"

#include <atomic>
#include <set>

#include <gmock/gmock.h>

#include "base/test_patience.h"
#include "model/chunk_copy.h"

namespace leat::runtime {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::SizeIs;

const Schema columns({{"code", Type::of(DUCKDB_TYPE_INTEGER)},
                      {"twice", Type::of(DUCKDB_TYPE_INTEGER)}});

/// A system that has a row for every even number: the number and its double. It takes a million
/// for 98.
class EvenNumbers final : public connector::Table {
 public:
  struct Control {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Error> failing;  ///< what `open` and `look_up` say
    bool held = false;             ///< `look_up` waits
    std::multiset<std::int32_t> asked;
    unsigned opened = 0;

    void fail_with(std::optional<Error> error) {
      std::lock_guard lock(mutex);
      failing = std::move(error);
    }
    void hold(bool hold) {
      std::lock_guard lock(mutex);
      held = hold;
      changed.notify_all();
    }
    std::size_t times_asked(std::int32_t key) {
      std::lock_guard lock(mutex);
      return asked.count(key);
    }
  };
  explicit EvenNumbers(Control& control) : control_(control) {}

  Status open(std::stop_token) override {
    std::lock_guard lock(control_.mutex);
    ++control_.opened;
    if (control_.failing) return std::unexpected(*control_.failing);
    return {};
  }

  Status look_up(const Chunk& keys, connector::Answers& answers, std::stop_token stop) override {
    const auto* numbers = static_cast<const std::int32_t*>(duckdb_vector_get_data(keys.vector(0)));
    std::unique_lock lock(control_.mutex);
    while (control_.held && !stop.stop_requested()) control_.changed.wait_for(lock, 5ms);
    if (control_.failing) return std::unexpected(*control_.failing);
    Chunk rows(columns);
    std::vector<std::uint32_t> key_of;
    for (std::uint32_t i = 0; i < keys.size(); ++i) {
      control_.asked.insert(numbers[i]);
      if (numbers[i] == 13) answers.refused(i, "unlucky");
      if (numbers[i] % 2 != 0) continue;
      for (const int column : {0, 1}) {
        auto* out = static_cast<std::int32_t*>(
            duckdb_vector_get_data(rows.vector(static_cast<std::size_t>(column))));
        out[key_of.size()] = (numbers[i] == 1'000'000 ? 98 : numbers[i]) * (1 + column);
      }
      key_of.push_back(i);
    }
    rows.set_size(key_of.size());
    return answers.found(rows, key_of);
  }

  Result<std::string> probe(std::stop_token) override { return "it is there"; }

 private:
  Control& control_;
};

class LookupTableTest : public testing::Test {
 protected:
  LookupTable& Start(LookupCache::Bounds cache = {}, LookupTable::Waits waits = {1ms, 5ms, 5ms}) {
    table_.emplace(LookupTable::Setup{
        .input = {.table = "evens", .schema = columns, .key = {0}, .rows_per_key_max = 1},
        .connector = "numbers",
        .table = std::make_unique<EvenNumbers>(control_),
        .cache = cache,
        .waits = waits});
    table_->start();
    return *table_;
  }
  /// The second column for each number; -1 where there is no row, -2 where it is refused.
  Result<std::vector<int>> Twice(const std::vector<std::int32_t>& numbers) {
    Chunk chunk(Schema({columns[0]}));
    std::copy(numbers.begin(), numbers.end(),
              static_cast<std::int32_t*>(duckdb_vector_get_data(chunk.vector(0))));
    chunk.set_size(numbers.size());
    EncodedRows keys;
    table_->key_codec().encode(chunk, std::vector<std::size_t>{0}, keys);
    std::vector<std::string_view> texts;
    for (std::size_t i = 0; i < keys.size(); ++i) texts.push_back(keys[i]);
    const auto answers = LEAT_TRY(table_->look_up(texts));
    std::vector<int> twice;
    for (const auto& answer : answers) {
      if (!answer->refusal.empty()) {
        twice.push_back(-2);
      } else if (answer->rows.empty()) {
        twice.push_back(-1);
      } else {
        Chunk row(columns);
        const std::vector<std::string_view> bytes = {answer->rows.front()};
        EXPECT_TRUE(table_->row_codec().decode(bytes, row, 0).has_value());
        twice.push_back(static_cast<std::int32_t*>(duckdb_vector_get_data(row.vector(1)))[0]);
      }
    }
    return twice;
  }
  template <class Condition>
  static void Await(Condition&& condition) {
    const auto end = std::chrono::steady_clock::now() + patience(10s);
    while (!condition() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_TRUE(condition());
  }

  EvenNumbers::Control control_;
  std::optional<LookupTable> table_;
};

TEST_F(LookupTableTest, TakesRowsOfTheVeryKeyAlone) {
  Start();
  EXPECT_EQ(Twice({98, 1'000'000}).value(), (std::vector<int>{196, -1}));
  EXPECT_EQ(table_->state().missing, 1u);
}

TEST_F(LookupTableTest, AsksWhatItDoesNotKnow) {
  Start();
  EXPECT_EQ(Twice({2, 3, 4, 13}).value(), (std::vector<int>{4, -1, 8, -2}));
  EXPECT_EQ(Twice({2, 3, 6}).value(), (std::vector<int>{4, -1, 12}));
  EXPECT_EQ(control_.times_asked(2), 1u);
  EXPECT_EQ(control_.times_asked(3), 1u);
  const TableState state = table_->state();
  EXPECT_EQ(state.state, "ready");
  EXPECT_EQ(state.lookups, 7u);
  EXPECT_EQ(state.hits, 2u);
  EXPECT_EQ(state.misses, 5u);
  EXPECT_EQ(state.missing, 1u);
  EXPECT_EQ(state.refused, 1u);
  EXPECT_EQ(state.cached_rows, 5u);
  EXPECT_EQ(state.waiting_seconds, 0);
}

TEST_F(LookupTableTest, AsksAgainWhenAnAnswerIsTooOldOrHadNoRoom) {
  Start({.found_for = 0ms, .missing_for = 0ms});
  EXPECT_EQ(Twice({2, 4}).value(), (std::vector<int>{4, 8}));
  EXPECT_EQ(Twice({2}).value(), (std::vector<int>{4}));
  EXPECT_EQ(control_.times_asked(2), 2u);
  table_.reset();
  Start({.rows_max = 1});
  std::vector<std::int32_t> many;
  for (std::int32_t i = 0; i < 5000; ++i) many.push_back(2 * i);
  for (std::size_t begin : {0u, 2000u}) {
    const std::vector<std::int32_t> part(many.begin() + static_cast<std::ptrdiff_t>(begin),
                                         many.begin() + static_cast<std::ptrdiff_t>(begin) + 2000);
    const auto twice = Twice(part).value();
    for (std::size_t i = 0; i < part.size(); ++i) EXPECT_EQ(twice[i], 2 * part[i]);
  }
  EXPECT_EQ(table_->state().cached_rows, 1u);
}

TEST_F(LookupTableTest, WaitsForAnOutageAndOneQuestionServesAllWhoAsk) {
  Start();
  control_.fail_with(Error{Domain::external, "away", "nobody answers", true});
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { right += Twice({2, 8, 10}).value() == std::vector{4, 16, 20}; });
  }
  Await([&] { return table_->state().failures >= 3; });
  EXPECT_EQ(right, 0);
  TableState state = table_->state();
  EXPECT_EQ(state.state, "retrying");
  EXPECT_EQ(state.last_error, "nobody answers");
  EXPECT_GT(state.waiting_seconds, 0);
  control_.fail_with(std::nullopt);
  threads.clear();
  EXPECT_EQ(right, 4);
  EXPECT_EQ(control_.times_asked(8), 1u);
  state = table_->state();
  EXPECT_EQ(state.state, "ready");
  EXPECT_EQ(state.last_error, "");
}

TEST_F(LookupTableTest, AFaultThatSomebodyMustMendIsToldAndTriedAgain) {
  control_.fail_with(Error{Domain::user, "table-missing", "there is no table", false});
  Start();
  Await([&] { return table_->state().state == "failed"; });
  std::jthread asking([&] { EXPECT_EQ(Twice({6}).value(), std::vector{12}); });
  Await([&] { return table_->state().failures >= 3; });
  control_.fail_with(std::nullopt);
}

TEST_F(LookupTableTest, StoppingEndsWhoWaits) {
  Start();
  control_.hold(true);
  std::string code;
  std::jthread asking([&] { code = Twice({2}).error().code; });
  Await([&] { return table_->state().waiting_seconds > 0; });
  table_->stop();
  asking.join();
  EXPECT_EQ(code, "stopping");
  EXPECT_EQ(Twice({4}).error().code, "stopping");
}

TEST_F(LookupTableTest, PatienceEnds) {
  control_.fail_with(Error{Domain::external, "away", "nobody answers", true});
  Start({}, {.retry_first = 1ms, .retry_max = 5ms, .mended_by_hand = 5ms, .patience = 30ms});
  const auto twice = Twice({2});
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().code, "table-failed");
  EXPECT_THAT(twice.error().message, HasSubstr("nobody answers"));
}

}  // namespace
}  // namespace leat::runtime

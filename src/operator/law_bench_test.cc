#include <cmath>
#include <mutex>
#include <numeric>
#include <thread>

#include "model/chunk_copy.h"
#include "model/column_types.h"
#include "operator/law_bench.h"

namespace leat::op {
namespace {

bool is_double(const Type& type) {
  return type.id() == DUCKDB_TYPE_DOUBLE || type.id() == DUCKDB_TYPE_FLOAT;
}

bool close_enough(double left, double right) {
  if (std::isnan(left) || std::isnan(right)) return std::isnan(left) && std::isnan(right);
  if (left == right) return true;
  return std::abs(left - right) <= 1e-9 * std::max(std::abs(left), std::abs(right)) + 1e-12;
}

/// Runs tasks 0 … count - 1, all at once where asked to.
void run_all(unsigned count, bool threads, const std::function<void(unsigned)>& task) {
  if (!threads) {
    for (unsigned i = 0; i < count; ++i) task(i);
    return;
  }
  std::vector<std::thread> running;
  for (unsigned i = 0; i < count; ++i) running.emplace_back(task, i);
  for (std::thread& thread : running) thread.join();
}

}  // namespace

ComparableRows comparable(const Schema& schema, const std::vector<Chunk>& chunks) {
  std::vector<std::size_t> exact, doubles;
  std::vector<Type> exact_types;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    (is_double(schema[i].type) ? doubles : exact).push_back(i);
    if (!is_double(schema[i].type)) exact_types.push_back(schema[i].type);
  }
  const KeyCodec codec(exact_types);
  ComparableRows rows;
  for (const Chunk& chunk : chunks) {
    EncodedRows encoded;
    codec.encode(chunk, exact, encoded);
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      std::string key = exact.empty() ? std::string() : std::string(encoded[row]);
      std::vector<double> values;
      for (const std::size_t column : doubles) {
        const duckdb_vector vector = chunk.vector(column);
        const bool valid = is_valid(duckdb_vector_get_validity(vector), row);
        key.push_back(valid ? 'v' : 'n');
        const void* data = duckdb_vector_get_data(vector);
        const bool single = schema[column].type.id() == DUCKDB_TYPE_FLOAT;
        values.push_back(!valid   ? 0
                         : single ? static_cast<const float*>(data)[row]
                                  : static_cast<const double*>(data)[row]);
      }
      rows.emplace_back(std::move(key), std::move(values));
    }
  }
  const auto before = [](double left, double right) {
    return std::isnan(right) ? !std::isnan(left) : left < right;
  };
  std::sort(rows.begin(), rows.end(), [&](const auto& left, const auto& right) {
    if (left.first != right.first) return left.first < right.first;
    return std::lexicographical_compare(left.second.begin(), left.second.end(),
                                        right.second.begin(), right.second.end(), before);
  });
  return rows;
}

void expect_same_rows(const ComparableRows& actual, const ComparableRows& expected,
                      const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  auto right = expected.begin();
  for (const auto& [key, values] : actual) {
    ASSERT_EQ(key, right->first) << what;
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_TRUE(close_enough(values[i], right->second[i]))
          << what << ": " << values[i] << " instead of " << right->second[i];
    }
    ++right;
  }
}

RandomInput::RandomInput(std::uint64_t seed, bool taken_back)
    : random_(seed), taken_back_(taken_back) {
  run("SET threads = 1");
  run("CREATE TABLE input (id BIGINT, g VARCHAR, k INTEGER, x DOUBLE, n BIGINT, d DECIMAL(10,2), "
      "w DECIMAL(30,3), f FLOAT, b BOOLEAN, t VARCHAR, ts TIMESTAMP, day DATE, tiny TINYINT, "
      "u UBIGINT, h HUGEINT, l INTEGER[])");
}

const Schema& RandomInput::schema() {
  static const Schema schema = [] {
    RandomInput input(0, false);
    return input.judge_.schema_of("SELECT * FROM input");
  }();
  return schema;
}

void RandomInput::run(const std::string& sql) { judge_.chunks(sql); }

std::string RandomInput::random_row(std::int64_t id) {
  const auto maybe = [&](const std::string& text) { return any(8) == 0 ? "NULL" : text; };
  const auto quoted = [](const std::string& text) { return "'" + text + "'"; };
  const auto number = [](std::int64_t value) { return std::to_string(value); };
  static const char* const groups[] = {"a", "b", "a group with a long name", "d", ""};
  static const char* const specials[] = {"'NaN'::DOUBLE", "'inf'::DOUBLE", "'-inf'::DOUBLE",
                                         "-0.0::DOUBLE"};
  const std::string x =
      any(60) == 0 ? specials[any(4)]
                   : fmt::format("{}::DOUBLE", static_cast<double>(any(20000) - 10000) / 7);
  std::string row = "(" + number(id);
  row += ", " + maybe(quoted(groups[any(5)])) + ", " + maybe(number(any(4))) + ", " + maybe(x);
  row += ", " + maybe(number(any(2000) - 1000)) + ", " + maybe(number(any(100000)) + ".25");
  row += ", " + maybe("123456789012345678901." + number(any(900) + 100));
  row += ", " + maybe(number(any(1000)) + ".5") + ", " + maybe(any(2) == 0 ? "true" : "false");
  row += ", " + maybe(quoted("text " + number(any(12)) +
                             std::string(static_cast<std::size_t>(any(3)) * 10, 'x')));
  row += ", " + quoted(fmt::format("2026-01-01 00:{:02}:{:02}.5", any(10), any(60)));
  row += ", " + maybe(quoted(fmt::format("2026-02-{:02}", 1 + any(28))));
  row += ", " + maybe(number(any(100) - 50)) + ", " + maybe(number(any(1000)) + "00000000000000");
  row += ", " + maybe("-" + number(any(1000)) + "0000000000000000000000");
  row += ", " + maybe("[" + number(any(3)) + ", " + maybe(number(any(3))) + "]");
  return row + ")";
}

void RandomInput::take_back(std::vector<ChangeChunk>& changes) {
  const std::int64_t count =
      std::min<std::int64_t>(any(30), static_cast<std::int64_t>(ids_.size()));
  if (count == 0) return;
  std::shuffle(ids_.begin(), ids_.end(), random_);
  std::string list;
  for (std::int64_t i = 0; i < count; ++i) {
    list += (i == 0 ? "" : ", ") + std::to_string(ids_.back());
    ids_.pop_back();
  }
  for (const Chunk& chunk : judge_.chunks("SELECT * FROM input WHERE id IN (" + list + ")")) {
    ChangeChunk change;
    change.rows = copy_of(chunk);
    change.weights.assign(chunk.size(), -1);
    changes.push_back(std::move(change));
  }
  run("DELETE FROM input WHERE id IN (" + list + ")");
}

void RandomInput::add(std::vector<ChangeChunk>& changes) {
  const std::int64_t first = next_id_;
  std::string rows;
  for (std::int64_t count = 1 + any(40); count > 0; --count) {
    rows += (rows.empty() ? "" : ", ") + random_row(next_id_);
    ids_.push_back(next_id_++);
  }
  run("INSERT INTO input VALUES " + rows);
  for (const Chunk& chunk :
       judge_.chunks("SELECT * FROM input WHERE id >= " + std::to_string(first) + " ORDER BY id")) {
    ChangeChunk change;
    change.rows = copy_of(chunk);
    if (taken_back_) change.weights.assign(chunk.size(), 1);
    changes.push_back(std::move(change));
  }
}

const std::vector<ChangeChunk>& RandomInput::next_epoch() {
  std::vector<ChangeChunk> changes;
  if (taken_back_) {
    // All that is taken back was there before the epoch: a view's changes are cancelled out.
    take_back(changes);
  }
  for (std::int64_t chunks = any(4); chunks > 0; --chunks) add(changes);
  for (std::size_t i = 0; i < changes.size(); ++i) changes[i].order = i;
  return epochs_.emplace_back(std::move(changes));
}

sql::ViewInput view_input(const std::string& list, const std::string& condition, bool taken_back) {
  RandomInput input(0, false);
  return {.input = "input",
          .sql = fmt::format("SELECT {}, {}{} FROM {}() WHERE {}", list, sql::row_column,
                             taken_back ? std::string(", ") + sql::weight_column : "",
                             sql::input_function, condition),
          .schema = input.judge().schema_of("SELECT " + list + " FROM input"),
          .weighted = taken_back};
}

ViewBench::ViewBench(sql::Database& database, Setting setting)
    : database_(database), setting_(setting) {}

void ViewBench::add(const std::string& name, Make make, std::size_t inputs) {
  views_[name].make = std::move(make);
  views_[name].inputs = inputs;
}

void ViewBench::start() {
  store_ = state::Store::open(directory_.path() + "/store").value();
  timeline_ = std::make_unique<state::Timeline>(*store_);
  timeline_->publish(Epoch(committed_epoch_));
  timeline_->committed(Epoch(committed_epoch_));
  epoch_ = committed_epoch_;
  const Resources resources{*store_,         *timeline_,          database_,      setting_.workers,
                            setting_.shards, setting_.memory_max, setting_.budget};
  for (auto& [name, view] : views_) {
    auto made = view.make(name, resources);
    ASSERT_TRUE(made) << name << ": " << made.error().message;
    view.view = std::move(*made);
    const Status restored = view.view->restore();
    ASSERT_TRUE(restored) << name << ": " << restored.error().message;
    view.sums = view.committed_sums;
  }
}

std::size_t ViewBench::run_epoch(const std::vector<ChangeChunk>& input, EventTimeUs watermark,
                                 std::mt19937_64& random) {
  const EpochContext context{Epoch(++epoch_), watermark, changes_wanted, now};
  std::vector<unsigned> worker_of;
  for (std::size_t i = 0; i < input.size(); ++i) {
    worker_of.push_back(static_cast<unsigned>(random() % setting_.workers));
  }
  late_.clear();
  bool first = true;
  for (auto& [name, view] : views_) {
    SCOPED_TRACE(name);
    run_view(view, context, input, worker_of, first);
    first = false;
  }
  timeline_->publish(context.epoch);
  return late_.size();
}

void ViewBench::run_view(View& view, const EpochContext& context,
                         const std::vector<ChangeChunk>& input,
                         const std::vector<unsigned>& worker_of, bool first) {
  std::mutex mutex;
  run_all(setting_.workers, setting_.threads, [&](unsigned worker) {
    for (std::size_t i = 0; i < input.size(); ++i) {
      if (worker_of[i] != worker) continue;
      for (std::size_t number = 0; number < view.inputs; ++number) {
        std::vector<LateRow> late;
        const Status absorbed = view.view->absorb(worker, context, number, input[i], late);
        const std::lock_guard lock(mutex);
        EXPECT_TRUE(absorbed) << absorbed.error().message;
        for (const LateRow& row : late) {
          if (first) late_.emplace_back(i, row);
        }
      }
    }
  });
  std::vector<ChangeChunk> changes;
  run_all(setting_.shards, setting_.threads, [&](unsigned shard) {
    std::vector<ChangeChunk> output;
    const Status merged = view.view->merge(shard, context, output);
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(merged) << merged.error().message;
    for (ChangeChunk& chunk : output) changes.push_back(std::move(chunk));
  });
  add_up(view, changes);
}

void ViewBench::add_up(View& view, const std::vector<ChangeChunk>& changes) {
  const RowCodec codec(types_of(view.view->output()));
  Sums epoch_sums;
  for (const ChangeChunk& change : changes) {
    EncodedRows rows;
    codec.encode(change.rows, rows);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      epoch_sums[std::string(rows[row])] += change.weight(row);
    }
  }
  for (const auto& [row, weight] : epoch_sums) {
    std::int64_t& sum = view.sums[row];
    sum += weight;
    if (sum == 0) view.sums.erase(row);
  }
}

void ViewBench::live(RandomInput& input, int epochs, std::mt19937_64& random,
                     const std::function<void()>& check) {
  for (int count = 1; count <= epochs && !::testing::Test::HasFailure(); ++count) {
    run_epoch(input.next_epoch(), no_watermark, random);
    check();
    if (random() % 3 == 0) commit();
    if (random() % 5 != 0) continue;
    replay(input, random);
    check();
  }
}

void ViewBench::replay(RandomInput& input, std::mt19937_64& random,
                       std::span<const EventTimeUs> watermarks) {
  const std::uint64_t last = epoch();
  for (std::uint64_t again = crash(); again <= last; ++again) {
    run_epoch(input.epoch(again), watermarks.empty() ? no_watermark : watermarks[again - 1],
              random);
  }
}

void ViewBench::commit() {
  auto batch = store_->new_batch();
  for (auto& [name, view] : views_) {
    for (unsigned shard = 0; shard < setting_.shards; ++shard) {
      ASSERT_TRUE(view.view->persist(shard, *batch));
    }
    view.committed_sums = view.sums;
  }
  ASSERT_TRUE(store_->commit(*batch));
  timeline_->committed(Epoch(epoch_));
  committed_epoch_ = epoch_;
  committed_bytes_ = batch->bytes();
}

std::size_t ViewBench::stored(const std::string& name, std::string_view prefix) {
  const state::Family* family = store_->family(family_of_view(name)).value();
  std::size_t keys = 0;
  EXPECT_TRUE(store_->for_each(*family, prefix, state::end_of_prefix(prefix),
                               [&](std::string_view, std::string_view) {
                                 ++keys;
                                 return true;
                               }));
  return keys;
}

std::uint64_t ViewBench::crash() {
  for (auto& [name, view] : views_) view.view.reset();
  timeline_.reset();
  store_.reset();
  start();
  return committed_epoch_ + 1;
}

ComparableRows ViewBench::scan(const std::string& name) {
  const auto snapshot = timeline_->take_snapshot();
  std::vector<Chunk> chunks;
  const Status scanned = view(name).scan(*snapshot, [&](const Chunk& chunk) {
    chunks.push_back(copy_of(chunk));
    return true;
  });
  EXPECT_TRUE(scanned) << scanned.error().message;
  return comparable(view(name).output(), chunks);
}

std::vector<std::string> ViewBench::scan_bytes(const std::string& name) {
  const auto snapshot = timeline_->take_snapshot();
  const RowCodec codec(types_of(view(name).output()));
  std::vector<std::string> rows;
  const Status scanned = view(name).scan(*snapshot, [&](const Chunk& chunk) {
    EncodedRows encoded;
    codec.encode(chunk, encoded);
    for (std::size_t row = 0; row < encoded.size(); ++row) rows.emplace_back(encoded[row]);
    return true;
  });
  EXPECT_TRUE(scanned);
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<std::string> ViewBench::sum_of_changes(const std::string& name) {
  std::vector<std::string> rows;
  for (const auto& [row, weight] : views_.at(name).sums) {
    EXPECT_GT(weight, 0) << "a row was taken back that was never given";
    for (std::int64_t i = 0; i < weight; ++i) rows.push_back(row);
  }
  return rows;
}

}  // namespace leat::op

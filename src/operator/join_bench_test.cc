#include "operator/join_bench.h"

#include <gtest/gtest.h>

#include "model/column_types.h"

namespace leat::op {
namespace {

using Kind = sql::JoinQuery::Kind;

bool left_only(Kind kind) { return kind == Kind::semi || kind == Kind::anti; }

std::string list_of(const JoinCase::Side& side) {
  return side.keys.empty() ? side.columns : side.keys + ", " + side.columns;
}

/// `columns` is a list without commas but those between columns.
std::size_t count_of(const std::string& columns) {
  return columns.empty() ? 0 : 1 + static_cast<std::size_t>(std::ranges::count(columns, ','));
}

/// k0, k1, …, l0, l1, …
std::string aliased(const JoinCase::Side& side, const std::string& prefix) {
  std::string names;
  for (std::size_t i = 0; i < count_of(side.keys); ++i) names += fmt::format("k{}, ", i);
  for (std::size_t i = 0; i < count_of(side.columns); ++i) {
    names += fmt::format("{}{}{}", i == 0 ? "" : ", ", prefix, i);
  }
  return names;
}

}  // namespace

sql::JoinQuery join_query(const JoinCase& join, Kind kind, bool taken_back) {
  sql::JoinQuery query;
  query.kind = kind;
  query.left = view_input(list_of(join.left), join.left.where, taken_back);
  query.right = view_input(list_of(join.right), join.right.where, taken_back);
  query.key_count = count_of(join.left.keys);
  if (!join.condition.empty()) {
    query.condition = fmt::format("SELECT ({}), {} FROM {}()", join.condition, sql::row_column,
                                  sql::input_function);
  }
  query.bound = join.bound;
  query.asof = join.asof;
  std::vector<Column> columns;
  for (const sql::ViewInput* input : {&query.left, &query.right}) {
    if (input == &query.right && left_only(kind)) continue;
    for (std::size_t i = query.key_count; i < input->schema.size(); ++i) {
      columns.push_back({fmt::format("c{}", columns.size()), input->schema[i].type});
    }
  }
  query.output = Schema(std::move(columns));
  return query;
}

std::string join_text(const JoinCase& join, Kind kind, const std::string& table) {
  static const std::map<Kind, std::string> words = {
      {Kind::inner, "JOIN"},     {Kind::left, "LEFT JOIN"}, {Kind::right, "RIGHT JOIN"},
      {Kind::full, "FULL JOIN"}, {Kind::semi, "SEMI JOIN"}, {Kind::anti, "ANTI JOIN"}};
  std::string on = join.condition.empty() ? "true" : "(" + join.condition + ")";
  const std::size_t key_count = count_of(join.left.keys);
  for (std::size_t i = 0; i < key_count; ++i) {
    std::string by = "=";
    if (join.asof && i + 1 == key_count) {
      by = join.asof->following ? "<" : ">";
      if (!join.asof->strictly) by += "=";
    }
    on += fmt::format(" AND l.k{0} {1} r.k{0}", i, by);
  }
  if (join.bound) {
    const std::size_t keys = count_of(join.left.keys);
    on += fmt::format(" AND epoch_us(r{}) - epoch_us(l{}) BETWEEN {} AND {}",
                      join.bound->right_column - keys, join.bound->left_column - keys,
                      join.bound->lower_us, join.bound->upper_us);
  }
  std::string output = "COLUMNS('^l[0-9]+$')";
  if (!left_only(kind)) output += ", COLUMNS('^r[0-9]+$')";
  const auto side = [&](const JoinCase::Side& of, const std::string& name) {
    return fmt::format("(SELECT {} FROM {} WHERE {}) AS {}({})", list_of(of), table, of.where, name,
                       aliased(of, name));
  };
  if (join.asof) {
    // DuckDB's own ASOF JOIN ends with an internal error over some of the rows that are tried.
    return fmt::format(
        "SELECT {} FROM (SELECT *, row_number() OVER () AS n FROM {}) AS l {} {} ON {} QUALIFY "
        "row_number() OVER (PARTITION BY n ORDER BY r.k{} {}) = 1",
        output, side(join.left, "l"), words.at(kind), side(join.right, "r"), on, key_count - 1,
        join.asof->following ? "" : "DESC");
  }
  return fmt::format("SELECT {} FROM {} {} {} ON {}", output, side(join.left, "l"), words.at(kind),
                     side(join.right, "r"), on);
}

ViewBench::Make make_join(const JoinView& view) {
  return [view](const std::string& name, const Resources& resources) {
    return make_join_view(name, view, {RandomInput::schema(), RandomInput::schema()}, resources);
  };
}

namespace {

void check_all(ViewBench& bench, RandomInput& input, const std::vector<TriedJoin>& joins) {
  for (const TriedJoin& join : joins) {
    const std::string text = join_text(join.join, join.kind, "input");
    EXPECT_EQ(bench.sum_of_changes(join.name),
              row_bytes(bench.view(join.name).output(), input.judge().chunks(text)))
        << text;
  }
}

}  // namespace

void hold_the_law(sql::Database& database, const std::vector<TriedJoin>& joins, std::uint64_t seed,
                  bool taken_back, Setting setting, int epochs) {
  SCOPED_TRACE(fmt::format("seed {} taken back {}", seed, taken_back));
  std::mt19937_64 random(seed);
  RandomInput input(seed, taken_back);
  ViewBench bench(database, setting);
  for (const TriedJoin& join : joins) {
    bench.add(join.name, make_join(join_query(join.join, join.kind, taken_back)), 2);
  }
  bench.start();
  bench.live(input, epochs, random, [&] { check_all(bench, input, joins); });
}

TakenRows::TakenRows(RandomInput& input, std::int64_t reach_us)
    : input_(input), reach_us_(reach_us) {
  input_.run("CREATE TABLE taken AS FROM input LIMIT 0");
  input_.run("CREATE TABLE seen AS FROM input LIMIT 0");
}

std::size_t TakenRows::note_changes(EventTimeUs watermark) {
  const std::string in_time = watermark == no_watermark
                                  ? "true"
                                  : fmt::format("epoch_us(ts) + {} > {}", reach_us_, watermark);
  const std::string come = "FROM input WHERE id NOT IN (SELECT id FROM seen)";
  const std::string gone = "FROM seen WHERE id NOT IN (SELECT id FROM input)";
  const std::vector<std::string> late =
      input_.judge().texts(fmt::format("SELECT ((SELECT count(*) {0} AND NOT ({1})) + "
                                       "(SELECT count(*) {2} AND NOT ({1})))::VARCHAR",
                                       come, in_time, gone));
  input_.run(fmt::format("DELETE FROM taken WHERE id IN (SELECT id {} AND {})", gone, in_time));
  input_.run(fmt::format("INSERT INTO taken {} AND {}", come, in_time));
  input_.run("CREATE OR REPLACE TABLE seen AS FROM input");
  return std::stoul(late[0]);
}

std::size_t ClosingLife::live(
    int epochs, bool ends, const std::function<void(std::size_t found, std::size_t late)>& check) {
  constexpr EventTimeUs midnight = 1767225600LL * 1000000;
  constexpr std::int64_t step = 30 * 1000000LL;
  std::size_t sum = 0;
  for (int epoch = 1; epoch <= epochs && !::testing::Test::HasFailure(); ++epoch) {
    const EventTimeUs before = watermarks.empty() ? no_watermark : watermarks.back();
    const bool last = ends && epoch == epochs;
    watermarks.push_back(last ? end_of_time : midnight + epoch * step + 1);
    const std::size_t found = bench.run_epoch(input.next_epoch(), watermarks.back(), random);
    const std::size_t late = taken.note_changes(before);
    sum += late;
    check(found, late);
    if (random() % 3 == 0) bench.commit();
    if (random() % 4 != 0) continue;
    bench.replay(input, random, watermarks);
    check(found, late);
  }
  return sum;
}

std::vector<std::string> row_bytes(const Schema& schema, const std::vector<Chunk>& chunks) {
  const RowCodec codec(types_of(schema));
  std::vector<std::string> rows;
  for (const Chunk& chunk : chunks) {
    EncodedRows encoded;
    codec.encode(chunk, encoded);
    for (std::size_t row = 0; row < encoded.size(); ++row) rows.emplace_back(encoded[row]);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace leat::op

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "sql/analyse.h"

namespace leat::sql {
namespace {

Schema columns(std::initializer_list<std::pair<const char*, duckdb_type>> list) {
  std::vector<Column> out;
  for (const auto& [name, type] : list) out.push_back({name, Type::of(type)});
  return Schema(std::move(out));
}

Catalog catalog() {
  Catalog out;
  out["bid"] = {.kind = Relation::Kind::stream,
                .schema = columns({{"auction", DUCKDB_TYPE_BIGINT},
                                   {"bidder", DUCKDB_TYPE_BIGINT},
                                   {"price", DUCKDB_TYPE_BIGINT},
                                   {"ts", DUCKDB_TYPE_TIMESTAMP}}),
                .event_times = {{3, {}}}};
  out["auction"] = {.kind = Relation::Kind::stream,
                    .schema = columns({{"id", DUCKDB_TYPE_BIGINT},
                                       {"seller", DUCKDB_TYPE_BIGINT},
                                       {"category", DUCKDB_TYPE_VARCHAR},
                                       {"ts", DUCKDB_TYPE_TIMESTAMP},
                                       {"expires", DUCKDB_TYPE_TIMESTAMP}}),
                    .event_times = {{3, {}}}};
  out["person"] = {.kind = Relation::Kind::view,
                   .schema = columns({{"id", DUCKDB_TYPE_INTEGER}, {"name", DUCKDB_TYPE_VARCHAR}})};
  return out;
}

/// What an operator is, with what matters of it.
struct Words {
  std::string operator()(const SelectQuery& query) const {
    return query.inputs.size() == 1 ? "select" : fmt::format("union of {}", query.inputs.size());
  }
  std::string operator()(const AggregateQuery& query) const {
    return fmt::format("aggregate by {}{}", query.key_count, query.window ? " in windows" : "");
  }
  std::string operator()(const JoinQuery& query) const {
    constexpr const char* kinds[] = {"inner", "left", "right", "full", "semi", "anti"};
    return fmt::format("{} join on {}{}{}", kinds[static_cast<int>(query.kind)], query.key_count,
                       query.bound ? " in time" : "", query.condition.empty() ? "" : " and more");
  }
  std::string operator()(const KeyedQuery& query) const {
    if (!query.shown.empty()) {
      return fmt::format("first {} of each of {}", query.ranking->count, query.key_count);
    }
    std::string text =
        fmt::format("keyed by {}{}", query.key_count, query.survivors ? ", survivors" : "");
    if (!query.frames) return text;
    const KeyedQuery::Frames& frames = *query.frames;
    text += fmt::format(", near {}+{} rows {}+{} s{}", frames.rows_before, frames.rows_after,
                        frames.us_before / 1'000'000, frames.us_after / 1'000'000,
                        frames.peers ? " and peers" : "");
    if (!frames.carried.empty()) text += fmt::format(", carries {}", frames.carried.size());
    return text + (frames.filters ? ", filters" : "");
  }
};

class Planner : public testing::Test {
 protected:
  /// The operators of a query, from the first to the view's own; or the fault.
  std::string plan(const std::string& sql) {
    const auto query = analyser_->view_query(sql, "v", catalog());
    if (!query) return query.error().code + ": " + query.error().message;
    EXPECT_EQ(query->parts.back().name, "v");
    std::string text;
    for (const QueryPart& part : query->parts) {
      text += (text.empty() ? "" : "; ") + std::visit(Words(), part.query);
    }
    return text;
  }
  /// For each operator whether its windows close, and how far behind its key their end is.
  std::string closing(const std::string& sql) {
    const auto query = analyser_->view_query(sql, "v", catalog());
    if (!query) return query.error().code + ": " + query.error().message;
    std::string text;
    for (const QueryPart& part : query->parts) {
      const auto key = std::visit([](const auto& of) { return of.window_key; }, part.query);
      const bool closes = part.closes && key;
      text +=
          (text.empty() ? "" : "; ") +
          (closes ? fmt::format("closes {} min after key {}", key->width_us / 60'000'000, key->key)
                  : std::string("stays"));
    }
    return text;
  }
  /// The columns that identify the rows, as far as the query says.
  std::string key(const std::string& sql) {
    const auto query = analyser_->view_query(sql, "v", catalog());
    if (!query) return query.error().code + ": " + query.error().message;
    if (!query->key) return "none";
    std::vector<std::string> names;
    for (const std::size_t column : *query->key) {
      names.push_back(query->parts.back().output[column].name);
    }
    return fmt::format("{}", fmt::join(names, ", "));
  }
  std::unique_ptr<Analyser> analyser_ = Analyser::open().value();
};

TEST_F(Planner, NeedsOneOperatorForAGrouping) {
  EXPECT_EQ(plan("SELECT auction, count(*) FROM bid GROUP BY auction"), "aggregate by 1");
  EXPECT_EQ(plan("SELECT count(*), max(price) FROM bid"), "aggregate by 0");
  EXPECT_EQ(plan("SELECT window_start, count(*) FROM tumble(bid, ts, INTERVAL '1 hour') "
                 "GROUP BY window_start"),
            "aggregate by 1 in windows");
}

TEST_F(Planner, KeepsRowsOneByOne) {
  EXPECT_EQ(plan("SELECT auction + 1 AS a FROM bid WHERE price > 3"), "select");
  EXPECT_EQ(plan("SELECT * REPLACE (price + 1 AS price) FROM bid"), "select");
}

TEST_F(Planner, JoinsOnEqualColumns) {
  EXPECT_EQ(plan("SELECT b.auction, a.category FROM bid b JOIN auction a ON b.auction = a.id "
                 "WHERE a.category = 'x'"),
            "inner join on 1; select");
  EXPECT_EQ(plan("SELECT a.id, p.name FROM auction a LEFT JOIN person p ON a.seller = p.id AND "
                 "p.name <> a.category"),
            "left join on 1 and more; select");
  EXPECT_EQ(plan("SELECT ts, price FROM bid FULL JOIN auction USING (ts)"),
            "full join on 1; select");
  EXPECT_EQ(plan("SELECT a.name, b.name AS other FROM person a JOIN person b ON a.id < b.id"),
            "inner join on 0 and more; select");
  EXPECT_EQ(plan("SELECT * FROM auction SEMI JOIN person p ON seller = p.id"),
            "semi join on 1; select");
}

TEST_F(Planner, MovesWhereIntoJoinsWithCommas) {
  EXPECT_EQ(plan("SELECT category, avg(final) FROM (SELECT max(b.price) AS final, a.category FROM "
                 "auction a, bid b WHERE a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires "
                 "GROUP BY a.id, a.category) q GROUP BY category"),
            "inner join on 1 and more; aggregate by 2; aggregate by 1");
}

TEST_F(Planner, FindsTimesThatLieNear) {
  EXPECT_EQ(plan("SELECT a.id FROM auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts "
                 "- INTERVAL '1 minute' AND a.ts + INTERVAL 5 SECONDS"),
            "inner join on 1 in time and more; select");
  // Only one end is bounded.
  EXPECT_EQ(plan("SELECT a.id FROM auction a JOIN bid b ON a.id = b.auction AND b.ts >= a.ts"),
            "inner join on 1 and more; select");
}

TEST_F(Planner, KeepsOnlyTheFirstRowsOfAStream) {
  EXPECT_EQ(
      plan("SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY "
           "ts DESC) AS n FROM bid) WHERE n <= 1"),
      "first 1 of each of 2");
  EXPECT_EQ(plan("SELECT DISTINCT ON (seller) * FROM auction ORDER BY ts DESC"),
            "first 1 of each of 1");
  EXPECT_EQ(plan("SELECT * FROM bid ORDER BY price DESC, ts LIMIT 5"), "first 5 of each of 0");
  EXPECT_EQ(plan("SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price + 1) AS n FROM "
                 "bid QUALIFY n < 3"),
            "first 2 of each of 1");
  // What is computed of rows, shared places and longer lists are left to DuckDB.
  EXPECT_EQ(plan("SELECT price + 1 AS p FROM bid ORDER BY price DESC LIMIT 5"),
            "keyed by 0, survivors");
  EXPECT_EQ(
      plan("SELECT * FROM bid QUALIFY rank() OVER (PARTITION BY auction ORDER BY price) <= 2"),
      "keyed by 1, survivors");
  EXPECT_EQ(plan("SELECT * FROM bid ORDER BY price LIMIT 101"), "keyed by 0, survivors");
  // Of a view rows may be taken back, and others come up.
  EXPECT_EQ(plan("SELECT * FROM person ORDER BY id LIMIT 5"), "keyed by 0");
}

TEST_F(Planner, ComputesWindowFunctionsByTheirCommonPartition) {
  EXPECT_EQ(plan("SELECT *, lag(price) OVER (PARTITION BY auction ORDER BY ts) AS before, "
                 "sum(price) OVER (PARTITION BY auction, bidder) AS s FROM bid "
                 "QUALIFY price > before"),
            "keyed by 1");
  EXPECT_EQ(plan("SELECT auction, count(*) AS n, rank() OVER (PARTITION BY auction % 2 ORDER BY "
                 "count(*) DESC) AS r FROM bid GROUP BY auction QUALIFY r <= 3"),
            "aggregate by 1; keyed by 1");
}

TEST_F(Planner, LooksAtRowsNearAChangeAlone) {
  const auto over = [&](const std::string& calls, const std::string& rest = "") {
    return plan("SELECT " + calls + " FROM bid " + rest);
  };
  const std::string by_time = "OVER (PARTITION BY auction ORDER BY ts";
  EXPECT_EQ(over("lag(price, 2) " + by_time + "), lead(price) " + by_time + ")"),
            "keyed by 1, near 2+1 rows 0+0 s");
  EXPECT_EQ(over("sum(price) OVER (ORDER BY price ROWS BETWEEN 5 PRECEDING AND 3 FOLLOWING)"),
            "keyed by 0, near 5+3 rows 0+0 s");
  EXPECT_EQ(over("median(price) " + by_time +
                 " RANGE BETWEEN INTERVAL 1 MINUTE PRECEDING AND INTERVAL '5 seconds' FOLLOWING)"),
            "keyed by 1, near 0+0 rows 60+5 s and peers");
  EXPECT_EQ(over("sum(price) " + by_time + ")"),
            "keyed by 1, near 0+0 rows 0+0 s and peers, carries 1");
  EXPECT_EQ(over("avg(price) " + by_time + "), first_value(price) " + by_time +
                 " ROWS UNBOUNDED PRECEDING), lag(price) " + by_time + ")"),
            "keyed by 1, near 1+0 rows 0+0 s and peers, carries 4");
  EXPECT_EQ(over("sum(price) " + by_time + "), avg(price) " + by_time + "), count(price) " +
                 by_time + ")"),
            "keyed by 1, near 0+0 rows 0+0 s and peers, carries 2")
      << "what is the same is computed once";
  EXPECT_EQ(over("price", "QUALIFY price > lag(price) " + by_time + ")"),
            "keyed by 1, near 1+0 rows 0+0 s, filters");
  EXPECT_EQ(over("price", "QUALIFY row_number() " + by_time + ") % 2 = 0"),
            "keyed by 1, near 0+0 rows 0+0 s, carries 1, filters");
}

TEST_F(Planner, ComputesAPartitionAnewWhereRowsLookFurther) {
  for (const char* call :
       {"sum(price) OVER (PARTITION BY auction)",
        "lag(price IGNORE NULLS) OVER (PARTITION BY auction ORDER BY ts)",
        "lag(price, bidder) OVER (PARTITION BY auction ORDER BY ts)",
        "lag(price, 20000) OVER (PARTITION BY auction ORDER BY ts)",
        "median(price) OVER (PARTITION BY auction ORDER BY ts)",
        "sum(DISTINCT price) OVER (PARTITION BY auction ORDER BY ts)",
        "sum(price) OVER (PARTITION BY auction ORDER BY ts ROWS BETWEEN CURRENT ROW AND UNBOUNDED "
        "FOLLOWING)",
        "sum(price) OVER (PARTITION BY auction ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 "
        "PRECEDING)",
        "sum(price) OVER (PARTITION BY auction ORDER BY ts ROWS BETWEEN bidder PRECEDING AND "
        "CURRENT ROW)",
        "sum(price) OVER (PARTITION BY auction ORDER BY price RANGE 5 PRECEDING)",
        "sum(price) OVER (PARTITION BY auction ORDER BY ts GROUPS 1 PRECEDING)",
        "sum(price) OVER (PARTITION BY auction ORDER BY ts ROWS BETWEEN 1 PRECEDING AND 1 "
        "FOLLOWING "
        "EXCLUDE TIES)",
        "ntile(4) OVER (PARTITION BY auction ORDER BY ts)",
        "lag(price) OVER (PARTITION BY auction ORDER BY ts), lag(price) OVER (PARTITION BY auction "
        "ORDER BY price)",
        "lag(price) OVER (PARTITION BY auction ORDER BY [price])"}) {
    EXPECT_EQ(plan(fmt::format("SELECT {} FROM bid", call)), "keyed by 1") << call;
  }
  EXPECT_EQ(
      plan("SELECT lag(price) OVER (PARTITION BY window_end ORDER BY ts) FROM tumble(bid, ts, "
           "INTERVAL '1 hour')"),
      "keyed by 1")
      << "windows end and are computed then";
}

TEST_F(Planner, GroupsByAggregatesThatNeedAllRows) {
  EXPECT_EQ(plan("SELECT auction, median(price) AS m FROM bid GROUP BY auction"), "keyed by 1");
  EXPECT_EQ(plan("SELECT median(price) AS m FROM bid"), "keyed by 0");
}

TEST_F(Planner, PutsGroupingSetsTogether) {
  EXPECT_EQ(plan("SELECT seller, category, count(*) FROM auction GROUP BY ROLLUP (seller, "
                 "category)"),
            "aggregate by 0; aggregate by 1; aggregate by 2; union of 3");
}

TEST_F(Planner, TakesQueriesApart) {
  EXPECT_EQ(plan("WITH x AS (SELECT seller, count(*) AS n FROM auction GROUP BY seller) "
                 "SELECT p.name, x.n FROM x JOIN person p ON p.id = x.seller"),
            "aggregate by 1; inner join on 1; select");
  EXPECT_EQ(plan("SELECT DISTINCT seller, category FROM auction"), "select; aggregate by 2");
  EXPECT_EQ(plan("SELECT seller FROM auction UNION SELECT id FROM person"),
            "select; select; union of 2; aggregate by 1");
  EXPECT_EQ(plan("SELECT seller FROM auction EXCEPT SELECT id FROM person"),
            "select; select; keyed by 1");
  EXPECT_EQ(plan("SELECT auction, count(*) AS n FROM bid GROUP BY auction ORDER BY n DESC LIMIT 3"),
            "aggregate by 1; keyed by 0");
  EXPECT_EQ(
      plan("SELECT b.price, a.category FROM bid b ASOF JOIN auction a ON b.auction = a.id AND "
           "b.ts >= a.ts"),
      "inner join on 2; select");
}

TEST_F(Planner, JoinsWithSubqueries) {
  EXPECT_EQ(plan("SELECT * FROM auction WHERE seller IN (SELECT id FROM person)"),
            "select; semi join on 1; select");
  EXPECT_EQ(plan("SELECT * FROM auction WHERE seller NOT IN (SELECT id FROM person)"),
            "select; anti join on 1; aggregate by 0; inner join on 0; select");
  EXPECT_EQ(plan("SELECT * FROM auction a WHERE NOT EXISTS (SELECT 1 FROM bid b WHERE b.auction = "
                 "a.id AND b.price > 10)"),
            "anti join on 1; select");
  EXPECT_EQ(plan("SELECT * FROM bid WHERE price > (SELECT avg(price) FROM bid)"),
            "aggregate by 0; inner join on 0; select");
  EXPECT_EQ(plan("SELECT id, (SELECT count(*) FROM bid b WHERE b.auction = a.id) AS bids FROM "
                 "auction a"),
            "aggregate by 1; left join on 1; select");
}

TEST_F(Planner, RefusesWhatCantBeKept) {
  EXPECT_EQ(plan("SELECT * FROM bid LIMIT 5"),
            "not-incremental: LIMIT without ORDER BY does not say which rows: add ORDER BY");
  EXPECT_EQ(
      plan("SELECT a.id FROM auction a WHERE a.seller IN (SELECT id FROM person) OR a.id = 1"),
      "not-incremental: IN and EXISTS stand alone in WHERE, joined to other conditions by "
      "AND: not below OR, in CASE or in SELECT");
  EXPECT_TRUE(plan("SELECT random() FROM bid").starts_with("not-deterministic"));
}

const std::string counts =
    "(SELECT window_start, window_end, auction, count(*) AS n FROM tumble(bid, ts, INTERVAL 10 "
    "MINUTES) GROUP BY ALL)";

TEST_F(Planner, ClosesWhatStandsOverWindowsWithThem) {
  EXPECT_EQ(closing("SELECT window_end, max(n) FROM " + counts + " GROUP BY window_end"),
            "closes 0 min after key 1; closes 0 min after key 0");
  EXPECT_EQ(closing("SELECT window_start, max(n) FROM " + counts + " GROUP BY window_start"),
            "closes 0 min after key 1; closes 10 min after key 0");
  EXPECT_EQ(closing("SELECT auction, n FROM " + counts +
                    " QUALIFY row_number() OVER (PARTITION BY auction % 2, window_end ORDER BY n) "
                    "<= 3"),
            "closes 0 min after key 1; closes 0 min after key 0");
  EXPECT_EQ(closing("SELECT a.n FROM " + counts + " a JOIN " + counts +
                    " b ON a.n = b.n AND a.window_start = b.window_start"),
            "closes 0 min after key 1; closes 0 min after key 1; closes 10 min after key 0; stays");
  EXPECT_EQ(closing("SELECT DISTINCT window_end, bidder FROM tumble(bid, ts, INTERVAL '1 hour')"),
            "closes 0 min after key 0");
}

TEST_F(Planner, KeepsWhatDoesNotGoByAWindow) {
  EXPECT_EQ(closing("SELECT auction, max(n) FROM " + counts + " GROUP BY auction"),
            "closes 0 min after key 1; stays");
  EXPECT_EQ(
      closing("SELECT date_trunc('day', window_end) AS d, max(n) FROM " + counts + " GROUP BY d"),
      "closes 0 min after key 1; stays");
  EXPECT_EQ(closing("SELECT a.n FROM " + counts + " a JOIN " + counts +
                    " b ON a.window_start = b.window_end"),
            "closes 0 min after key 1; closes 0 min after key 1; closes 10 min after key 0; stays");
  // Not the event time.
  EXPECT_EQ(closing("SELECT window_end, count(*) FROM tumble(auction, expires, INTERVAL '1 hour') "
                    "GROUP BY window_end"),
            "stays");
}

TEST_F(Planner, KnowsWhatIdentifiesRows) {
  EXPECT_EQ(key("SELECT count(*) AS n, auction, bidder AS who FROM bid GROUP BY auction, bidder"),
            "auction, who");
  EXPECT_EQ(key("SELECT count(*) AS n FROM bid GROUP BY auction"), "none");
  EXPECT_EQ(key("SELECT auction, price, row_number() OVER (PARTITION BY auction ORDER BY price) AS "
                "place FROM bid QUALIFY place <= 3"),
            "auction, place");
  EXPECT_EQ(key("SELECT auction, price FROM bid QUALIFY row_number() OVER (PARTITION BY auction "
                "ORDER BY price) = 1"),
            "auction");
  EXPECT_EQ(key("SELECT DISTINCT ON (bidder) price, bidder FROM bid ORDER BY bidder, ts"),
            "bidder");
  EXPECT_EQ(key("SELECT DISTINCT auction, bidder FROM bid"), "auction, bidder");
  EXPECT_EQ(key("SELECT auction FROM bid EXCEPT SELECT id FROM auction"), "auction");
  EXPECT_EQ(key("SELECT auction, price FROM bid"), "none");
  const std::string by_auction = "(SELECT auction, count(*) AS n FROM bid GROUP BY auction)";
  const std::string by_bidder = "(SELECT bidder, count(*) AS n FROM bid GROUP BY bidder)";
  EXPECT_EQ(key("SELECT a.auction, b.n FROM " + by_auction + " a LEFT JOIN " + by_bidder +
                " b ON a.n = b.bidder"),
            "auction");
  EXPECT_EQ(key("SELECT a.auction, b.bidder FROM " + by_auction + " a JOIN " + by_bidder +
                " b ON a.n = b.n"),
            "auction, bidder");
  EXPECT_EQ(key("SELECT a.auction, b.bidder FROM " + by_auction + " a LEFT JOIN " + by_bidder +
                " b ON a.n = b.n"),
            "none");
}

}  // namespace
}  // namespace leat::sql

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "sql/analyse.h"

namespace leat::sql {

/// SQL, and the fault that it has.
struct FaultCase {
  const char* sql;
  const char* code;
  std::size_t position;
  const char* says;
};

/// Queries over a stream `users` and a view `profiles` of the same columns.
class AnalyseTest : public testing::Test {
 protected:
  AnalyseTest() {
    const Schema users({{"id", Type::of(DUCKDB_TYPE_BIGINT)},
                        {"country", Type::of(DUCKDB_TYPE_VARCHAR)},
                        {"age", Type::of(DUCKDB_TYPE_INTEGER)},
                        {"ts", Type::of(DUCKDB_TYPE_TIMESTAMP)},
                        {"at", Type::of(DUCKDB_TYPE_TIMESTAMP)},
                        {"tags", Type::list_of(Type::of(DUCKDB_TYPE_VARCHAR))},
                        {"ok", Type::of(DUCKDB_TYPE_BOOLEAN)}});
    catalog_["users"] = {Relation::Kind::stream, users};
    catalog_["profiles"] = {Relation::Kind::view, users};
  }

  template <class T>
  static void ExpectFault(const Analysed<T>& analysed, const FaultCase& wanted) {
    ASSERT_FALSE(analysed) << wanted.sql;
    EXPECT_EQ(analysed.error().code, wanted.code) << wanted.sql << "\n" << analysed.error().message;
    EXPECT_EQ(analysed.error().position, wanted.position) << wanted.sql;
    EXPECT_THAT(analysed.error().message, testing::HasSubstr(wanted.says)) << wanted.sql;
  }

  std::unique_ptr<Analyser> analyser_ = Analyser::open().value();
  Catalog catalog_;
};

}  // namespace leat::sql

#include "connector/mongodb/sink_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/default_settings_test.h"
#include "connector/mongodb/decimal128.h"
#include "connector/mongodb/failure.h"
#include "connector/mongodb/spec.h"

namespace leat::connector::mongodb {
namespace {

using testing::HasSubstr;

class MongodbPlanTest : public testing::Test {
 protected:
  MongodbPlanTest() {
    settings_.set("uri", std::string("mongodb://127.0.0.1:27017/shop"));
    settings_.set("collection", std::string("out"));
    input_.from = "rows";
    input_.schema = Schema({{"id", Type::of(DUCKDB_TYPE_BIGINT)},
                            {"name", Type::of(DUCKDB_TYPE_VARCHAR)},
                            {"at", Type::of(DUCKDB_TYPE_TIMESTAMP)}});
  }
  std::string fault() {
    const auto plan = read_sink_plan(input_, settings_);
    return plan ? "" : plan.error().message;
  }
  void view(std::vector<std::size_t> key, bool rows_change = true) {
    input_.kind = SinkInput::Kind::view;
    input_.key = std::move(key);
    input_.rows_change = rows_change;
  }
  void group(const std::string& name, const std::map<std::string, std::string>& texts) {
    Settings group;
    for (const auto& [key, value] : texts) group.set(key, value);
    settings_.set(name, group);
  }

  Settings settings_ = default_settings(mongodb_sink_spec());
  SinkInput input_;
};

TEST_F(MongodbPlanTest, KnowsWhatTheInputAsksFor) {
  EXPECT_EQ(read_sink_plan(input_, settings_)->writing, Writing::insert);
  EXPECT_EQ(read_sink_plan(input_, settings_)->collection.shown(), "shop.out");
  view({0});
  EXPECT_EQ(read_sink_plan(input_, settings_)->identity, Identity::columns);
  view({});
  EXPECT_EQ(read_sink_plan(input_, settings_)->identity, Identity::name);
  input_.changes = true;
  EXPECT_EQ(read_sink_plan(input_, settings_)->writing, Writing::insert);
}

TEST_F(MongodbPlanTest, NamesEveryFaultAndItsRemedy) {
  settings_.set("key", std::vector<std::string>{"idd"});
  EXPECT_THAT(fault(), HasSubstr("no column `idd`; its columns are id, name, at"));
  view({0});
  settings_.set("key", std::vector<std::string>{"name"});
  EXPECT_THAT(fault(), HasSubstr("leave out `key`"));
  settings_.set("key", std::vector<std::string>{});
  settings_.set("indexes", std::vector<std::string>{"a b"});
  EXPECT_THAT(fault(), HasSubstr("\"a b\""));
  settings_.set("indexes", std::vector<std::string>{"a:upside_down"});
  EXPECT_THAT(fault(), HasSubstr("no such kind"));
  settings_.set("indexes", std::vector<std::string>{});
  group("time_series", {{"time", "at"}});
  EXPECT_THAT(fault(), HasSubstr("only be added"));
  view({}, false);
  EXPECT_EQ(fault(), "");
  group("time_series", {{"time", "name"}});
  EXPECT_THAT(fault(), HasSubstr("written as VARCHAR"));
}

TEST_F(MongodbPlanTest, ADateIsNeededToForget) {
  group("ttl", {{"field", "name"}});
  EXPECT_THAT(fault(), HasSubstr("never delete by it"));
  input_.kind = SinkInput::Kind::topic;
  input_.schema = record_schema();
  group("ttl", {{"field", "at"}});
  EXPECT_THAT(fault(), HasSubstr("record.timestamp"));
  settings_.set("metadata", std::string("record"));
  group("ttl", {{"field", "record.timestamp"}});
  EXPECT_EQ(fault(), "");
}

TEST_F(MongodbPlanTest, RefusesNamesThatMongodbDoes) {
  input_.schema = Schema({{"$id", Type::of(DUCKDB_TYPE_BIGINT)}});
  EXPECT_THAT(fault(), HasSubstr("`$id`"));
  input_.schema = Schema({{"_id", Type::of(DUCKDB_TYPE_BIGINT)}});
  EXPECT_EQ(read_sink_plan(input_, settings_)->identity, Identity::own);
  view({});
  EXPECT_THAT(fault(), HasSubstr("rename the column"));
  for (const char* name : {"system.users", "a.", "a.b$c", ".x"}) {
    settings_.set("collection", std::string(name));
    EXPECT_NE(fault(), "") << name;
  }
}

TEST_F(MongodbPlanTest, AWrongUriNeverShowsItsPassword) {
  settings_.set("uri", std::string("mongodb://me:s3cret@host:port:x/"));
  const auto endpoint = read_endpoint(settings_, {});
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().code, "bad-uri");
  EXPECT_THAT(endpoint.error().message, testing::Not(HasSubstr("s3cret")));
}

TEST(MongodbFailure, TellsAnOutageFromARefusalAndAMistake) {
  EXPECT_EQ(cause_of_code(10107), Cause::outage);
  EXPECT_EQ(cause_of_code(64), Cause::outage);
  EXPECT_EQ(cause_of_code(14031), Cause::outage);
  EXPECT_EQ(cause_of_code(18), Cause::credentials);
  EXPECT_EQ(cause_of_code(13), Cause::privilege);
  EXPECT_EQ(cause_of_code(121), Cause::data);
  EXPECT_EQ(cause_of_code(10334), Cause::data);
  EXPECT_EQ(cause_of_code(11000), Cause::taken_id);
  EXPECT_EQ(cause_of_code(286), Cause::history_lost);
}

TEST(MongodbDecimal128, HoldsThirtyFourDigits) {
  const auto text = [](format::Int128 coefficient, unsigned scale) -> std::string {
    const auto decimal = decimal128_of(coefficient, scale);
    if (!decimal) return "none";
    bson_decimal128_t bits;
    bits.low = decimal->low;
    bits.high = decimal->high;
    char digits[BSON_DECIMAL128_STRING];
    bson_decimal128_to_string(&bits, digits);
    return digits;
  };
  format::Int128 ten_to_34 = 1;
  for (int i = 0; i < 34; ++i) ten_to_34 *= 10;
  EXPECT_EQ(text(0, 2), "0.00");
  EXPECT_EQ(text(-123450, 3), "-123.450");
  EXPECT_EQ(text(ten_to_34 - 1, 0), "9999999999999999999999999999999999");
  EXPECT_EQ(text(1 - ten_to_34, 34), "-0.9999999999999999999999999999999999");
  EXPECT_EQ(text(ten_to_34, 0), "none");
}

}  // namespace
}  // namespace leat::connector::mongodb

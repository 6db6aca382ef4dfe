#include "connector/cassandra/response.h"

#include <gtest/gtest.h>

namespace leat::connector::cql {
namespace {

using Kind = CqlType::Kind;

Result<Response> read(Opcode opcode, const std::string& body, std::uint8_t flags = 0,
                      std::uint8_t version = 5) {
  return read_response(
      {.version = version, .flags = flags, .stream = 1, .opcode = opcode, .body = body});
}

CqlType type_of_class(const std::string& name) {
  std::string bytes;
  put_short(bytes, 0);
  put_string(bytes, name);
  WireReader reader(bytes);
  return CqlType::read(reader);
}

std::string rows_body() {
  std::string body;
  put_int(body, 2);
  put_int(body, 0x01 | 0x02 | 0x08);
  put_int(body, 2);
  put_bytes(body, "next page");
  put_short_bytes(body, "new id");
  put_string(body, "ks");
  put_string(body, "tab");
  put_string(body, "id");
  put_short(body, 0x000D);
  put_string(body, "tags");
  put_short(body, 0x0022);
  put_short(body, 0x0009);
  put_int(body, 2);
  put_bytes(body, "one");
  put_null(body);
  put_bytes(body, "");
  put_bytes(body, "xyz");
  return body;
}

TEST(CqlResponse, RowsHaveTheirMetadataAndCells) {
  const std::string body = rows_body();
  auto response = read(Opcode::result, body);
  ASSERT_TRUE(response.has_value()) << response.error().message;
  const Rows& rows = std::get<Rows>(response->message);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows.metadata.paging_state, "next page");
  EXPECT_EQ(rows.metadata.new_id, "new id");
  EXPECT_EQ(rows.metadata.columns[1].table, "tab");
  EXPECT_EQ(rows.metadata.columns[1].type.to_cql(), "set<int>");
  EXPECT_EQ(rows.text(0, 0), "one");
  EXPECT_FALSE(rows.cell(0, 1).has_value());
  EXPECT_TRUE(rows.cell(1, 0).has_value());
  EXPECT_EQ(rows.text(1, 1), "xyz");
}

TEST(CqlResponse, AnythingCutShortIsRefused) {
  const std::string body = rows_body();
  for (std::size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(read(Opcode::result, body.substr(0, length)).has_value()) << length;
  }
}

TEST(CqlResponse, WarningsComeBeforeTheMessage) {
  std::string body;
  put_string_list(body, {"Batch is large", "Query reads all partitions"});
  put_int(body, 1);
  const auto response = read(Opcode::result, body, flag_warnings);
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->warnings.size(), 2U);
  EXPECT_EQ(response->warnings[1], "Query reads all partitions");
  EXPECT_TRUE(std::holds_alternative<DoneMessage>(response->message));
}

TEST(CqlResponse, ErrorsKeepTheServersWords) {
  std::string body;
  put_int(body, 0x2500);
  put_string(body, "Prepared query with ID abc not found");
  put_short_bytes(body, "abc");
  const auto response = read(Opcode::error, body);
  ASSERT_TRUE(response.has_value());
  const auto& error = std::get<ServerError>(response->message);
  EXPECT_EQ(error.code, ErrorCode::unprepared);
  EXPECT_EQ(error.unprepared_id, "abc");
  EXPECT_EQ(verdict_of(error), Verdict::prepare_again);
  EXPECT_NE(error_of(error, "h:1").message.find("ID abc not found"), std::string::npos);
}

TEST(CqlResponse, OnlyWhatTimeMayMendIsTransient) {
  const auto retryable = [](ErrorCode code) {
    return error_of({code, "words", {}}, "h:1").retryable;
  };
  EXPECT_TRUE(retryable(ErrorCode::unavailable));
  EXPECT_TRUE(retryable(ErrorCode::overloaded));
  EXPECT_TRUE(retryable(ErrorCode::write_timeout));
  EXPECT_TRUE(retryable(ErrorCode::server_error));
  EXPECT_FALSE(retryable(ErrorCode::unauthorized));
  EXPECT_FALSE(retryable(ErrorCode::bad_credentials));
  EXPECT_FALSE(retryable(ErrorCode::syntax_error));
}

TEST(CqlResponse, ARowThatIsTooLargeIsTheRowsFault) {
  EXPECT_EQ(verdict_of({ErrorCode::server_error, "Mutation of 9 bytes is too large", {}}),
            Verdict::row);
  EXPECT_EQ(verdict_of({ErrorCode::server_error, "java.lang.NullPointerException", {}}),
            Verdict::other_node);
}

TEST(CqlResponse, EventsNameWhatTheyAreAbout) {
  std::string body;
  put_string(body, "STATUS_CHANGE");
  put_string(body, "DOWN");
  body += std::string("\x04\x7f\x00\x00\x02", 5);
  put_int(body, 9042);
  const auto response = read(Opcode::event, body);
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(std::get<EventMessage>(response->message).subject, "127.0.0.2:9042");
}

TEST(CqlType, ClassNamesAreTypes) {
  const std::string prefix = "org.apache.cassandra.db.marshal.";
  const CqlType vector = type_of_class(prefix + "VectorType(" + prefix + "FloatType , 3)");
  EXPECT_EQ(vector.to_cql(), "vector<float, 3>");
  EXPECT_EQ(vector.fixed_bytes(), 12U);
  EXPECT_EQ(
      type_of_class(prefix + "VectorType(" + prefix + "VectorType(" + prefix + "UTF8Type,2), 4)")
          .to_cql(),
      "vector<vector<text, 2>, 4>");
  EXPECT_EQ(type_of_class("com.example.Odd(1,2)").kind, Kind::custom);
  EXPECT_EQ(type_of_class("com.example.Odd(1,2)").name, "com.example.Odd(1,2)");
  EXPECT_EQ(type_of_class(std::string(60'000, '(')).kind, Kind::custom);
}

TEST(CqlType, TypesWithinTypesEndSomewhere) {
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) put_short(bytes, 0x0020);
  WireReader reader(bytes);
  CqlType::read(reader);
  EXPECT_FALSE(reader.ok());
}

TEST(CqlType, NamesAreQuotedWhereTheyMustBe) {
  EXPECT_EQ(quoted_name("created_users"), "created_users");
  EXPECT_EQ(quoted_name("order"), "\"order\"");
  EXPECT_EQ(quoted_name("Mixed"), "\"Mixed\"");
  EXPECT_EQ(quoted_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quoted_name("1st"), "\"1st\"");
  EXPECT_EQ(quoted_text("it's"), "'it''s'");
}

}  // namespace
}  // namespace leat::connector::cql

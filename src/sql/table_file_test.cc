#include "sql/table_file.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "model/chunk_copy.h"

namespace leat::sql {
namespace {

using testing::HasSubstr;

class TableFileTest : public testing::Test {
 protected:
  TableFileTest()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("leat_table_file_{}", ::getpid())) {
    std::filesystem::create_directories(folder_);
    reader_ = *TableFileReader::open(folder_);
  }
  ~TableFileTest() override { std::filesystem::remove_all(folder_); }

  TableFile file(const std::string& name, const std::string& text,
                 TableFile::Format format = TableFile::Format::csv) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return {.path = folder_ / name, .format = format};
  }

  /// Rows whose first two columns are an INTEGER and a text.
  Result<std::vector<std::string>> rows(const TableFile& file) {
    std::vector<std::string> out;
    LEAT_TRY(reader_->read(file, columns_, [&](Chunk chunk) -> Status {
      const auto* ids = static_cast<std::int32_t*>(duckdb_vector_get_data(chunk.vector(0)));
      const auto* names = static_cast<duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(1)));
      const auto* valid = duckdb_vector_get_validity(chunk.vector(1));
      for (std::size_t row = 0; row < chunk.size(); ++row) {
        const bool known = valid == nullptr ||
                           duckdb_validity_row_is_valid(const_cast<std::uint64_t*>(valid), row);
        out.push_back(
            fmt::format("{} {}", ids[row], known ? text_of(names[row]) : std::string_view("NULL")));
      }
      return {};
    }));
    return out;
  }

  std::string fault(const TableFile& file) {
    const auto read = rows(file);
    return read ? "no fault" : read.error().message;
  }

  const std::filesystem::path folder_;
  std::unique_ptr<TableFileReader> reader_;
  const Schema columns_{
      std::vector<Column>{{"id", *Type::parse("integer")}, {"name", *Type::parse("text")}}};
};

TEST_F(TableFileTest, ReadsColumnsByNameAndLeavesOutTheOthers) {
  const auto expected = std::vector<std::string>{"1 Berlin", "2 Bonn, am Rhein", "3 NULL"};
  EXPECT_EQ(*rows(file("a.csv", "name,more,id\nBerlin,x,1\n\"Bonn, am Rhein\",y,2\n,z,3\n")),
            expected);
  EXPECT_EQ(*rows(file("a.jsonl",
                       "{\"id\":1,\"name\":\"Berlin\",\"more\":[1]}\n"
                       "{\"name\":\"Bonn, am Rhein\",\"id\":2}\n{\"id\":3}\n",
                       TableFile::Format::json)),
            expected);
}

TEST_F(TableFileTest, SaysTheColumnsOfAFile) {
  const auto found =
      reader_->columns(file("a.csv", "id,name,day\n1,Berlin,2026-01-31\n2,Bonn,2026-02-01\n"));
  ASSERT_TRUE(found.has_value()) << found.error().message;
  ASSERT_EQ(found->size(), 3);
  EXPECT_EQ((*found)[0].type.to_sql(), "BIGINT");
  EXPECT_EQ((*found)[2].type.to_sql(), "DATE");
}

TEST_F(TableFileTest, NamesTheLineOfARowThatIsNone) {
  EXPECT_THAT(fault(file("short.csv", "id,name\n1,Berlin\n2")), HasSubstr("line 3"));
  EXPECT_THAT(fault(file("long.csv", "id,name\n1,Berlin\n2,Bonn,x\n3,Kiel\n")), HasSubstr("3"));
  EXPECT_THAT(fault(file("type.csv", "id,name\n1,Berlin\nx,Bonn\n")), HasSubstr("Line: 3"));
  EXPECT_THAT(fault(file("open.csv", "id,name\n1,\"Berlin\n2,Bonn\n")), HasSubstr("quote"));
  EXPECT_THAT(fault(file("cut.jsonl", "{\"id\":1}\n{\"id\":2,\"na", TableFile::Format::json)),
              HasSubstr("line"));
}

TEST_F(TableFileTest, NamesAColumnThatIsNotThere) {
  EXPECT_THAT(fault(file("other.csv", "id,town\n1,Berlin\n")), HasSubstr("name"));
}

TEST_F(TableFileTest, ReadsNoOtherFolder) {
  const TableFile elsewhere{.path = "/etc/passwd"};
  EXPECT_FALSE(rows(elsewhere).has_value());
}

}  // namespace
}  // namespace leat::sql

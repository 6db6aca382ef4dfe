#include "connector/file/file_source.h"

#include <zlib.h>
#include <zstd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/default_settings_test.h"
#include "connector/file/spec.h"
#include "io/simulated_file_system.h"

namespace leat::connector {
namespace {

using Outcome = PartitionReader::Outcome;
using testing::ElementsAre;
using testing::IsEmpty;

class HandClock final : public Clock {
 public:
  TimestampMs now_ms() const override { return 42; }
  std::chrono::steady_clock::time_point steady() const override { return now; }
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
};

std::string gzip(const std::string& text) {
  std::string out(compressBound(text.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() { EXPECT_TRUE(files_.create_directories("/in")); }
  void put(const std::string& name, const std::string& text) {
    files_.overwrite("/in/" + name, text);
  }
  void append(const std::string& name, const std::string& text) {
    ASSERT_TRUE((*files_.open("/in/" + name, io::OpenMode::append))->append(text));
  }
  void open(const std::string& path) {
    settings_.set("path", path);
    auto source = make_file_source(settings_, context_);
    ASSERT_TRUE(source.has_value()) << source.error().message;
    source_ = std::move(*source);
    auto found = source_->discover();
    ASSERT_TRUE(found.has_value()) << found.error().message;
    readers_ = std::move(*found);
  }
  /// One read; the values are kept apart from the slice.
  Outcome read(std::size_t bytes = 1 << 20, std::size_t reader = 0) {
    values_.clear();
    const auto outcome = readers_[reader]->read(slice_, bytes);
    error_ = outcome ? "" : outcome.error().code;
    if (!outcome) return Outcome::ended;
    for (const Record& record : slice_.records) values_.emplace_back(record.value);
    return *outcome;
  }
  std::vector<std::string> read_all(std::size_t bytes = 1 << 20, std::size_t reader = 0) {
    std::vector<std::string> all;
    while (read(bytes, reader) == Outcome::records) {
      all.insert(all.end(), values_.begin(), values_.end());
    }
    return all;
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const auto& reader : readers_) all.push_back(reader->name());
    return all;
  }

  io::SimulatedFileSystem files_;
  HandClock clock_;
  Context context_{.files = files_, .clock = clock_};
  Settings settings_ = default_settings(file_source_spec());
  std::unique_ptr<ReplayableSource> source_;
  std::vector<std::unique_ptr<PartitionReader>> readers_;
  Slice slice_;
  std::vector<std::string> values_;
  std::string error_;
};

TEST_F(FileSourceTest, ReadsLinesAndTheLastOneWithoutItsEnd) {
  put("a.jsonl", "\xEF\xBB\xBF{\"a\":1}\r\n\n{\"a\":2}\nlast");
  open("/in/a.jsonl");
  EXPECT_THAT(read_all(), ElementsAre("{\"a\":1}", "{\"a\":2}", "last"));
  EXPECT_EQ(read(), Outcome::ended);
  EXPECT_EQ(error_, "");
}

TEST_F(FileSourceTest, PositionsAreByteOffsets) {
  put("a.jsonl", "one\n\ntwo\nthree\n");
  open("/in/a.jsonl");
  EXPECT_EQ(read(), Outcome::records);
  EXPECT_EQ(slice_.begin, Offset(0));
  EXPECT_EQ(slice_.records[1].offset, Offset(5));
  EXPECT_EQ(slice_.records[1].timestamp, 42);
  EXPECT_EQ(slice_.next, Offset(15));
  EXPECT_EQ(readers_[0]->lag(), 0u);
  ASSERT_TRUE(readers_[0]->seek(Offset(9)));
  EXPECT_THAT(read_all(), ElementsAre("three"));
}

TEST_F(FileSourceTest, CutsSlicesAtRecordsWhateverTheirSize) {
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 5000; ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(i * 37 % 301 + 1), 'a') +
                       std::to_string(i));
    text += expected.back() + "\n";
  }
  expected.push_back(std::string(100'000, 'b'));
  text += expected.back() + "\nend\n";
  expected.push_back("end");
  for (const std::string& form :
       {std::string("a.jsonl"), std::string("a.gz"), std::string("a.zst")}) {
    put(form, form == "a.gz" ? gzip(text) : form == "a.zst" ? zstd(text) : text);
    open("/in/" + form);
    EXPECT_EQ(read_all(1), expected) << form;
    // From every position that a slice gave, the rest is the same.
    open("/in/" + form);
    std::size_t seen = 0;
    for (int i = 0; i < 7; ++i) {
      ASSERT_EQ(read(1), Outcome::records);
      seen += values_.size();
    }
    const Offset position = slice_.next;
    open("/in/" + form);
    ASSERT_TRUE(readers_[0]->seek(position));
    EXPECT_EQ(read_all(), std::vector(expected.begin() + static_cast<long>(seen), expected.end()))
        << form;
  }
}

TEST_F(FileSourceTest, CompressedMembersFollowOneAnother) {
  put("a.gz", gzip("one\ntw") + gzip("o\nthree\n"));
  put("b.zst", zstd("one\ntw") + zstd("o\nthree\n"));
  open("/in/*");
  EXPECT_THAT(read_all(100, 0), ElementsAre("one", "two", "three"));
  EXPECT_THAT(read_all(100, 1), ElementsAre("one", "two", "three"));
}

TEST_F(FileSourceTest, DamagedCompressionIsAnError) {
  const std::string whole = gzip(std::string(100'000, 'x') + "\n");
  put("a.gz", whole.substr(0, whole.size() - 20));
  put("b.gz", "no gzip at all");
  put("c.zst", zstd("one\n").substr(0, 9));
  open("/in/*");
  for (std::size_t i = 0; i < 3; ++i) {
    read_all(1 << 20, i);
    EXPECT_EQ(error_, "damaged-file") << i;
  }
}

TEST_F(FileSourceTest, CsvRowsMayHoldLineBreaksAndStrayQuotesHarmNobody) {
  settings_.set("framing", std::string("csv"));
  put("a.csv", "id,text\n1,\"a\nb\"\n2,5\" pipe\n3,\"x\"\"\ny\"\n");
  open("/in/a.csv");
  EXPECT_THAT(read_all(), ElementsAre("1,\"a\nb\"", "2,5\" pipe", "3,\"x\"\"\ny\""));
  EXPECT_THAT(*csv_header(settings_, context_), ElementsAre("id", "text"));
  settings_.set("header", false);
  EXPECT_THAT(*csv_header(settings_, context_), IsEmpty());
  open("/in/a.csv");
  EXPECT_EQ(read_all().size(), 4u);
}

TEST_F(FileSourceTest, HeadersMustAgree) {
  settings_.set("framing", std::string("csv"));
  put("a.csv", "id,text\r\n1,a\r\n");
  put("b.csv", "text,id\nb,2\n");
  open("/in/*.csv");
  EXPECT_THAT(read_all(), ElementsAre("1,a"));
  read_all(1 << 20, 1);
  EXPECT_EQ(error_, "header-differs");
}

TEST_F(FileSourceTest, RecordsThatAreTooLongAreCutAndMarked) {
  settings_.set("record_bytes_max", std::int64_t{50'000});
  const std::string giant(3 << 20, 'x');
  put("a.jsonl", "one\n" + giant + "\ntwo\n" + giant);
  open("/in/a.jsonl");
  const auto all = read_all();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[1].size(), 50'000u);
  EXPECT_EQ(all[1].back(), '\xFF');
  EXPECT_EQ(all[2], "two");
  EXPECT_EQ(all[3].size(), 50'000u);
  EXPECT_LT(slice_.bytes.size(), 2u << 20);
}

TEST_F(FileSourceTest, AFollowedFileWaitsForTheEndOfALine) {
  settings_.set("follow", true);
  put("a.jsonl", "one\ntw");
  open("/in/a.jsonl");
  EXPECT_THAT(read_all(), ElementsAre("one"));
  EXPECT_EQ(read(), Outcome::nothing);
  EXPECT_EQ(readers_[0]->lag(), 2u);
  append("a.jsonl", "o\nthree\n");
  EXPECT_THAT(read_all(), ElementsAre("two", "three"));
}

TEST_F(FileSourceTest, AFollowedLongRecordWaitsToo) {
  settings_.set("follow", true);
  settings_.set("record_bytes_max", std::int64_t{20'000});
  put("a.jsonl", std::string(100'000, 'x'));
  open("/in/a.jsonl");
  EXPECT_EQ(read(), Outcome::nothing);
  EXPECT_EQ(read(), Outcome::nothing);
  append("a.jsonl", "\ntwo\n");
  const auto all = read_all();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].size(), 20'000u);
  EXPECT_EQ(all[1], "two");
}

TEST_F(FileSourceTest, CutAndReplacedFilesAreNoticed) {
  settings_.set("follow", true);
  put("a.jsonl", "one\ntwo\n");
  open("/in/a.jsonl");
  EXPECT_EQ(read_all().size(), 2u);
  ASSERT_TRUE((*files_.open("/in/a.jsonl", io::OpenMode::append))->truncate(4));
  EXPECT_EQ(read(), Outcome::ended);
  EXPECT_EQ(error_, "position-lost");
  EXPECT_EQ(readers_[0]->seek(Offset(8)).error().code, "position-lost");

  put("b.jsonl", "one\ntwo\n");
  open("/in/b.jsonl");
  EXPECT_EQ(read_all().size(), 2u);
  ASSERT_TRUE(files_.remove("/in/b.jsonl"));
  clock_.now += std::chrono::seconds(2);
  EXPECT_EQ(read(), Outcome::nothing);
  EXPECT_EQ(error_, "");
  put("b.jsonl", "other\ntext and more\n");
  clock_.now += std::chrono::seconds(2);
  read();
  EXPECT_EQ(error_, "position-lost");
}

TEST_F(FileSourceTest, APositionInTheMiddleOfALineIsLost) {
  put("a.jsonl", "one\ntwo\n");
  open("/in/a.jsonl");
  EXPECT_EQ(readers_[0]->seek(Offset(5)).error().code, "position-lost");
  EXPECT_TRUE(readers_[0]->seek(Offset(8)));
  EXPECT_EQ(readers_[0]->seek(Offset(9)).error().code, "position-lost");
}

TEST_F(FileSourceTest, WhatIsAppendedLaterIsReadFromTheOldEnd) {
  put("a.jsonl", "one\ntwo");
  open("/in/a.jsonl");
  EXPECT_EQ(read_all().size(), 2u);
  put("a.jsonl", "one\ntwo\nthree\n");
  open("/in/a.jsonl");
  ASSERT_TRUE(readers_[0]->seek(Offset(7)));
  EXPECT_THAT(read_all(), ElementsAre("three"));
}

TEST_F(FileSourceTest, PatternsFindFilesAndNewOnes) {
  settings_.set("follow", true);
  ASSERT_TRUE(files_.create_directories("/in/x"));
  put("b-2.jsonl", "b\n");
  put("b-1.jsonl", "a\n");
  put(".b-3.jsonl", "hidden\n");
  open("/in/b-*.jsonl");
  EXPECT_THAT(names(), ElementsAre("/in/b-1.jsonl", "/in/b-2.jsonl"));
  EXPECT_TRUE(source_->keeps_discovering());
  EXPECT_THAT(*source_->discover(), IsEmpty());
  put("b-9.jsonl", "new\n");
  EXPECT_EQ(source_->discover()->at(0)->name(), "/in/b-9.jsonl");
  put("x/b-1.jsonl", "a\n");
  open("/i?/*/b-[1-3].jsonl");
  EXPECT_THAT(names(), ElementsAre("/in/x/b-1.jsonl"));
  open("/missing/*/x");
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(FileSourceTest, RelativeNamesStayAsWritten) {
  put("a.jsonl", "one\n");
  const Context inside{.files = files_, .clock = clock_, .base_directory = "/in"};
  settings_.set("path", std::string("*.jsonl"));
  const auto source = *make_file_source(settings_, inside);
  auto readers = *source->discover();
  ASSERT_EQ(readers.size(), 1u);
  EXPECT_EQ(readers[0]->name(), "a.jsonl");
  EXPECT_EQ(*readers[0]->read(slice_, 100), Outcome::records);
}

TEST_F(FileSourceTest, RefusesWhatCannotBeRead) {
  settings_.set("path", std::string("/in/missing.jsonl"));
  const auto source = *make_file_source(settings_, context_);
  EXPECT_EQ(source->discover().error().code, "no-such-file");
  settings_.set("follow", true);
  settings_.set("path", std::string("/in/a.gz"));
  EXPECT_EQ(make_file_source(settings_, context_).error().code, "bad-path");
  settings_.set("path", std::string("/in/a.csv"));
  settings_.set("delimiter", std::string("ab"));
  EXPECT_EQ(make_file_source(settings_, context_).error().code, "bad-framing");
}

}  // namespace
}  // namespace leat::connector

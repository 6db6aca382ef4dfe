#include "runtime/topic_copier.h"

#include <deque>

#include <gmock/gmock.h>

#include "log/record_batch.h"
#include "log/topics_fixture.h"

namespace leat::runtime {
namespace {

using testing::ElementsAre;

/// A partition of records in memory, read one at a time, that ends.
class RecordsReader final : public connector::PartitionReader {
 public:
  /// `fails_at`: where the next read fails, once; -1: nowhere.
  RecordsReader(const std::vector<Record>& records, int& fails_at)
      : records_(records), fails_at_(fails_at) {}
  std::string name() const override { return "p"; }
  Result<Outcome> read(Slice& slice, std::size_t) override {
    slice.records.clear();
    if (std::cmp_equal(next_, fails_at_)) {
      fails_at_ = -1;
      ++next_;  // as a client that has lost its place
      return transient_error("away", "nobody answers");
    }
    if (next_ == records_.size()) return Outcome::ended;
    slice.records.push_back(records_[next_++]);
    slice.next = Offset(static_cast<std::int64_t>(next_));
    return Outcome::records;
  }
  Status seek(Offset position) override {
    next_ = static_cast<std::size_t>(position.value());
    return {};
  }

 private:
  const std::vector<Record>& records_;
  int& fails_at_;
  std::size_t next_ = 0;
};

class RecordsSource final : public connector::ReplayableSource {
 public:
  explicit RecordsSource(const std::vector<Record>& records) : records_(records) {}
  int fails_at = -1;
  Result<std::vector<std::unique_ptr<connector::PartitionReader>>> discover() override {
    std::vector<std::unique_ptr<connector::PartitionReader>> readers;
    if (std::exchange(discovered_, true)) return readers;
    readers.push_back(std::make_unique<RecordsReader>(records_, fails_at));
    return readers;
  }

 private:
  const std::vector<Record>& records_;
  bool discovered_ = false;
};

class TopicCopierTest : public log::TopicsFixture {
 protected:
  TopicCopierTest() { EXPECT_TRUE(start()); }

  void add(std::string_view value, const log::Headers& headers = {}) {
    std::string& encoded = headers_.emplace_back();
    if (!headers.empty()) log::append_headers(headers, encoded);
    records_.push_back({.timestamp = 1'700'000'000'000, .value = value, .headers = encoded});
  }
  /// As a run does, to the source's end.
  void copy() {
    RecordsSource source(records_);
    TopicCopier copier("src", source, *topics_->open("t", config_).value(), status_);
    ASSERT_TRUE(copier.run({}));
  }
  /// "name:value" of all headers of the records that the topic has.
  std::vector<std::string> headers() {
    std::vector<std::string> out;
    Slice slice;
    for (Offset next(0); next < log().durable_offset(); next = slice.next) {
      EXPECT_TRUE(log().read(next, 1 << 20, slice));
      for (const Record& record : slice.records) {
        std::string text;
        const log::Headers parsed = log::parse_headers(record.headers).value();
        for (const auto& [name, value] : parsed) {
          text += fmt::format("{}:{} ", name, value.data() == nullptr ? "null" : value);
        }
        out.push_back(text);
      }
    }
    return out;
  }

  connector::SourceStatus status_;
  std::deque<std::string> headers_;
  std::vector<Record> records_;
};

TEST_F(TopicCopierTest, CopiesEachRecordOnceAlsoAcrossRestarts) {
  add("a");
  add("b");
  copy();
  add("c");
  copy();
  EXPECT_THAT(read_all(log()), ElementsAre("0=a", "1=b", "2=c"));
}

TEST_F(TopicCopierTest, GoesOnBehindWhatItCopiedAfterAFailure) {
  for (const char* value : {"a", "b", "c"}) add(value);
  RecordsSource source(records_);
  TopicCopier copier("src", source, *topics_->open("t", config_).value(), status_);
  source.fails_at = 1;
  EXPECT_EQ(copier.run({}).error().code, "away");
  ASSERT_TRUE(copier.run({}));
  EXPECT_THAT(read_all(log()), ElementsAre("0=a", "1=b", "2=c"));
}

TEST_F(TopicCopierTest, KeepsHeadersBesideItsOwn) {
  add("a", {{"k", "v"}, {"none", {}}});
  add("b", {{position_header, "src/p=99"}});  // of another Leat
  add("c");
  copy();
  EXPECT_THAT(headers(), ElementsAre("k:v none:null leat.position:src/p=1 ",
                                     "leat.position:src/p=2 ", "leat.position:src/p=3 "));
}

}  // namespace
}  // namespace leat::runtime

#include "connector/mongodb/mongodb_source.h"

#include <condition_variable>
#include <mutex>

#include "base/test_patience.h"
#include "connector/mongodb/document_json.h"
#include "connector/mongodb/mongodb_fixture.h"
#include "connector/mongodb/source_position.h"

namespace leat::connector::mongodb {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// A topic in memory: records as "key=value", and the position with them.
class TopicInMemory final : public RecordWriter {
 public:
  Status append(std::span<const Entry> entries) override {
    std::lock_guard lock(mutex_);
    return add(entries);
  }
  Status append(std::span<const Entry> entries, std::string_view position) override {
    std::lock_guard lock(mutex_);
    LEAT_TRY(add(entries));
    position_ = position;
    changed_.notify_all();
    return {};
  }
  Result<std::optional<std::string>> position() override {
    std::lock_guard lock(mutex_);
    return position_;
  }

  /// The records, once there are so many.
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience(std::chrono::seconds(30)),
                      [&] { return records_.size() >= count; });
    return records_;
  }
  void wait_for_position() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience(std::chrono::seconds(30)),
                      [&] { return position_.has_value(); });
  }
  void refuse(std::string key) { refused_ = std::move(key); }
  void set_position(std::string position) { position_ = std::move(position); }

 private:
  Status add(std::span<const Entry> entries) {
    for (const Entry& entry : entries) {
      if (entry.has_key && entry.key == refused_)
        return user_error("record-too-large", "too large");
    }
    for (const Entry& entry : entries) {
      records_.push_back(entry.has_key ? std::string(entry.key) : "-");
      records_.back() += entry.tombstone ? " gone" : "=" + std::string(entry.value);
    }
    return {};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> records_;
  std::optional<std::string> position_;
  std::string refused_;
};

class MongodbSourceTest : public MongodbTest {
 protected:
  /// A run of the source on a thread; ends with the object.
  class Run {
   public:
    Run(LiveSource& source, RecordWriter& writer)
        : thread_([this, &source, &writer](std::stop_token stop) {
            result = source.run(stop, writer, status);
            ended_ = true;
          }) {}
    void end() {
      thread_.request_stop();
      thread_.join();
    }
    /// Waits for it to end by itself, within reason.
    void join() {
      for (int i = 0; i < 300 && !ended_; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
      end();
    }
    Status result;
    SourceStatus status;

   private:
    std::atomic<bool> ended_{false};
    std::jthread thread_;
  };

  std::unique_ptr<LiveSource> make() {
    Settings settings = base_settings(mongodb_source_spec());
    settings.set("collection", std::string("test.in"));
    for (const auto& [name, value] : set_) settings.set(name, value);
    auto source = make_mongodb_source(settings, {});
    EXPECT_TRUE(source) << source.error().message;
    return std::move(*source);
  }
  void insert(const std::string& documents, const std::string& collection = "in") {
    EXPECT_THAT(run(R"({"insert": ")" + collection + R"(", "documents": [)" + documents + "]}"),
                HasSubstr("\"ok\" : 1"));
  }
  void update(const std::string& query, const std::string& change) {
    run(R"({"update": "in", "updates": [{"q": )" + query + R"(, "u": )" + change + "}]}");
  }
  void remove(const std::string& query) {
    run(R"({"delete": "in", "deletes": [{"limit": 1, "q": )" + query + "}]}");
  }

  std::map<std::string, Settings::Value> set_;
  TopicInMemory topic_;
};

TEST_F(MongodbSourceTest, GivesWhatIsThereThenEveryChangeOnce) {
  insert(R"({"_id": 1, "v": "a"}, {"_id": "two", "v": "b"})");
  auto source = make();
  std::vector<std::string> expected = {R"(1={"_id":1,"v":"a"})", R"(two={"_id":"two","v":"b"})"};
  {
    Run run(*source, topic_);
    EXPECT_THAT(topic_.wait_for(2), ElementsAreArray(expected));
    insert(R"({"_id": {"$oid": "0123456789abcdef01234567"}, "v": 1.5})");
    topic_.wait_for(3);
    update(R"({"_id": 1})", R"({"$set": {"v": "c"}})");
    topic_.wait_for(4);
    remove(R"({"_id": "two"})");
    for (const char* record :
         {R"(0123456789abcdef01234567={"_id":"0123456789abcdef01234567","v":1.5})",
          R"(1={"_id":1,"v":"c"})", "two gone"}) {
      expected.push_back(record);
    }
    EXPECT_THAT(topic_.wait_for(5), ElementsAreArray(expected));
    run.end();
    EXPECT_TRUE(run.result) << run.result.error().message;
    EXPECT_EQ(run.status.records, 5U);
  }
  // What happens meanwhile is there afterwards, and nothing twice.
  insert(R"({"_id": 4}, {"_id": 5})");
  source = make();
  Run run(*source, topic_);
  expected.push_back(R"(4={"_id":4})");
  expected.push_back(R"(5={"_id":5})");
  EXPECT_THAT(topic_.wait_for(7), ElementsAreArray(expected));
}

TEST_F(MongodbSourceTest, ASnapshotGoesOnWhereItWasBrokenOff) {
  run(R"({"aggregate": 1, "cursor": {}, "pipeline": [
      {"$documents": [{"n": {"$range": [0, 10000]}}]}, {"$unwind": "$n"},
      {"$project": {"_id": {"$cond": [{"$lt": ["$n", 5000]}, "$n", {"$toString": "$n"}]}}},
      {"$out": "in"}]})");
  SourcePosition position;
  auto source = make();
  {
    Run run(*source, topic_);
    topic_.wait_for(1);
    run.end();
  }
  const std::size_t before = topic_.wait_for(1).size();
  position = *SourcePosition::from_text(**topic_.position());
  source = make();
  Run run(*source, topic_);
  std::vector<std::string> all = topic_.wait_for(10'000);
  EXPECT_THAT(all, SizeIs(10'000));
  std::ranges::sort(all);
  EXPECT_EQ(std::ranges::adjacent_find(all), all.end()) << "broken off after " << before;
  EXPECT_THAT(all, testing::Contains(R"(5000={"_id":"5000"})"));
}

TEST_F(MongodbSourceTest, TellsWhatHappenedAndFiltersIt) {
  set_["records"] = std::string("change");
  set_["snapshot"] = false;
  set_["pipeline"] = std::string(R"([{"$match": {"operationType": {"$ne": "delete"}}}])");
  insert(R"({"_id": 0})");
  auto source = make();
  Run running(*source, topic_);
  topic_.wait_for_position();
  insert(R"({"_id": 1, "a": {"b": [1]}})");
  update(R"({"_id": 1})", R"({"$set": {"a.c": 2}, "$unset": {"x": 1}})");
  topic_.wait_for(2);
  remove(R"({"_id": 1})");
  run(R"({"drop": "in"})");
  const auto records = topic_.wait_for(3);
  ASSERT_GE(records.size(), 3U);
  EXPECT_THAT(records[0], HasSubstr(R"(1={"op":"insert","collection":"test.in","at":"20)"));
  EXPECT_THAT(records[0], HasSubstr(R"("key":{"_id":1},"document":{"_id":1,"a":{"b":[1]}}})"));
  EXPECT_THAT(records[1], HasSubstr(R"("document":{"_id":1,"a":{"b":[1],"c":2}},)"
                                    R"("updated":{"a.c":2},"removed":[]})"));
  EXPECT_THAT(records[2], HasSubstr(R"(-={"op":"drop","collection":"test.in")"));
  // A collection of the same name is followed again.
  insert(R"({"_id": 2})");
  EXPECT_THAT(topic_.wait_for(4).back(), HasSubstr(R"("key":{"_id":2})"));
}

TEST_F(MongodbSourceTest, FollowsAWholeDatabase) {
  set_["collection"] = std::string();
  set_["database"] = std::string("test");
  set_["records"] = std::string("change");
  insert(R"({"_id": 1})", "b");
  insert(R"({"_id": 2})", "a");
  auto source = make();
  Run running(*source, topic_);
  const auto snapshot = topic_.wait_for(2);
  EXPECT_THAT(snapshot, ElementsAre(HasSubstr(R"({"op":"snapshot","collection":"test.a")"),
                                    HasSubstr(R"({"op":"snapshot","collection":"test.b")")));
  insert(R"({"_id": 3})", "c");
  EXPECT_THAT(topic_.wait_for(3).back(), HasSubstr(R"("collection":"test.c")"));
}

TEST_F(MongodbSourceTest, ADocumentThatTheTopicRefusesKeepsNoOtherOut) {
  insert(R"({"_id": 1}, {"_id": 2}, {"_id": 3})");
  topic_.refuse("2");
  auto source = make();
  Run running(*source, topic_);
  EXPECT_THAT(topic_.wait_for(2), ElementsAre(R"(1={"_id":1})", R"(3={"_id":3})"));
  running.end();
  EXPECT_EQ(running.status.failures, 1U);
}

TEST_F(MongodbSourceTest, SaysWhatToDoWhenItsHistoryIsLost) {
  insert(R"({"_id": 1})");
  // The token of an event that never was: the server does not find it, as one that is gone.
  const std::string events = run(R"({"aggregate": "in", "cursor": {}, "pipeline": [{"$changeStream":
          {"startAtOperationTime": {"$timestamp": {"t": 1, "i": 1}}}}]})");
  const std::size_t at = events.find("\"_data\" : \"");
  ASSERT_NE(at, std::string::npos) << events;
  std::string token = events.substr(at + 11, events.find('"', at + 11) - at - 11);
  constexpr std::size_t seconds_end = 9;  // of the event's time, in hexadecimal
  token[seconds_end] = token[seconds_end] == '0' ? '1' : '0';
  topic_.set_position(fmt::format(R"({{"token": {{"_data": "{}"}}}})", token));
  {
    auto source = make();
    Run running(*source, topic_);
    running.join();
    ASSERT_FALSE(running.result);
    ASSERT_EQ(running.result.error().code, "mongodb-history-lost");
    EXPECT_THAT(running.result.error().message, HasSubstr("if_history_lost: snapshot"));
  }
  set_["if_history_lost"] = std::string("snapshot");
  auto source = make();
  Run running(*source, topic_);
  EXPECT_THAT(topic_.wait_for(1), ElementsAre(R"(1={"_id":1})"));
}

TEST_F(MongodbSourceTest, RefusesSettingsThatCanNeverWork) {
  const auto code = [&](const char* name, const char* value) {
    Settings settings = base_settings(mongodb_source_spec());
    settings.set("collection", std::string("test.in"));
    settings.set(name, std::string(value));
    const auto made = make_mongodb_source(settings, {});
    return made ? "made" : made.error().code;
  };
  EXPECT_EQ(code("pipeline", "{}"), "bad-pipeline");
  EXPECT_EQ(code("pipeline", "["), "bad-pipeline");
  EXPECT_EQ(code("full_document", "as_changed"), "bad-records");
  EXPECT_EQ(code("uri", "http://x"), "bad-uri");
  EXPECT_EQ(code("collection", "in"), "bad-collection");
  topic_.set_position("17");
  auto source = make();
  Run running(*source, topic_);
  running.join();
  EXPECT_EQ(running.result.error().code, "mongodb-position");
}

TEST_F(MongodbSourceTest, APrimaryThatDiesIsWaitedForAndNoChangeIsMissing) {
  LEAT_NEED_SERVER(server, "mongodb", {"--nodes", "3"});
  set_["uri"] = server.text("uri");
  onlooker_ = std::make_unique<Onlooker>(server.text("uri"));
  insert(R"({"_id": -1})");
  auto source = make();
  Run running(*source, topic_);
  topic_.wait_for(1);
  int written = 0;
  const auto write_some = [&] {
    for (const int end = written + 50; written < end; ++written) {
      const std::string document = fmt::format(R"({{"_id": {}}})", written);
      const std::string command =
          R"({"insert": "in", "writeConcern": {"w": "majority"}, "documents": [)" + document + "]}";
      // Until it is there, however often it takes.
      for (int tries = 0; tries < 200; ++tries) {
        const std::string answer = run(command);
        if (answer.find("\"ok\" : 1") != std::string::npos) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    }
  };
  write_some();
  const std::string primary = server.command("primary").substr(sizeof("ok"));
  ASSERT_EQ(server.command("kill " + primary), "ok");
  write_some();
  const auto records = topic_.wait_for(101);
  ASSERT_THAT(records, SizeIs(101));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(records[static_cast<std::size_t>(i) + 1], fmt::format(R"({0}={{"_id":{0}}})", i));
  }
}

TEST(MongodbDocumentJson, HasEveryTypeAsPlainJson) {
  const std::string extended = R"({"d": {"$numberDouble": "0.1"}, "nan": {"$numberDouble": "NaN"},
    "s": "a\"b", "doc": {"x": [1, {"$numberLong": "9007199254740993"}]},
    "uuid": {"$binary": {"base64": "7sy4xZlDsru7XiIvThS2hw==", "subType": "04"}},
    "bin": {"$binary": {"base64": "qgD/", "subType": "00"}}, "t": true, "n": null,
    "id": {"$oid": "0123456789abcdef01234567"}, "dec": {"$numberDecimal": "-12.340"},
    "inf": {"$numberDecimal": "Infinity"}, "at": {"$date": {"$numberLong": "-1"}},
    "far": {"$date": {"$numberLong": "253402300800000"}}, "re": {"$regularExpression":
    {"pattern": "a/b", "options": "i"}}, "ts": {"$timestamp": {"t": 7, "i": 2}},
    "min": {"$minKey": 1}, "code": {"$code": "f(x);"},
    "sym" : {
  "$symbol" : "s"
}
})";
  bson_error_t error;
  bson_t* document = bson_new_from_json(reinterpret_cast<const std::uint8_t*>(extended.data()),
                                        static_cast<ssize_t>(extended.size()), &error);
  ASSERT_NE(document, nullptr) << error.message;
  std::string json;
  append_plain_json(*document, json);
  bson_destroy(document);
  EXPECT_EQ(json, R"({"d":0.1,"nan":null,"s":"a\"b","doc":{"x":[1,9007199254740993]},)"
                  R"("uuid":"eeccb8c5-9943-b2bb-bb5e-222f4e14b687","bin":"qgD/","t":true,"n":null,)"
                  R"("id":"0123456789abcdef01234567","dec":-12.340,"inf":null,)"
                  R"("at":"1969-12-31T23:59:59.999Z","far":253402300800000,"re":"/a/b/i",)"
                  R"("ts":{"t":7,"i":2},"min":"$minKey","code":"f(x);","sym":"s"})");
}

TEST(MongodbSourcePosition, ReadsWhatItWrote) {
  for (const char* text :
       {R"({ "start" : { "$timestamp" : { "t" : 7, "i" : 2 } } })",
        R"({ "token" : { "_data" : "8263" } })",
        R"({ "start" : { "$timestamp" : { "t" : 7, "i" : 2 } }, "snapshot" : {  } })",
        R"({ "start" : { "$timestamp" : { "t" : 7, "i" : 2 } }, "snapshot" : )"
        R"({ "collection" : "in", "_id" : { "$numberInt" : "5" } } })"}) {
    const auto position = SourcePosition::from_text(text);
    ASSERT_TRUE(position) << text;
    EXPECT_EQ(position->to_text(), text);
  }
  EXPECT_FALSE(SourcePosition::from_text("{}"));
  EXPECT_FALSE(SourcePosition::from_text("9"));
}

}  // namespace
}  // namespace leat::connector::mongodb

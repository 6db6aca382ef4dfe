#include "connector/postgresql/postgresql_source.h"

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "base/test_patience.h"
#include "connector/postgresql/postgresql_fixture.h"

namespace leat::connector::postgresql {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

/// A topic in memory that keeps records and position together, as the log does.
class Topic final : public RecordWriter {
 public:
  Status append(std::span<const Entry>) override {
    return internal_error("no-position", "a source of changes has a position");
  }
  Status append(std::span<const Entry> records, std::string_view position) override {
    std::lock_guard lock(mutex_);
    if (stop_after_ != 0 && records_.size() + records.size() > stop_after_) {
      return external_error("stopped", "the topic takes no more");
    }
    for (const Entry& entry : records) {
      records_.push_back(fmt::format("{} {}", entry.has_key ? entry.key : "-",
                                     entry.tombstone ? "gone" : entry.value));
    }
    position_ = position;
    return {};
  }
  Result<std::optional<std::string>> position() override {
    std::lock_guard lock(mutex_);
    return position_;
  }
  std::vector<std::string> records() {
    std::lock_guard lock(mutex_);
    return records_;
  }
  /// As if the process had died once so many records were there; 0: no more.
  void stop_after(std::size_t count) {
    std::lock_guard lock(mutex_);
    stop_after_ = count;
  }
  std::string last_position() { return position().value().value_or(""); }

 private:
  std::mutex mutex_;
  std::vector<std::string> records_;
  std::optional<std::string> position_;
  std::size_t stop_after_ = 0;
};

class PostgresqlSourceTest : public PostgresqlTest {
 protected:
  void SetUp() override {
    PostgresqlTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    // The server ends the last test's stream some time after we have hung up.
    ASSERT_TRUE(eventually(
        [&] { return value("SELECT count(*) FROM pg_replication_slots WHERE active") == "0"; }));
    run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots; "
        "DROP PUBLICATION IF EXISTS leat_test");
  }
  void TearDown() override { stop(); }

  void start() {
    Settings settings = base_settings(postgresql_source_spec());
    settings.set("tables", std::vector<std::string>{"public.users"});
    settings.set("slot", std::string("leat_test"));
    for (const auto& [name, value] : set_) settings.set(name, value);
    auto made = make_postgresql_source(settings, {});
    ASSERT_TRUE(made) << made.error().message;
    source_ = std::move(*made);
    status_ = std::make_unique<SourceStatus>();
    ended_ = false;
    thread_ = std::jthread([this](std::stop_token stop) {
      result_ = source_->run(stop, topic_, *status_);
      ended_ = true;
    });
  }
  void stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }
  bool eventually(const std::function<bool()>& holds, int seconds = 30) {
    constexpr std::chrono::milliseconds tick{10};
    for (int tries = 0; tries < patience(std::chrono::seconds(seconds)) / tick; ++tries) {
      if (holds()) return true;
      std::this_thread::sleep_for(tick);
    }
    return holds();
  }
  /// The records after the first `skipped`, once there are so many.
  std::vector<std::string> records(std::size_t count, std::size_t skipped = 0) {
    EXPECT_TRUE(eventually([&] { return topic_.records().size() >= skipped + count; }))
        << "there are " << topic_.records().size() << "; " << status_->last_error();
    std::vector<std::string> all = topic_.records();
    all.erase(all.begin(),
              all.begin() + static_cast<std::ptrdiff_t>(std::min(skipped, all.size())));
    return all;
  }
  bool is_streaming() {
    return eventually([&] { return status_->state() == "streaming" || ended_; }) && !ended_;
  }

  /// What the records leave of each key.
  std::map<std::string, std::string> latest() {
    std::map<std::string, std::string> rows;
    for (const std::string& record : topic_.records()) {
      const std::size_t space = record.find("} ") + 1;
      const std::string key = record.substr(0, space), value = record.substr(space + 1);
      if (value == "gone") {
        rows.erase(key);
      } else {
        rows[key] = value;
      }
    }
    return rows;
  }

  Topic topic_;
  std::map<std::string, Settings::Value> set_;
  std::unique_ptr<LiveSource> source_;
  std::unique_ptr<SourceStatus> status_;
  std::atomic<bool> ended_{false};
  Status result_;
  std::jthread thread_;
};

TEST_F(PostgresqlSourceTest, ReadsTheTableAndFollowsItsChanges) {
  run("CREATE TABLE users (id integer PRIMARY KEY, name text); "
      "INSERT INTO users VALUES (2, 'two'), (1, 'one')");
  start();
  EXPECT_THAT(records(2), ElementsAre(R"({"id":1} {"id":1,"name":"one"})",
                                      R"({"id":2} {"id":2,"name":"two"})"));
  run("INSERT INTO users VALUES (3, NULL); UPDATE users SET name = 'ONE' WHERE id = 1; "
      "DELETE FROM users WHERE id = 2; UPDATE users SET id = 4 WHERE id = 3");
  EXPECT_THAT(records(5, 2), ElementsAre(R"({"id":3} {"id":3,"name":null})",
                                         R"({"id":1} {"id":1,"name":"ONE"})", R"({"id":2} gone)",
                                         R"({"id":3} gone)", R"({"id":4} {"id":4,"name":null})"));
}

TEST_F(PostgresqlSourceTest, TellsWhatHappenedInAnEnvelope) {
  run("CREATE TABLE users (id integer PRIMARY KEY, name text); ALTER TABLE users REPLICA IDENTITY "
      "FULL; INSERT INTO users VALUES (1, 'one')");
  set_["form"] = std::string("envelope");
  start();
  ASSERT_TRUE(is_streaming());
  run("UPDATE users SET name = 'new'; DELETE FROM users; TRUNCATE users");
  const auto all = records(4);
  EXPECT_THAT(all[0], HasSubstr(R"({"op":"r","table":"public.users","before":null,)"
                                R"("after":{"id":1,"name":"one"},"lsn":")"));
  EXPECT_THAT(all[1], HasSubstr(R"({"op":"u","table":"public.users","before":{"id":1,)"
                                R"("name":"one"},"after":{"id":1,"name":"new"},"lsn":")"));
  EXPECT_THAT(all[1], testing::ContainsRegex(R"("transaction":[0-9]+,"at":"20[0-9-]+T[0-9:.]+Z")"));
  EXPECT_THAT(all[2], HasSubstr(R"("op":"d","table":"public.users","before":{"id":1,"name":"new"},)"
                                R"("after":null)"));
  EXPECT_THAT(all[3], testing::StartsWith(R"(- {"op":"t","table":"public.users")"));
}

TEST_F(PostgresqlSourceTest, GoesOnWhereItWasStopped) {
  run("CREATE TABLE users (id integer PRIMARY KEY, name text)");
  start();
  ASSERT_TRUE(is_streaming());
  run("INSERT INTO users VALUES (1, 'a')");
  records(1);
  stop();
  EXPECT_TRUE(result_);
  run("INSERT INTO users VALUES (2, 'b'); UPDATE users SET name = 'c' WHERE id = 1");
  start();
  EXPECT_THAT(records(2, 1),
              ElementsAre(R"({"id":2} {"id":2,"name":"b"})", R"({"id":1} {"id":1,"name":"c"})"));
}

TEST_F(PostgresqlSourceTest, TellsEachChangeOnceWhereverItIsBrokenOff) {
  run("CREATE TABLE users (id integer PRIMARY KEY, turn integer); "
      "INSERT INTO users SELECT n, 0 FROM generate_series(1, 9000) n");
  // In the snapshot, then in the middle of one large transaction. Changes go on meanwhile.
  topic_.stop_after(5000);
  start();
  ASSERT_TRUE(eventually([&] { return status_->failures > 0; }));
  stop();
  EXPECT_EQ(topic_.records().size(), 4000U);
  run("UPDATE users SET turn = 1 WHERE id IN (1, 8999); DELETE FROM users WHERE id IN (2, 8998); "
      "INSERT INTO users VALUES (0, 1), (9001, 1); UPDATE users SET id = 9002 WHERE id = 3; "
      "UPDATE users SET id = -1 WHERE id = 8997");
  topic_.stop_after(20'000);
  start();
  ASSERT_TRUE(is_streaming());
  run("UPDATE users SET turn = turn + 1 WHERE id > 0; UPDATE users SET turn = turn + 1");
  ASSERT_TRUE(eventually([&] { return status_->failures > 0; }));
  stop();
  topic_.stop_after(0);
  start();
  run("INSERT INTO users VALUES (10000, 1)");
  ASSERT_TRUE(eventually([&] { return latest().contains(R"({"id":10000})"); }));
  std::vector<std::string> expected, found;
  expected = rows("SELECT id || ' ' || turn FROM users");
  for (const auto& [key, value] : latest()) {
    const std::size_t comma = value.find(",\"turn\":");
    found.push_back(value.substr(6, comma - 6) + " " +
                    value.substr(comma + 8, value.size() - comma - 9));
  }
  std::ranges::sort(expected);
  std::ranges::sort(found);
  std::vector<std::string> missing, surplus;
  std::ranges::set_difference(expected, found, std::back_inserter(missing));
  std::ranges::set_difference(found, expected, std::back_inserter(surplus));
  EXPECT_THAT(missing, IsEmpty());
  EXPECT_THAT(surplus, IsEmpty());
  // No row and no change twice: the same value of a key follows itself nowhere.
  std::map<std::string, std::string> last;
  for (const std::string& record : topic_.records()) {
    const std::size_t space = record.find("} ") + 1;
    std::string& before = last[record.substr(0, space)];
    EXPECT_NE(before, record);
    before = record;
  }
}

TEST_F(PostgresqlSourceTest, AChangeDuringTheSnapshotIsToldOnce) {
  run("CREATE TABLE users (id integer PRIMARY KEY, turn integer); "
      "INSERT INTO users SELECT n, 0 FROM generate_series(1, 20000) n");
  std::jthread changing([&](std::stop_token stop) {
    auto connection = session();
    for (int i = 0; !stop.stop_requested(); ++i) {
      EXPECT_TRUE(connection.run(fmt::format("UPDATE users SET turn = turn + 1 WHERE id = {}; "
                                             "INSERT INTO users VALUES ({}, 0)",
                                             i % 20'000 + 1, 100'000 + i),
                                 {}));
    }
  });
  start();
  ASSERT_TRUE(is_streaming());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  changing.request_stop();
  changing.join();
  run("INSERT INTO users VALUES (0, 0)");
  ASSERT_TRUE(eventually([&] { return latest().contains(R"({"id":0})"); }));
  const auto now = latest();
  EXPECT_EQ(fmt::to_string(now.size()), value("SELECT count(*) FROM users"));
  // Every row once, and each turn of it once.
  std::map<std::string, int> seen;
  for (const std::string& record : topic_.records()) EXPECT_EQ(++seen[record], 1) << record;
}

TEST_F(PostgresqlSourceTest, LooksUpTheLargeValuesThatAreNotSent) {
  run("CREATE TABLE users (id integer PRIMARY KEY, name text, large text); ALTER TABLE users ALTER "
      "large SET STORAGE EXTERNAL; INSERT INTO users VALUES (1, 'a', repeat('x', 20000))");
  start();
  ASSERT_TRUE(is_streaming());
  run("UPDATE users SET name = 'b'");
  const auto all = records(1, 1);
  EXPECT_THAT(all[0], HasSubstr(R"("name":"b","large":"xxxx)"));
  EXPECT_GT(all[0].size(), 20'000U);
}

TEST_F(PostgresqlSourceTest, NoticesThatATableHasChanged) {
  run("CREATE TABLE users (id integer PRIMARY KEY, name text)");
  start();
  ASSERT_TRUE(is_streaming());
  run("INSERT INTO users VALUES (1, 'a'); ALTER TABLE users DROP name, ADD age integer, ADD tags "
      "text[]; INSERT INTO users VALUES (2, 20, '{a,b}')");
  EXPECT_THAT(records(2), ElementsAre(R"({"id":1} {"id":1,"name":"a"})",
                                      R"({"id":2} {"id":2,"age":20,"tags":["a","b"]})"));
}

TEST_F(PostgresqlSourceTest, ATableThatJoinsLaterIsReadFromItsBeginning) {
  run("CREATE TABLE users (id integer PRIMARY KEY); CREATE TABLE \"Orders\" (id integer, line "
      "integer, PRIMARY KEY (line, id)); INSERT INTO users VALUES (1); INSERT INTO \"Orders\" "
      "VALUES "
      "(7, 1)");
  start();
  records(1);
  stop();
  set_["tables"] = std::vector<std::string>{"users", "Orders"};
  start();
  EXPECT_THAT(records(1, 1), ElementsAre(R"({"id":7,"line":1} {"id":7,"line":1})"));
  ASSERT_TRUE(is_streaming());
  run("INSERT INTO \"Orders\" VALUES (8, 2); INSERT INTO users VALUES (2)");
  EXPECT_THAT(records(2, 2),
              ElementsAre(R"({"id":8,"line":2} {"id":8,"line":2})", R"({"id":2} {"id":2})"));
}

TEST_F(PostgresqlSourceTest, LosesNothingWhenTheServerDiesOrIsCutOff) {
  run("CREATE TABLE users (id serial PRIMARY KEY)");
  set_["timeout"] = std::int64_t{1000};
  set_["connect_timeout"] = std::int64_t{1000};
  start();
  ASSERT_TRUE(is_streaming());
  std::size_t count = 0;
  const std::pair<const char*, const char*> faults[] = {
      {"cut", "mend"}, {"freeze", "thaw"}, {"kill", "restart"}, {"stall", "mend"}};
  for (const auto& [harm, cure] : faults) {
    run("INSERT INTO users SELECT FROM generate_series(1, 1000)");
    const auto failures = status_->failures.load();
    EXPECT_EQ(server().command(harm), "ok");
    EXPECT_TRUE(eventually([&] { return status_->failures > failures; })) << harm;
    EXPECT_EQ(server().command(cure), "ok");
    count += 1000;
    EXPECT_EQ(records(count).size(), count) << harm;
  }
  std::map<std::string, int> seen;
  for (const std::string& record : topic_.records()) EXPECT_EQ(++seen[record], 1) << record;
}

TEST_F(PostgresqlSourceTest, TheServerIsToldWhatItNeedNotKeep) {
  run("CREATE TABLE users (id serial PRIMARY KEY); CREATE TABLE other (id integer)");
  start();
  ASSERT_TRUE(is_streaming());
  run("INSERT INTO users SELECT FROM generate_series(1, 10); INSERT INTO other SELECT n FROM "
      "generate_series(1, 10000) n");
  const std::string here = value("SELECT pg_current_wal_lsn()");
  EXPECT_TRUE(eventually([&] {
    return value("SELECT confirmed_flush_lsn >= '" + here + "' FROM pg_replication_slots") == "t";
  }));
}

TEST_F(PostgresqlSourceTest, ALostSlotStopsItOrReadsAgain) {
  run("CREATE TABLE users (id integer PRIMARY KEY); INSERT INTO users VALUES (1)");
  start();
  records(1);
  stop();
  run("SELECT pg_drop_replication_slot('leat_test'); INSERT INTO users VALUES (2)");
  start();
  ASSERT_TRUE(eventually([&] { return ended_.load(); }));
  EXPECT_EQ(result_.error().code, "slot-lost");
  set_["if_slot_lost"] = std::string("snapshot");
  stop();
  start();
  EXPECT_THAT(records(2, 1), ElementsAre(R"({"id":1} {"id":1})", R"({"id":2} {"id":2})"));
}

TEST_F(PostgresqlSourceTest, APublicationThatWasMadeAnewIsToldOfWithTheWaysOut) {
  run("CREATE TABLE users (id integer PRIMARY KEY); INSERT INTO users VALUES (1)");
  start();
  ASSERT_TRUE(is_streaming());
  run("INSERT INTO users VALUES (2)");
  records(2);
  stop();
  const auto renew = [&](int between) {
    run("DROP PUBLICATION leat_test");
    run(fmt::format("INSERT INTO users VALUES ({})", between));
    run("CREATE PUBLICATION leat_test FOR TABLE users");
  };
  renew(3);
  start();
  EXPECT_TRUE(eventually([&] { return status_->failures > 1; }));
  EXPECT_THAT(status_->last_error(), HasSubstr("if_slot_lost: snapshot"));
  EXPECT_FALSE(ended_);
  // Between two tries the slot is free.
  EXPECT_TRUE(eventually([&] {
    return value("SELECT count(*) FROM pg_replication_slots WHERE active") == "0" &&
           value(
               "SELECT count(pg_replication_slot_advance('leat_test', pg_current_wal_lsn())) "
               "FROM pg_replication_slots WHERE NOT active") == "1";
  }));
  run("INSERT INTO users VALUES (4)");
  EXPECT_THAT(records(1, 2), ElementsAre(R"({"id":4} {"id":4})"));
  stop();

  renew(5);
  set_["if_slot_lost"] = std::string("snapshot");
  start();
  EXPECT_THAT(records(5, 3), testing::SizeIs(5));
}

TEST_F(PostgresqlSourceTest, DropsSlotAndPublicationWhenAsked) {
  run("CREATE TABLE users (id integer PRIMARY KEY)");
  start();
  ASSERT_TRUE(is_streaming());
  stop();
  EXPECT_EQ(value("SELECT count(*) FROM pg_replication_slots"), "1");
  set_["drop_slot"] = true;
  start();
  ASSERT_TRUE(eventually([&] { return ended_.load(); }));
  EXPECT_TRUE(result_);
  EXPECT_EQ(value("SELECT (SELECT count(*) FROM pg_replication_slots) + count(*) FROM "
                  "pg_publication"),
            "0");
}

TEST_F(PostgresqlSourceTest, SaysWhatIsMissing) {
  run("CREATE TABLE users (id integer)");
  start();
  EXPECT_TRUE(eventually([&] { return status_->failures > 0; }));
  EXPECT_THAT(status_->last_error(), HasSubstr("no primary key"));
  run("ALTER TABLE users ADD PRIMARY KEY (id)");
  EXPECT_TRUE(is_streaming());
}

TEST_F(PostgresqlSourceTest, PollsARisingColumn) {
  run("CREATE TABLE users (id text PRIMARY KEY, changed integer); INSERT INTO users VALUES ('b', "
      "1), ('a', 1), ('z', 3), ('n', NULL)");
  Settings poll;
  poll.set("column", std::string("changed"));
  poll.set("every", std::int64_t{20});
  poll.set("delay", std::int64_t{0});
  poll.set("rows_max", std::int64_t{2});
  set_["poll"] = poll;
  start();
  EXPECT_THAT(records(3), ElementsAre(R"({"id":"a"} {"id":"a","changed":1})",
                                      R"({"id":"b"} {"id":"b","changed":1})",
                                      R"({"id":"z"} {"id":"z","changed":3})"));
  run("UPDATE users SET changed = 4 WHERE id = 'a'; INSERT INTO users VALUES ('zz', 3)");
  EXPECT_THAT(records(2, 3), UnorderedElementsAre(R"({"id":"zz"} {"id":"zz","changed":3})",
                                                  R"({"id":"a"} {"id":"a","changed":4})"));
  stop();
  run("INSERT INTO users VALUES ('c', 5)");
  start();
  EXPECT_THAT(records(1, 5), ElementsAre(R"({"id":"c"} {"id":"c","changed":5})"));
  EXPECT_THAT(rows("SELECT slot_name FROM pg_replication_slots"), IsEmpty());
}

TEST(PostgresqlSource, RefusesSettingsThatCanNeverWork) {
  const auto code = [](const char* name, Settings::Value value) {
    Settings settings = default_settings(postgresql_source_spec());
    settings.set("uri", std::string("postgresql://leat@127.0.0.1/leat"));
    settings.set("tables", std::vector<std::string>{"users"});
    settings.set("slot", std::string("fine"));
    settings.set(name, std::move(value));
    const auto made = make_postgresql_source(settings, {});
    return made ? "made" : made.error().code;
  };
  EXPECT_EQ(code("slot", std::string("fine_2")), "made");
  EXPECT_EQ(code("slot", std::string("Not fine")), "bad-slot");
  EXPECT_EQ(code("slot", std::string()), "bad-slot");
  EXPECT_EQ(code("tables", std::vector<std::string>{}), "bad-table");
  EXPECT_EQ(code("tables", std::vector<std::string>{"a.b.c"}), "bad-table");
  EXPECT_EQ(code("uri", std::string("http://x")), "bad-uri");
}

}  // namespace
}  // namespace leat::connector::postgresql

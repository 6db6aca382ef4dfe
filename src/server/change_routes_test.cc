#include "server/pipeline_changer.h"
#include "server/server_fixture.h"

namespace leat::server {
namespace {

using testing::HasSubstr;

/// Notes what it is asked for, and begins it.
class NotingChanger final : public PipelineChanger {
 public:
  Result<Begun> apply(std::vector<pipeline::SourceText> files, bool rebuild) override {
    files_ = std::move(files);
    rebuild_ = rebuild;
    if (refusal_) return std::unexpected(*refusal_);
    return begun();
  }
  Result<Begun> replay(const runtime::Replay& replay, bool rebuild) override {
    replay_ = replay;
    rebuild_ = rebuild;
    return begun();
  }
  Progress progress() const override {
    return {.number = 7,
            .state = "failed",
            .computed = 0.5,
            .failure = Error{Domain::user, "log-changed", "its log is another", false}};
  }

  std::vector<pipeline::SourceText> files_;
  runtime::Replay replay_;
  bool rebuild_ = false;
  std::optional<Error> refusal_;

 private:
  static Begun begun() {
    Begun begun{.plan = {}, .number = 7};
    begun.plan.nodes["view/totals"].fate = runtime::NodeChange::Fate::rebuilt;
    begun.plan.reasons["view/totals"] = {"another select"};
    return begun;
  }
};

class ChangeRoutesTest : public ServerTest {
 protected:
  ChangeRoutesTest() { options_.changer = &changer_; }
  TestResponse post(const std::string& path, const std::string& body) {
    return connect().post(path, body);
  }
  NotingChanger changer_;
};

TEST_F(ChangeRoutesTest, HandsTheFilesOnAndTellsThePlan) {
  start();
  const auto answer =
      post("/v1/pipeline", R"({"files": [{"file": "/a.yaml", "text": "pipeline: a"}]})");
  EXPECT_EQ(answer.status, 202);
  ASSERT_EQ(changer_.files_.size(), 1u);
  EXPECT_EQ(changer_.files_[0].file, "/a.yaml");
  EXPECT_EQ(changer_.files_[0].text, "pipeline: a");
  EXPECT_FALSE(changer_.rebuild_);
  const auto json = json_of(answer);
  EXPECT_EQ(json["change"], 7);
  EXPECT_EQ(json["plan"]["changes"], true);
  EXPECT_EQ(json["plan"]["nodes"][0].dump(),
            R"({"fate":"rebuilt","kind":"view","name":"totals","reasons":["another select"]})");
}

TEST_F(ChangeRoutesTest, ReplaysFromAnOffsetOrATime) {
  start();
  EXPECT_EQ(post("/v1/views/totals/replay", R"({"from": {"offset": 12}, "rebuild": true})").status,
            202);
  EXPECT_EQ(changer_.replay_.view, "totals");
  EXPECT_EQ(changer_.replay_.from_offset, Offset(12));
  EXPECT_TRUE(changer_.rebuild_);
  EXPECT_EQ(
      post("/v1/views/totals/replay", R"({"from": {"time": "1970-01-01T00:00:01.5Z"}})").status,
      202);
  EXPECT_EQ(changer_.replay_.from_time, TimestampMs{1500});
  EXPECT_FALSE(changer_.replay_.from_offset.has_value());
}

TEST_F(ChangeRoutesTest, RefusesWhatItCantRead) {
  start();
  for (const char* body :
       {"", "[]", "{}", R"({"files": []})", R"({"files": [{"file": 1, "text": ""}]})",
        R"({"files": [{"file": "/a.yaml", "text": ""}], "rebuild": "yes"})"}) {
    EXPECT_EQ(code_of(post("/v1/pipeline", body)), "bad-parameter") << body;
  }
  for (const char* body :
       {"{}", R"({"from": 3})", R"({"from": {"offset": -1}})", R"({"from": {"time": "soon"}})",
        R"({"from": {"offset": 1, "time": "1970-01-01T00:00:00Z"}})"}) {
    EXPECT_EQ(code_of(post("/v1/views/totals/replay", body)), "bad-parameter") << body;
  }
  EXPECT_TRUE(changer_.files_.empty());
}

TEST_F(ChangeRoutesTest, TellsHowItGoesAndWhyNot) {
  start();
  const auto progress = json_of(connect().get("/v1/pipeline/change"));
  EXPECT_EQ(progress.dump(),
            R"({"change":7,"error":{"code":"log-changed","message":"its log is another"},)"
            R"("state":"failed"})");
  changer_.refusal_ = Error{Domain::user, "pipeline-changed", "sink out has rows", false};
  const auto refused = post("/v1/pipeline", R"({"files": [{"file": "/a.yaml", "text": ""}]})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("sink out has rows"));
}

TEST_F(ChangeRoutesTest, WithoutAChangerNothingChanges) {
  options_.changer = nullptr;
  start();
  const auto answer = post("/v1/pipeline", R"({"files": [{"file": "/a.yaml", "text": ""}]})");
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(code_of(answer), "not-changeable");
  EXPECT_EQ(json_of(connect().get("/v1/pipeline/change"))["state"], "none");
}

/// The next server answers who connected before it was there.
TEST_F(ChangeRoutesTest, TheListenerOutlivesTheServer) {
  start();
  const auto port = server_->port();
  const int listener = server_->duplicate_listener();
  ASSERT_GE(listener, 0);
  server_->stop(std::chrono::milliseconds(1000));
  server_.reset();
  TestClient waiting(port);
  options_.listening_socket = listener;
  auto next = Server::start(engine_, options_);
  ASSERT_TRUE(next.has_value()) << next.error().message;
  server_ = std::move(*next);
  EXPECT_EQ(server_->port(), port);
  EXPECT_EQ(waiting.get("/healthz").status, 200);
}

}  // namespace
}  // namespace leat::server

#include "connector/object/object_store.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/default_settings_test.h"
#include "connector/digest.h"
#include "connector/object/location.h"
#include "connector/object/object_fixture.h"
#include "connector/object/s3_answer.h"
#include "connector/object/s3_signature.h"

namespace leat::connector::object {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// The same cases over a folder and over real stores.
class ObjectStoreTest : public ObjectTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override { set_up(GetParam()); }

  std::vector<std::string> keys(const std::string& prefix = "", const std::string& after = "",
                                std::size_t max = 10'000) {
    const auto listed = store().list(prefix, after, max, {});
    EXPECT_TRUE(listed) << listed.error().message;
    std::vector<std::string> keys;
    if (listed) std::ranges::transform(*listed, std::back_inserter(keys), &Object::key);
    return keys;
  }
  void put(const std::string& key, const std::string& content) {
    const auto done = store().put_if_absent(key, content, {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(*done) << key;
  }
  std::string read(const std::string& key, std::uint64_t offset = 0,
                   std::uint64_t length = 1u << 30) {
    const auto content = store().get(key, offset, length, {});
    EXPECT_TRUE(content) << content.error().message;
    return content.value_or("");
  }
  std::string local_file(const std::string& content) {
    const std::string path = scratch() + "/file";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
};

TEST_P(ObjectStoreTest, PutsWhatIsNotThereYet) {
  put("a/1.json", "first");
  EXPECT_EQ(read("a/1.json"), "first");
  EXPECT_EQ(store().put_if_absent("a/1.json", "second", {}), false);
  EXPECT_EQ(read("a/1.json"), "first");
}

TEST_P(ObjectStoreTest, ReadsAPart) {
  put("digits", "0123456789");
  EXPECT_EQ(read("digits", 2, 3), "234");
  EXPECT_EQ(read("digits", 8, 100), "89");
  EXPECT_EQ(read("digits", 10, 5), "");
}

TEST_P(ObjectStoreTest, SaysWhatIsMissing) {
  const auto content = store().get("nothing", 0, 10, {});
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, "object-missing");
}

TEST_P(ObjectStoreTest, ListsInOrderAndByPages) {
  for (const char* name : {"b/2", "a/x=1/3", "a/x=1/1", "a/x=10/1", "c"}) put(name, name);
  EXPECT_THAT(keys(), ElementsAre("a/x=1/1", "a/x=1/3", "a/x=10/1", "b/2", "c"));
  EXPECT_THAT(keys("a/x=1"), ElementsAre("a/x=1/1", "a/x=1/3", "a/x=10/1"));
  EXPECT_THAT(keys("", "a/x=1/3"), ElementsAre("a/x=10/1", "b/2", "c"));
  EXPECT_THAT(keys("", "", 2), ElementsAre("a/x=1/1", "a/x=1/3"));
  const auto listed = store().list("c", "", 1, {});
  ASSERT_THAT(*listed, SizeIs(1));
  EXPECT_EQ((*listed)[0].bytes, 1u);
  EXPECT_NEAR(static_cast<double>((*listed)[0].modified_ms),
              static_cast<double>(system_clock().now_ms()), 60'000);
}

TEST_P(ObjectStoreTest, KeepsNamesAsTheyAre) {
  const std::vector<std::string> names = {"a b/c+d", "a&b='\"<>", "name=%2F", "straße/über",
                                          "~-._"};
  for (const std::string& name : names) put(name, name);
  EXPECT_THAT(keys(), testing::UnorderedElementsAreArray(names));
  for (const std::string& name : names) EXPECT_EQ(read(name), name);
}

TEST_P(ObjectStoreTest, RemovesAndIsContentWithNothing) {
  put("a", "1");
  EXPECT_TRUE(store().remove("a", {}));
  EXPECT_TRUE(store().remove("a", {}));
  EXPECT_THAT(keys(), IsEmpty());
}

TEST_P(ObjectStoreTest, ShowsWhatIsStagedOnceItIsPublished) {
  const std::string content(20u << 20, 'x');  // several parts
  const auto token = store().stage("d/big", local_file(content + "end"), {});
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_THAT(keys(), IsEmpty());
  EXPECT_EQ(store().publish("d/big", *token, {}), true);
  EXPECT_THAT(keys(), ElementsAre("d/big"));
  EXPECT_EQ(sha256(read("d/big")), sha256(content + "end"));
  EXPECT_EQ(store().publish("d/big", *token, {}), true) << "again, as after a crash";
}

TEST_P(ObjectStoreTest, StagesAnEmptyFile) {
  const auto token = store().stage("empty", local_file(""), {});
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(store().publish("empty", *token, {}), true);
  EXPECT_EQ(read("empty"), "");
}

TEST_P(ObjectStoreTest, DiscardsWhatIsStagedUnderAName) {
  const auto ours = store().stage("p=1/ours-1", local_file("1"), {});
  const auto theirs = store().stage("p=1/theirs-1", local_file("2"), {});
  ASSERT_TRUE(ours && theirs);
  if (std::string(GetParam()) == "minio") return;  // it lists uploads by their whole key alone
  ASSERT_TRUE(store().discard_staged("ours-", {}));
  EXPECT_EQ(store().publish("p=1/ours-1", *ours, {}), false);
  EXPECT_EQ(store().publish("p=1/theirs-1", *theirs, {}), true);
  EXPECT_THAT(keys(), ElementsAre("p=1/theirs-1"));
}

INSTANTIATE_TEST_SUITE_P(Places, ObjectStoreTest, testing::Values("folder", "s3", "minio"),
                         [](const auto& place) { return std::string(place.param); });

class S3Test : public ObjectTest {
 protected:
  void SetUp() override { set_up("s3"); }
  Error look_with(const std::string& name, const std::string& value) {
    Settings settings = this->settings();
    settings.set(name, value);
    const Location location = *read_location(settings, {});
    const Status looked = open_to_read(location, {})->look({});
    EXPECT_FALSE(looked);
    return looked ? Error{} : looked.error();
  }
};

TEST_F(S3Test, TellsAWrongKey) {
  const Error error = look_with("secret_key", "wrong");
  EXPECT_EQ(error.code, "object-refused");
  EXPECT_FALSE(error.retryable);
  EXPECT_THAT(error.message, HasSubstr("check `secret_key`"));
}

TEST_F(S3Test, TellsAMissingBucket) {
  const Error error = look_with("path", "s3://nowhere/x");
  EXPECT_EQ(error.code, "object-refused");
  EXPECT_THAT(error.message, HasSubstr("make the bucket"));
}

TEST_F(S3Test, AnOutagePasses) {
  const Error error = look_with("endpoint", "http://127.0.0.1:9");
  EXPECT_TRUE(error.retryable) << error.code;
}

TEST_F(S3Test, OnlyTrustsWhomItShould) {
  LEAT_NEED_SERVER(tls, "s3", {"--tls"});
  Settings settings = settings_of(tls);
  EXPECT_EQ(open_to_read(*read_location(settings, {}), {})->look({}).error().code, "tls-failed");
  Settings authority;
  authority.set("ca", tls.text("ca_file"));
  settings.set("tls", authority);
  const Status looked = open_to_read(*read_location(settings, {}), {})->look({});
  EXPECT_TRUE(looked) << looked.error().message;
}

/// The example that AWS publishes with all its intermediate steps ("GET Object").
TEST(S3SignatureTest, IsAsAmazonsExample) {
  S3Request request{.method = "GET",
                    .url = *parse_url("https://examplebucket.s3.amazonaws.com/test.txt"),
                    .path = "/test.txt",
                    .query = {{"prefix", "J"}, {"max-keys", "2"}},
                    .body = ""};
  request.path = "/";
  const auto header = s3_signature(
      request, {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""},
      "us-east-1", 1369353600000);
  EXPECT_THAT(header.back().second,
              HasSubstr("Signature="
                        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

/// A folder below the working directory, by its bare name.
class FolderByNameTest : public ObjectTest {
 protected:
  void SetUp() override {
    set_up("folder");
    std::filesystem::current_path(scratch());
  }
  void TearDown() override { std::filesystem::current_path(before_); }

 private:
  const std::filesystem::path before_ = std::filesystem::current_path();
};

TEST_F(FolderByNameTest, TakesFiles) {
  Settings named = settings();
  named.set("path", std::string("objects"));
  const auto store = *open_to_write(*read_location(named, {}), "_leat/t", {});
  EXPECT_EQ(store->put_if_absent("first", "text", {}), true);
  EXPECT_EQ(store->put_if_absent("a/second", "text", {}), true);
  EXPECT_TRUE(std::filesystem::is_regular_file(scratch() + "/objects/a/second"));
}

TEST(S3AnswerTest, RefusesWhatIsNoListing) {
  for (const char* text : {"", "<html></html>", "{}", "<ListBucketResult>"}) {
    EXPECT_FALSE(read_s3_listing(text)) << text;
  }
}

TEST(LocationTest, TakesCredentialsFromTheEnvironment) {
  Settings settings = default_settings(location_settings());
  settings.set("path", std::string("s3://lake/a/b/"));
  EXPECT_EQ(read_location(settings, {}, [](auto) { return std::nullopt; }).error().code,
            "missing-credentials");
  const auto location =
      read_location(settings, {}, [](std::string_view name) -> std::optional<std::string> {
        if (name == "AWS_ACCESS_KEY_ID") return "id";
        if (name == "AWS_SECRET_ACCESS_KEY") return "secret";
        if (name == "AWS_REGION") return "eu-central-1";
        return std::nullopt;
      });
  ASSERT_TRUE(location);
  EXPECT_EQ(location->s3.credentials.secret_key, "secret");
  EXPECT_EQ(location->s3.endpoint.host, "s3.eu-central-1.amazonaws.com");
  EXPECT_EQ(location->s3.prefix, "a/b/");
  EXPECT_FALSE(location->s3.bucket_in_path);
}

}  // namespace
}  // namespace leat::connector::object

#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "connector/default_settings_test.h"
#include "connector/object/location.h"
#include "connector/served_test_support.h"

namespace leat::connector::object {

/// A place for objects that begins empty: a folder, or a prefix of its own in a real store. A store
/// is started once for all tests of the program.
class ObjectTest : public testing::Test {
 protected:
  /// `place`: "folder", or the name of a server. Skips the test where that can't be had.
  void set_up(const std::string& place) {
    scratch_ = (std::filesystem::temp_directory_path() / "leat-object-XXXXXX").string();
    ASSERT_NE(::mkdtemp(scratch_.data()), nullptr);
    settings_ = default_settings(location_settings());
    if (place == "folder") {
      settings_.set("path", scratch_ + "/objects");
    } else {
      static std::map<std::string, ServedServer::Started> servers;
      auto [found, added] = servers.try_emplace(place, nullptr);
      if (added) found->second = ServedServer::start(place);
      if (!found->second && found->second.error().unavailable) {
        GTEST_SKIP() << found->second.error().message;
      }
      if (!found->second) FAIL() << found->second.error().message;
      server_ = found->second->get();
      settings_ = settings_of(*server_);
    }
  }

  /// With a prefix of its own in the server's bucket.
  static Settings settings_of(const ServedServer& server) {
    static int prefixes = 0;
    Settings settings = default_settings(location_settings());
    settings.set("path", fmt::format("s3://{}/test {}", server.text("bucket"), ++prefixes));
    settings.set("endpoint", server.text("url"));
    settings.set("access_key", server.json()["environment"].value("S3_KEY", ""));
    settings.set("secret_key", server.json()["environment"].value("S3_SECRET", ""));
    settings.set("timeout", std::int64_t{5000});
    return settings;
  }

  ~ObjectTest() override {
    store_.reset();
    if (!scratch_.empty()) std::filesystem::remove_all(scratch_);
  }

  ObjectStore& store() {
    if (store_ == nullptr) store_ = *open_to_write(*read_location(settings_, {}), "_leat/t", {});
    return *store_;
  }
  const Settings& settings() const { return settings_; }
  const std::string& scratch() const { return scratch_; }
  ServedServer& server() { return *server_; }

 private:
  std::string scratch_;
  Settings settings_;
  ServedServer* server_ = nullptr;
  std::unique_ptr<ObjectStore> store_;
};

}  // namespace leat::connector::object

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "server/client_for_test.h"
#include "server/engine_for_test.h"
#include "server/server.h"

namespace leat::server {

/// A server over a TestEngine on a free port. Options can be changed before `start`.
class ServerTest : public testing::Test {
 protected:
  void start() {
    options_.port = 0;
    options_.version = "1.2.3";
    auto started = Server::start(engine_, options_);
    ASSERT_TRUE(started.has_value()) << started.error().message;
    server_ = std::move(*started);
  }
  TestClient connect() { return TestClient(server_->port()); }

  static nlohmann::json json_of(const TestResponse& response) {
    return nlohmann::json::parse(response.body, nullptr, false);
  }
  static std::string code_of(const TestResponse& response) {
    const auto json = json_of(response);
    if (!json.is_object() || !json.contains("error")) return "no error: " + response.body;
    return json["error"]["code"].get<std::string>();
  }

  TestEngine engine_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
};

}  // namespace leat::server

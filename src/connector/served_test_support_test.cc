// What tests against real servers lean on: faults on command, an end without traces, a reason to
// skip.
#include "connector/served_test_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <gmock/gmock.h>

namespace leat {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// Whether somebody listens at the first address that the server told.
bool takes_connections(const ServedServer& server) {
  const std::string address = server.json().at("addresses").at(0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool taken = ::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  ::close(socket);
  return taken;
}

TEST(ServedServer, ObeysVerbs) {
  LEAT_NEED_SERVER(postgresql, "postgresql", {"--auth"});
  EXPECT_THAT(postgresql.text("uri"), StartsWith("postgresql://leat:"));
  EXPECT_TRUE(takes_connections(postgresql));
  EXPECT_EQ(postgresql.command("kill"), "ok");
  EXPECT_FALSE(takes_connections(postgresql));
  EXPECT_EQ(postgresql.command("restart"), "ok");
  EXPECT_TRUE(takes_connections(postgresql));
  EXPECT_EQ(postgresql.command("cut"), "ok");
  EXPECT_FALSE(takes_connections(postgresql));
  EXPECT_EQ(postgresql.command("mend"), "ok");
  EXPECT_TRUE(takes_connections(postgresql));
  EXPECT_THAT(postgresql.command("kill 2"), HasSubstr("there is no node 2"));
}

TEST(ServedServer, LeavesNothing) {
  std::string folder;
  pid_t pid = 0;
  {
    LEAT_NEED_SERVER(postgresql, "postgresql");
    folder = postgresql.text("folder");
    pid = postgresql.json().at("pids").at(0).get<pid_t>();
    ASSERT_TRUE(std::filesystem::exists(folder));
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(ServedServer, SaysWhyItDidNotStart) {
  const auto none = ServedServer::start("postgresql", {"--nodes", "7"});
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().message, HasSubstr("did not start"));
}

}  // namespace
}  // namespace leat

#include "cellmon/cli/campaign/injection.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "cellmon/wire/local_socket.h"

namespace hive::cli {
namespace {

using ::testing::HasSubstr;

/// What comes of a fault where the monitor answers its one request with ANSWER, or hangs up where
/// it has none and LEAVES.
Injection injection(const std::string& answer, bool leaves = false) {
  const wire::CellAddress address{::geteuid(), "injection-" + std::to_string(::getpid()), "alpha"};
  const UniqueFd listener = wire::listen_abstract(wire::socket_name(address), SOCK_STREAM);
  auto client = RpcClient::connect(address);
  std::thread monitor([&] {
    UniqueFd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::array<char, 4096> request{};
    (void)::recv(connection.get(), request.data(), request.size(), 0);
    if (leaves) return;
    (void)::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    (void)::recv(connection.get(), request.data(), request.size(), 0);
  });
  campaign::Draw drawn;
  drawn.fault = "vmm-kill";
  drawn.cell = "alpha";
  const Injection made = inject(client.value(), drawn, Milliseconds(answer.empty() ? 300 : 60'000));
  client.reset();
  monitor.join();
  return made;
}

TEST(Injection, IsRefusedByAnErrorWithItsRequestsId) {
  const Injection refused =
      injection(R"({"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no VMM"}})"
                "\n");
  EXPECT_TRUE(refused.is_certain);
  EXPECT_THAT(refused.refusal, HasSubstr("no VMM"));
}

TEST(Injection, IsDoneOnceTheMonitorSaysSo) {
  const Injection done = injection(R"({"jsonrpc":"2.0","id":1,"result":{}})"
                                   "\n");
  EXPECT_TRUE(done.is_certain);
  EXPECT_EQ(done.refusal, "");
}

TEST(Injection, MayBeDoneByAMonitorThatSaysNothing) {
  for (const bool leaves : {false, true}) {
    const Injection open = injection("", leaves);
    EXPECT_FALSE(open.is_certain);
    EXPECT_EQ(open.refusal, "");
  }
}

TEST(Injection, MayBeDoneWhereTheMonitorDoesNotKnow) {
  const Injection open =
      injection(R"({"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"no answer"}})"
                "\n");
  EXPECT_FALSE(open.is_certain);
  EXPECT_EQ(open.refusal, "");
}

TEST(Injection, MayBeDoneWhereAnErrorIsOfTheConnection) {
  const Injection open =
      injection(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"too long"}})"
                "\n");
  EXPECT_FALSE(open.is_certain);
  EXPECT_EQ(open.refusal, "");
}

}  // namespace
}  // namespace hive::cli

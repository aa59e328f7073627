#include "cellmon/cli/rpc_client.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "cellmon/wire/local_socket.h"

namespace hive::cli {
namespace {

using ::testing::HasSubstr;

TEST(RpcClient, ReachesAMonitorOrTellsThatItIsGone) {
  const wire::CellAddress address{::geteuid(), "reach-" + std::to_string(::getpid()), "alpha"};
  UniqueFd listener = wire::listen_abstract(wire::socket_name(address), SOCK_STREAM);
  EXPECT_EQ(RpcClient::reach(address).peer_pid(), ::getpid());
  listener.reset();
  try {
    (void)RpcClient::reach(address);
    FAIL() << "somebody listens";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(address.full_name() + ": its monitor is gone"));
  }
}

}  // namespace
}  // namespace hive::cli

// What a monitor tells its VMM of siblings, as long as it tells it.
#include "cellmon/control/vsock/vmm_vsock_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <thread>

namespace hive::control {
namespace {

/// Both timers have expired before the loop looks at them; the first one's handler ends the link,
/// whose handler is next.
TEST(VmmVsockLink, EndsWhileItIsAboutToTryAgain) {
  boost::asio::io_context loop;
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
            0);
  const UniqueFd vmm(ends[1]);
  VmmVsockLink::Handlers handlers;
  handlers.on_malformed = [] {};
  auto link = std::make_unique<VmmVsockLink>(loop, UniqueFd(ends[0]), std::move(handlers));
  boost::asio::steady_timer first(loop, VmmVsockLink::kRetry / 2);
  bool ended = false;
  first.async_wait([&](const auto& /*error*/) {
    link.reset();
    ended = true;
  });
  // It does not read, and is told until there is no room.
  for (Incarnation life = 1; life < 2000; ++life) link->tell(1, {life, true});
  std::this_thread::sleep_for(2 * VmmVsockLink::kRetry);
  loop.run_for(std::chrono::minutes(1));  // Nothing is left to do once the link has ended.
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace hive::control

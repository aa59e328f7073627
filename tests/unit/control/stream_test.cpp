// A stream whose other end leaves at the worst moment.
#include "cellmon/control/stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <string_view>

namespace hive::control {
namespace {

TEST(Stream, OutlivesAPeerThatIsGoneWhenItWrites) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const auto before = ::signal(SIGPIPE, SIG_DFL);
  boost::asio::io_context loop;
  int closed = 0;
  Stream stream(loop, UniqueFd(ends[0]), 100,
                {.on_data = [](std::string_view) {}, .on_closed = [&closed] { ++closed; }});
  ::close(ends[1]);
  EXPECT_TRUE(stream.write("news"));
  loop.run();
  EXPECT_EQ(closed, 1);
  ::signal(SIGPIPE, before);
}

}  // namespace
}  // namespace hive::control

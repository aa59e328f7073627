#include "cellmon/wire/packet_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/run_until.h"

namespace hive::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A socket with packets of 8 bytes at most, and the other end of it.
class PacketSocketTest : public testing::Test {
 protected:
  PacketSocketTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
              0);
    other_.reset(ends[1]);
    socket_.emplace(loop_, UniqueFd(ends[0]), 8,
                    PacketSocket::Handlers{
                        [this](std::string_view packet, const std::vector<UniqueFd>& /*files*/) {
                          packets_.emplace_back(packet);
                          if (packet == "hold") socket_->hold();
                        },
                        [this] { ++overlong_; }, [this] { closed_ = true; }});
  }

  void write(std::string_view packet) const {
    EXPECT_EQ(::send(other_.get(), packet.data(), packet.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(packet.size()));
  }

  /// Does all that there is to do.
  void settle() {
    loop_.run_for(std::chrono::milliseconds(20));
    loop_.restart();
  }

  boost::asio::io_context loop_{1};
  std::optional<PacketSocket> socket_;
  UniqueFd other_;
  std::vector<std::string> packets_;
  int overlong_ = 0;
  bool closed_ = false;
};

TEST_F(PacketSocketTest, HandsOverWholePacketsInTheirOrder) {
  write("one");
  write("far too long");
  write("two");
  test::run_until(loop_, [&] { return packets_.size() == 2; });
  EXPECT_THAT(packets_, ElementsAre("one", "two"));
  EXPECT_EQ(overlong_, 1);
}

TEST_F(PacketSocketTest, LeavesPacketsUnreadWhileItIsHeld) {
  socket_->hold();
  write("one");
  write("two");
  settle();
  EXPECT_THAT(packets_, IsEmpty());
  socket_->resume();
  socket_->resume();
  test::run_until(loop_, [&] { return packets_.size() == 2; });
  EXPECT_THAT(packets_, ElementsAre("one", "two"));
}

TEST_F(PacketSocketTest, CanBeHeldByWhatItHandsOver) {
  write("hold");
  write("two");
  settle();
  EXPECT_THAT(packets_, ElementsAre("hold"));
  socket_->resume();
  test::run_until(loop_, [&] { return packets_.size() == 2; });
}

TEST_F(PacketSocketTest, HearsOfTheEndOnceItIsHeldNoMore) {
  socket_->hold();
  write("last");
  other_.reset();
  settle();
  EXPECT_FALSE(closed_);
  socket_->resume();
  test::run_until(loop_, [&] { return closed_; });
  EXPECT_THAT(packets_, ElementsAre("last"));
  socket_->resume();
  settle();
}

TEST_F(PacketSocketTest, MayEndWhileItIsHeld) {
  socket_->hold();
  write("one");
  settle();
  socket_.reset();
  settle();
  EXPECT_THAT(packets_, IsEmpty());
}

}  // namespace
}  // namespace hive::wire

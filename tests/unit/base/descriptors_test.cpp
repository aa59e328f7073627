#include "vmm/base/descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace hive {
namespace {

std::pair<UniqueFd, UniqueFd> packet_sockets() {
  std::array<int, 2> ends{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

constexpr std::array<std::byte, 3> kBytes{std::byte{1}, std::byte{2}, std::byte{3}};

TEST(Descriptors, ArriveWithTheirPacketClosedOnExec) {
  const auto [near, far] = packet_sockets();
  const std::array<int, 2> sent{near.get(), far.get()};
  ASSERT_EQ(send_with_files(near.get(), kBytes, sent), 0);
  std::array<std::byte, 8> buffer{};
  const ReceivedPacket packet = receive_with_files(far.get(), buffer);
  EXPECT_EQ(packet.size, 3);
  EXPECT_TRUE(packet.whole);
  EXPECT_EQ(buffer[2], std::byte{3});
  ASSERT_EQ(packet.files.size(), 2U);
  for (const UniqueFd& each : packet.files) {
    EXPECT_EQ(::fcntl(each.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  }
}

TEST(Descriptors, PacketThatIsTooLongIsNotWhole) {
  const auto [near, far] = packet_sockets();
  ASSERT_EQ(send_with_files(near.get(), kBytes, {}), 0);
  std::array<std::byte, 2> buffer{};
  const ReceivedPacket packet = receive_with_files(far.get(), buffer);
  EXPECT_EQ(packet.size, 2);
  EXPECT_FALSE(packet.whole);
}

TEST(Descriptors, NothingToReceiveIsSaidByErrno) {
  const auto [near, far] = packet_sockets();
  std::array<std::byte, 2> buffer{};
  EXPECT_EQ(receive_with_files(far.get(), buffer).size, -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(Descriptors, MoreThanAPacketMayCarryAreNotSent) {
  const auto [near, far] = packet_sockets();
  const std::vector<int> many(kMaxSentFiles + 1, near.get());
  EXPECT_EQ(send_with_files(near.get(), kBytes, many), EINVAL);
}

TEST(HighestNumbers, HaveRoomBelowABound) {
  EXPECT_EQ(highest_numbers(8, 100), 92);
  EXPECT_EQ(highest_numbers(8, 4), 0);
}

TEST(HighestNumbers, HaveRoomForEveryoneInOneProcess) {
  std::vector<UniqueFd> taken;
  for (int user = 0; user < 3; ++user) {
    const int least = highest_numbers(8);
    for (int i = 0; i < 8; ++i) taken.push_back(copy_fd(0, least));
  }
  EXPECT_LE(taken.back().get(), 4096 - 16);
}

}  // namespace
}  // namespace hive

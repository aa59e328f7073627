// Connections between a guest and programs on the host.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "tests/unit/device/vsock_talk.h"
#include "vmm/device/vsock/host_stream.h"

namespace hive::device::test {
namespace {

using vsock::Op;

class VsockHost : public testing::Test {
 protected:
  /// Connects the guest's port 1000 to the host's port 5000.
  void connect_host() {
    guest.send(packet(3, 1000, 2, 5000, Op::kRequest));
    ASSERT_EQ(cells.asked.size(), 1U);
    EXPECT_EQ(cells.asked[0].second, 5000U);
    auto [ours, theirs] = socket_pair();
    host = std::move(ours);
    guest.device->host_answer(cells.asked[0].first, std::move(theirs));
    const auto response = guest.take();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->header.op, Op::kResponse);
    EXPECT_EQ(response->header.buffer, vsock::HostStream::kBuffer);
  }
  std::string read_host() {
    std::string bytes(100'000, '\0');
    const ssize_t got = ::recv(host.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }

  VsockCells cells{1};
  VsockGuest& guest = *cells.guests[0];
  UniqueFd host;
};

TEST_F(VsockHost, ConnectsTheGuestToAProgram) {
  connect_host();
  guest.send(packet(3, 1000, 2, 5000, Op::kPayload, 4), "ping");
  EXPECT_EQ(read_host(), "ping");
  ASSERT_EQ(::send(host.get(), "pong", 4, 0), 4);
  const auto got = guest.take();
  ASSERT_TRUE(got);
  EXPECT_EQ(text(*got), "pong");
  EXPECT_EQ(got->header.source_cid, 2U);
}

TEST_F(VsockHost, RefusesWhereTheMonitorDoes) {
  guest.send(packet(3, 1000, 2, 5000, Op::kRequest));
  guest.device->host_answer(cells.asked[0].first, UniqueFd());
  EXPECT_EQ(guest.take()->header.op, Op::kReset);
  cells.host_answers = false;
  guest.send(packet(3, 1000, 2, 5000, Op::kRequest));
  EXPECT_EQ(guest.take()->header.op, Op::kReset);
  auto seqpacket = packet(3, 1000, 2, 5000, Op::kRequest);
  seqpacket.type = vsock::kSeqpacket;
  guest.send(seqpacket);
  EXPECT_EQ(guest.take()->header.op, Op::kReset);
  EXPECT_EQ(cells.asked.size(), 2U);
}

TEST_F(VsockHost, RefusesCallsWhoseSocketsTheLoopCannotWatch) {
  constexpr int kNone = 1 << 20;  // Stands for one that the kernel refuses to watch.
  guest.send(packet(3, 1000, 2, 5000, Op::kRequest));
  guest.device->host_answer(cells.asked[0].first, UniqueFd(kNone));
  const auto answer = guest.take();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header.op, Op::kReset);
  guest.device->host_call(22, UniqueFd(kNone));
  EXPECT_FALSE(guest.take());
  EXPECT_EQ(guest.device->guest_counters().host.connections, 0U);
}

TEST_F(VsockHost, CallsTheGuest) {
  auto [ours, theirs] = socket_pair();
  guest.device->host_call(22, std::move(theirs));
  const auto request = guest.take();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->header.op, Op::kRequest);
  EXPECT_EQ(request->header.target_port, 22U);
  ASSERT_EQ(::send(ours.get(), "hi", 2, 0), 2);
  EXPECT_FALSE(guest.take());  // Not before the guest has answered.
  guest.send(packet(3, 22, 2, request->header.source_port, Op::kResponse));
  EXPECT_EQ(text(*guest.take()), "hi");
  guest.send(packet(3, 22, 2, request->header.source_port, Op::kReset));
  char byte = 0;
  EXPECT_EQ(::recv(ours.get(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST_F(VsockHost, KeepsToTheGuestsCredit) {
  guest.send([] {
    auto request = packet(3, 1000, 2, 5000, Op::kRequest);
    request.buffer = 10;
    return request;
  }());
  auto [ours, theirs] = socket_pair();
  guest.device->host_answer(cells.asked[0].first, std::move(theirs));
  ASSERT_TRUE(guest.take());
  ASSERT_EQ(::send(ours.get(), "0123456789abcdef", 16, 0), 16);
  EXPECT_EQ(text(*guest.take()), "0123456789");
  EXPECT_EQ(guest.take()->header.op, Op::kCreditRequest);
  EXPECT_FALSE(guest.take());
  auto update = packet(3, 1000, 2, 5000, Op::kCreditUpdate);
  update.buffer = 10;
  update.forwarded = 10;
  guest.send(update);
  EXPECT_EQ(text(*guest.take()), "abcdef");
}

TEST_F(VsockHost, HoldsTheGuestToItsCredit) {
  connect_host();
  const std::string block(32'768, 'b');
  // The host's program reads nothing: its socket takes some, and 64 KiB may wait.
  std::optional<Packet> answer;
  int sent = 0;
  std::uint32_t forwarded = 0;
  for (; sent < 100 && (!answer || answer->header.op != Op::kReset); ++sent) {
    guest.send(packet(3, 1000, 2, 5000, Op::kPayload, 32'768), block);
    answer = guest.take();
    if (answer && answer->header.op == Op::kCreditUpdate) forwarded = answer->header.forwarded;
  }
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header.op, Op::kReset);
  EXPECT_GT(static_cast<unsigned>(sent) * 32'768U, forwarded + vsock::HostStream::kBuffer);
}

TEST_F(VsockHost, TellsTheGuestOfRoomOnceTheProgramHasRead) {
  connect_host();
  guest.send(packet(3, 1000, 2, 5000, Op::kPayload, 32'768), std::string(32'768, 'b'));
  const auto update = guest.take();
  ASSERT_TRUE(update);
  EXPECT_EQ(update->header.op, Op::kCreditUpdate);
  EXPECT_EQ(update->header.forwarded, 32'768U);
}

TEST_F(VsockHost, EndsBothWaysInOrder) {
  connect_host();
  guest.send(packet(3, 1000, 2, 5000, Op::kPayload, 4), "last");
  auto shutdown = packet(3, 1000, 2, 5000, Op::kShutdown);
  shutdown.flags = vsock::kNoMoreSent;
  guest.send(shutdown);
  EXPECT_EQ(read_host(), "last");
  char byte = 0;
  EXPECT_EQ(::recv(host.get(), &byte, 1, MSG_DONTWAIT), 0);
  ASSERT_EQ(::send(host.get(), "bye", 3, 0), 3);
  EXPECT_EQ(text(*guest.take()), "bye");
  host.reset();
  const auto end = guest.take();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->header.op, Op::kShutdown);
  EXPECT_EQ(end->header.flags, vsock::kNoMoreSent | vsock::kNoMoreReceived);
  guest.send(packet(3, 1000, 2, 5000, Op::kReset));
  EXPECT_FALSE(guest.take());
}

TEST_F(VsockHost, AnswersAShutdownOfBothWaysByAReset) {
  connect_host();
  auto shutdown = packet(3, 1000, 2, 5000, Op::kShutdown);
  shutdown.flags = vsock::kNoMoreSent | vsock::kNoMoreReceived;
  guest.send(shutdown);
  EXPECT_EQ(guest.take()->header.op, Op::kReset);
  char byte = 0;
  EXPECT_EQ(::recv(host.get(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST_F(VsockHost, AnswersARequestForCredit) {
  connect_host();
  guest.send(packet(3, 1000, 2, 5000, Op::kCreditRequest));
  EXPECT_EQ(guest.take()->header.op, Op::kCreditUpdate);
}

/// How much the program behind HOST gets before the end of its stream.
std::size_t read_to_end(VsockGuest& guest, const UniqueFd& host) {
  std::size_t total = 0;
  std::string bytes(100'000, '\0');
  EXPECT_TRUE(guest.machine.run_until([&] {
    const ssize_t got = ::recv(host.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) total += static_cast<std::size_t>(got);
    return got == 0;
  }));
  return total;
}

/// Sends more than the socket to the program takes, and closes the guest's end. Returns how much.
std::size_t send_too_much(VsockGuest& guest) {
  const std::string block(32'768, 'b');
  std::size_t sent = 0;
  for (std::uint32_t forwarded = 0; sent - forwarded < block.size(); sent += block.size()) {
    guest.send(packet(3, 1000, 2, 5000, Op::kPayload, 32'768), block);
    while (const auto update = guest.take()) forwarded = update->header.forwarded;
  }
  auto shutdown = packet(3, 1000, 2, 5000, Op::kShutdown);
  shutdown.flags = vsock::kNoMoreSent | vsock::kNoMoreReceived;
  guest.send(shutdown);
  EXPECT_EQ(guest.take()->header.op, Op::kReset);
  return sent;
}

TEST_F(VsockHost, GivesAProgramAllThatAGuestHasSentThatIsGone) {
  connect_host();
  const std::size_t sent = send_too_much(guest);
  EXPECT_EQ(guest.device->guest_counters().host.connections, 0U);
  EXPECT_EQ(read_to_end(guest, host), sent);
  EXPECT_EQ(guest.device->guest_counters().host.cut, 0U);
}

TEST(VsockHostDraining, EndsWhenTheProgramDoesNotReadInTime) {
  VsockCells cells{1, 0, {.drain = std::chrono::milliseconds(40)}};
  VsockGuest& guest = *cells.guests[0];
  guest.send(packet(3, 1000, 2, 5000, Op::kRequest));
  auto [host, theirs] = socket_pair();
  guest.device->host_answer(cells.asked[0].first, std::move(theirs));
  ASSERT_TRUE(guest.take());
  const std::size_t sent = send_too_much(guest);
  ASSERT_TRUE(
      guest.machine.run_until([&] { return guest.device->guest_counters().host.cut == 1; }));
  EXPECT_LT(read_to_end(guest, host), sent);
}

}  // namespace
}  // namespace hive::device::test

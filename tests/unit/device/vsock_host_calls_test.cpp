// Calls between a guest and programs on the host that are not answered in time.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <utility>

#include "tests/unit/device/vsock_talk.h"
#include "vmm/device/vsock/host_connections.h"

namespace hive::device::test {
namespace {

using vsock::Op;

class VsockHostCalls : public testing::Test {
 protected:
  /// Waits for a reset, which comes in time, from PORT of the host.
  void expect_reset(std::uint32_t port) {
    ASSERT_TRUE(guest.machine.run_until([&] {
      guest.collect();
      return !guest.received.empty();
    }));
    EXPECT_EQ(guest.received.front().header.op, Op::kReset);
    EXPECT_EQ(guest.received.front().header.source_port, port);
    guest.received.clear();
  }

  VsockCells cells{1, 0, {.call = std::chrono::milliseconds(40)}};
  VsockGuest& guest = *cells.guests[0];
};

TEST_F(VsockHostCalls, EndWhenTheMonitorDoesNotAnswer) {
  guest.send(packet(3, 1000, 2, 5000, Op::kRequest));
  ASSERT_EQ(cells.asked.size(), 1U);
  expect_reset(5000);
  EXPECT_EQ(guest.device->guest_counters().host.expired, 1U);
  EXPECT_EQ(guest.device->guest_counters().host.connections, 0U);
  // An answer that comes after all reaches nobody, and no later call either.
  guest.send(packet(3, 1000, 2, 5000, Op::kRequest));
  auto [ours, theirs] = socket_pair();
  guest.device->host_answer(cells.asked[0].first, std::move(theirs));
  char byte = 0;
  EXPECT_EQ(::recv(ours.get(), &byte, 1, MSG_DONTWAIT), 0);
  expect_reset(5000);
}

TEST_F(VsockHostCalls, EndWhenTheGuestDoesNotAnswer) {
  auto [ours, theirs] = socket_pair();
  guest.device->host_call(22, std::move(theirs));
  const auto request = guest.take();
  ASSERT_TRUE(request);
  expect_reset(request->header.source_port);
  char byte = 0;
  EXPECT_EQ(::recv(ours.get(), &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(guest.device->guest_counters().host.expired, 1U);
}

TEST_F(VsockHostCalls, LeaveNoPlaceTakenByThoseThatWereNeverAnswered) {
  for (std::uint32_t port = 0; port < vsock::HostConnections::kMost; ++port) {
    guest.send(packet(3, port, 2, 5000, Op::kRequest));
    guest.send(packet(3, port, 2, 5000, Op::kReset));
  }
  ASSERT_TRUE(guest.machine.run_until([&] {
    guest.send(packet(3, 9000, 2, 5000, Op::kRequest));
    return cells.asked.back().first > vsock::HostConnections::kMost;
  }));
}

TEST_F(VsockHostCalls, StayOpenOnceAnswered) {
  UniqueFd ours;
  std::optional<Packet> answer;
  for (int tries = 0; tries < 100 && (!answer || answer->header.op != Op::kResponse); ++tries) {
    guest.received.clear();
    guest.send(packet(3, 1000, 2, 5000, Op::kRequest));
    auto [here, there] = socket_pair();
    ours = std::move(here);
    guest.device->host_answer(cells.asked.back().first, std::move(there));
    answer = guest.take();
  }
  ASSERT_TRUE(answer && answer->header.op == Op::kResponse);
  guest.send(packet(3, 1001, 2, 5000, Op::kRequest));
  expect_reset(5000);  // The other one: time has passed.
  ASSERT_EQ(::send(ours.get(), "hi", 2, 0), 2);
  EXPECT_EQ(text(*guest.take()), "hi");
}

}  // namespace
}  // namespace hive::device::test

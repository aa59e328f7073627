#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "tests/unit/device/vsock_talk.h"

namespace hive::device::test {
namespace {

using vsock::Op;
using namespace std::chrono_literals;

TEST(VsockDevice, TellsTheGuestItsAddress) {
  VsockCells cells(2);
  EXPECT_EQ(cells.guests[1]->driver->device<std::uint64_t>(0), 4U);
}

TEST(VsockDevice, CarriesAStreamBetweenSiblings) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  cells.guests[0]->send(packet(3, 1000, 4, 80, Op::kPayload, 5), "hello");
  const auto there = cells.guests[1]->take();
  ASSERT_TRUE(there);
  EXPECT_EQ(text(*there), "hello");
  EXPECT_EQ(there->header.source_cid, 3U);
  cells.guests[1]->send(packet(4, 80, 3, 1000, Op::kPayload, 5), "world");
  const auto back = cells.guests[0]->take();
  ASSERT_TRUE(back);
  EXPECT_EQ(text(*back), "world");
  const auto counters = cells.guests[0]->device->counters(1);
  ASSERT_TRUE(counters);
  EXPECT_EQ(counters->packets_out, 2U);
  EXPECT_EQ(counters->bytes_out, 5U);
  EXPECT_EQ(counters->packets_in, 2U);
  EXPECT_EQ(counters->bytes_in, 5U);
  EXPECT_EQ(counters->connections, 1U);
}

TEST(VsockDevice, SplitsWhatAReceiveBufferCannotTake) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  std::string sent(60'000, 'x');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>('a' + i % 23);
  cells.guests[0]->send(packet(3, 1000, 4, 80, Op::kPayload, 60'000), sent);
  std::string got;
  while (const auto part = cells.guests[1]->take()) {
    EXPECT_EQ(part->header.length, part->payload.size());
    got += text(*part);
  }
  EXPECT_EQ(got, sent);
}

TEST(VsockDevice, MarksOnlyTheLastPartOfAMessageAsItsEnd) {
  VsockCells cells(2);
  auto request = packet(3, 1000, 4, 80, Op::kRequest);
  request.type = vsock::kSeqpacket;
  cells.guests[0]->send(request);
  ASSERT_TRUE(cells.guests[1]->take());
  auto response = packet(4, 80, 3, 1000, Op::kResponse);
  response.type = vsock::kSeqpacket;
  cells.guests[1]->send(response);
  auto message = packet(3, 1000, 4, 80, Op::kPayload, 5000);
  message.type = vsock::kSeqpacket;
  message.flags = vsock::kEndOfMessage;
  cells.guests[0]->send(message, std::string(5000, 'm'));
  const auto first = cells.guests[1]->take();
  const auto second = cells.guests[1]->take();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->header.flags, 0U);
  EXPECT_EQ(first->payload.size(), 4096U);
  EXPECT_EQ(second->header.flags, vsock::kEndOfMessage);
  EXPECT_EQ(second->payload.size(), 904U);
}

/// How long it takes until the guest is told that its packet is done with.
std::chrono::nanoseconds time_until_told() {
  constexpr std::uint64_t kEventIndex = 1ULL << 29;
  VsockCells cells(2);
  VsockGuest& guest = *cells.guests[0];
  guest.driver->reset();
  guest.features |= kEventIndex;
  guest.start();
  const vsock::Header update = packet(3, 1000, 4, 80, Op::kCreditUpdate);
  (void)guest.machine.ram.write({VsockGuest::kTransmitArea}, std::as_bytes(std::span(&update, 1)));
  const auto start = std::chrono::steady_clock::now();
  guest.transmit.add(0, {{VsockGuest::kTransmitArea, 44}});
  guest.driver->kick(1);
  EXPECT_TRUE(guest.machine.run_until([&] { return guest.driver->interrupts(1) != 0; }));
  return std::chrono::steady_clock::now() - start;
}

TEST(VsockDevice, IsInNoHurryToTellOfPackets) { EXPECT_GE(time_until_told(), 10ms); }

TEST(VsockDevice, IsSoonerToTellADriverThatMayWaitForIt) {
  // On a host that is busy now and then.
  bool is_soon = false;
  for (int tries = 0; tries < 20 && !is_soon; ++tries) is_soon = time_until_told() < 90ms;
  EXPECT_TRUE(is_soon);
}

TEST(VsockDevice, ResetsItsConnectionsWhenTheGuestResetsTheDevice) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  cells.guests[0]->driver->reset();
  const auto reset = cells.guests[1]->take();
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->header.op, Op::kReset);
  EXPECT_EQ(reset->header.target_port, 80U);
  cells.guests[0]->start();
  connect(cells, 0, 1);
}

TEST(VsockDevice, LeavesRingsAloneWhilePaused) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  bool quiet = false;
  cells.guests[1]->machine.bridge.quiesce([&] { quiet = true; });
  cells.guests[1]->machine.settle();
  ASSERT_TRUE(quiet);
  cells.guests[0]->send(packet(3, 1000, 4, 80, Op::kPayload, 5), "hello");
  EXPECT_FALSE(cells.guests[1]->take());
  cells.guests[1]->machine.bridge.resume();
  const auto got = cells.guests[1]->take();
  ASSERT_TRUE(got);
  EXPECT_EQ(text(*got), "hello");
}

TEST(VsockDevice, AFullRingDelaysNobodyElse) {
  VsockCells cells(3);
  connect(cells, 0, 1);
  connect(cells, 0, 2);
  // Cell 1's guest takes nothing any more, but has promised much room.
  cells.guests[1]->offering = false;
  auto update = packet(4, 80, 3, 1000, Op::kCreditUpdate);
  update.buffer = 0x4000'0000;
  cells.guests[1]->send(update);
  ASSERT_TRUE(cells.guests[0]->take());
  const std::string block(60'000, 'b');
  for (int i = 0; i < 64; ++i) {
    cells.guests[0]->send(packet(3, 1000, 4, 80, Op::kPayload, 60'000), block);
  }
  cells.guests[0]->send(packet(3, 1000, 5, 80, Op::kPayload, 5), "hello");
  const auto got = cells.guests[2]->take();
  ASSERT_TRUE(got);
  EXPECT_EQ(text(*got), "hello");
  // All of it comes in the end.
  cells.guests[1]->offering = true;
  std::size_t total = 0;
  for (int round = 0; round < 200; ++round) {
    cells.settle();
    while (!cells.guests[1]->received.empty()) {
      total += cells.guests[1]->received.front().payload.size();
      cells.guests[1]->received.pop_front();
    }
  }
  EXPECT_EQ(total, 64 * block.size());
}

TEST(VsockDevice, ResetsAConnectionForWhoseDataThereIsNoRoom) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  cells.guests[1]->offering = false;
  auto update = packet(4, 80, 3, 1000, Op::kCreditUpdate);
  update.buffer = 0x4000'0000;
  cells.guests[1]->send(update);
  ASSERT_TRUE(cells.guests[0]->take());
  const std::string block(60'000, 'b');
  std::optional<Packet> reset;
  for (int i = 0; i < 400 && !reset; ++i) {
    cells.guests[0]->send(packet(3, 1000, 4, 80, Op::kPayload, 60'000), block);
    reset = cells.guests[0]->take();
  }
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->header.op, Op::kReset);
  EXPECT_EQ(cells.guests[0]->device->counters(1)->overflows, 1U);
  EXPECT_EQ(cells.guests[0]->device->counters(1)->connections, 0U);
}

TEST(VsockDevice, AnswersTheGuestsMalformedPackets) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  VsockGuest& guest = *cells.guests[0];
  const auto forged = packet(4, 1000, 4, 80, Op::kPayload, 0);
  guest.send(forged);
  guest.send_raw(std::as_bytes(std::span("short")));
  guest.send(packet(3, 1000, 4, 80, Op::kPayload, 99), "lies");
  EXPECT_FALSE(guest.take());
  EXPECT_FALSE(cells.guests[1]->take());
  guest.send(packet(3, 1000, 4, 80, Op{77}));
  EXPECT_EQ(guest.take()->header.op, Op::kReset);
  guest.send(packet(3, 1000, 99, 80, Op::kRequest));
  EXPECT_EQ(guest.take()->header.op, Op::kReset);
  EXPECT_FALSE(cells.guests[1]->take());
  EXPECT_EQ(guest.device->guest_counters().malformed, 4U);
}

/// Has cell 1 send five packets to cell 0, faster than its RATE lets it; how many come at once.
std::size_t send_too_fast(VsockCells& cells) {
  for (std::uint32_t port = 0; port < 5; ++port) {
    cells.guests[1]->send(packet(4, port, 3, 80, Op::kRequest));
  }
  cells.guests[0]->collect();
  return cells.guests[0]->received.size();
}

TEST(VsockDevice, HoldsASiblingToItsRateAndRestsMeanwhile) {
  std::optional<VsockCells> made(std::in_place, 2U, 20U);
  // More come at once where this process was kept waiting meanwhile.
  for (int tries = 1; send_too_fast(*made) != 2 && tries < 20; ++tries) made.emplace(2U, 20U);
  VsockCells& cells = *made;
  VsockGuest& guest = *cells.guests[0];
  EXPECT_EQ(guest.received.size(), 2U);
  EXPECT_EQ(guest.device->counters(1)->throttled, 1U);
  ASSERT_TRUE(guest.machine.run_until([&] {
    guest.collect();
    return guest.received.size() == 5;
  }));
  // What is left of an incarnation that is gone does not keep the loop busy.
  for (std::uint32_t port = 5; port < 10; ++port) {
    cells.guests[1]->send(packet(4, port, 3, 80, Op::kRequest));
  }
  guest.collect();
  guest.device->peer_up(1, 2);
  guest.collect();
  guest.machine.loop.restart();
  EXPECT_LT(guest.machine.loop.run_for(std::chrono::milliseconds(200)), 20U);
}

/// Has a packet held back for DELAY, and then its sender's next incarnation come. False where this
/// process was kept waiting for so long that the packet came first.
bool drop_what_is_held(std::chrono::microseconds delay) {
  VsockCells cells(2);
  VsockGuest& guest = *cells.guests[0];
  const auto delay_us = static_cast<std::uint32_t>(delay.count());
  guest.device->set_faults(1, {.delay = vsock::kPathFaultScale, .delay_us = delay_us});
  const auto start = std::chrono::steady_clock::now();
  cells.guests[1]->send(packet(4, 1, 3, 80, Op::kRequest));
  const bool is_held = !guest.take();
  if (!is_held && std::chrono::steady_clock::now() - start >= delay) return false;
  EXPECT_TRUE(is_held);
  guest.device->peer_up(1, 2);
  guest.machine.loop.restart();
  guest.machine.loop.run_for(3 * delay);
  EXPECT_FALSE(guest.take());
  return true;
}

TEST(VsockDevice, DropsWhatItHoldsOfAnIncarnationThatIsGone) {
  EXPECT_TRUE(drop_what_is_held(20ms) || drop_what_is_held(500ms) || drop_what_is_held(5000ms));
}

TEST(VsockDevice, DelaysWhatItIsToldToDelay) {
  VsockCells cells(2);
  VsockGuest& guest = *cells.guests[0];
  guest.device->set_faults(1, {.delay = vsock::kPathFaultScale, .delay_us = 20'000});
  const auto start = std::chrono::steady_clock::now();
  cells.guests[1]->send(packet(4, 1, 3, 80, Op::kRequest));
  ASSERT_TRUE(guest.machine.run_until([&] {
    guest.collect();
    return !guest.received.empty();
  }));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
  EXPECT_EQ(guest.device->counters(1)->faults, 1U);
  EXPECT_GE(guest.device->counters(1)->delay_us, 20'000U);
}

}  // namespace
}  // namespace hive::device::test

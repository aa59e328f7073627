#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "tests/unit/device/vsock_machine.h"
#include "vmm/device/vsock/host_stream.h"
#include "vmm/device/vsock/ring_mapping.h"

namespace hive::device::test {
namespace {

using vsock::Op;

std::string text(const Packet& packet) {
  return {reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size()};
}

/// Opens a connection from port 1000 of cell FROM to port 80 of cell TO.
void connect(VsockCells& cells, unsigned from, unsigned to) {
  VsockGuest& caller = *cells.guests[from];
  VsockGuest& callee = *cells.guests[to];
  caller.send(packet(caller.cid, 1000, callee.cid, 80, Op::kRequest));
  const auto request = callee.take();
  ASSERT_TRUE(request);
  ASSERT_EQ(request->header.op, Op::kRequest);
  callee.send(packet(callee.cid, 80, caller.cid, 1000, Op::kResponse));
  const auto response = caller.take();
  ASSERT_TRUE(response);
  ASSERT_EQ(response->header.op, Op::kResponse);
}

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

TEST(VsockDevice, ResetsWhatASiblingThatGoesHadOpen) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  cells.guests[0]->device->peer_down(1, 1);
  const auto reset = cells.guests[0]->take();
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->header.op, Op::kReset);
  EXPECT_EQ(reset->header.source_cid, 4U);
  EXPECT_EQ(reset->header.target_port, 1000U);
  // And what the old incarnation had sent last comes to nothing.
  cells.guests[1]->send(packet(4, 80, 3, 1000, Op::kPayload, 4), "late");
  EXPECT_FALSE(cells.guests[0]->take());
  EXPECT_EQ(cells.guests[0]->device->counters(1)->stale, 1U);
}

TEST(VsockDevice, CarriesOnWithANewIncarnation) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  cells.guests[1].reset();
  cells.guests[0]->device->peer_down(1, 1);
  cells.guests[1] = cells.make(1, 2);
  cells.guests[1]->device->peer_up(0, 1);
  // It calls before cell 0's VMM has heard of it: the call waits.
  cells.guests[1]->send(packet(4, 2000, 3, 80, Op::kRequest));
  ASSERT_EQ(cells.guests[0]->take()->header.op, Op::kReset);
  EXPECT_FALSE(cells.guests[0]->take());
  cells.guests[0]->device->peer_up(1, 2);
  const auto request = cells.guests[0]->take();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->header.op, Op::kRequest);
  connect(cells, 0, 1);
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
}

TEST(VsockDevice, HoldsASiblingToItsRateAndRestsMeanwhile) {
  VsockCells cells(2, 20);
  VsockGuest& guest = *cells.guests[0];
  for (std::uint32_t port = 0; port < 5; ++port) {
    cells.guests[1]->send(packet(4, port, 3, 80, Op::kRequest));
  }
  guest.collect();
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

TEST(VsockDevice, DropsWhatItHoldsOfAnIncarnationThatIsGone) {
  VsockCells cells(2);
  VsockGuest& guest = *cells.guests[0];
  guest.device->set_faults(1, {.delay = vsock::kPathFaultScale, .delay_us = 20'000});
  cells.guests[1]->send(packet(4, 1, 3, 80, Op::kRequest));
  EXPECT_FALSE(guest.take());
  guest.device->peer_up(1, 2);
  guest.machine.loop.restart();
  guest.machine.loop.run_for(std::chrono::milliseconds(60));
  EXPECT_FALSE(guest.take());
}

TEST(VsockDevice, DelaysWhatItIsToldToDelay) {
  VsockCells cells(2);
  VsockGuest& guest = *cells.guests[0];
  guest.device->set_faults(1, {.delay = vsock::kPathFaultScale, .delay_us = 20'000});
  cells.guests[1]->send(packet(4, 1, 3, 80, Op::kRequest));
  EXPECT_FALSE(guest.take());
  ASSERT_TRUE(guest.machine.run_until([&] {
    guest.collect();
    return !guest.received.empty();
  }));
  EXPECT_EQ(guest.device->counters(1)->faults, 1U);
}

/// A ring's file as a hostile VMM on either end of it sees it.
struct Spoiler {
  explicit Spoiler(const SharedRing& ring) : mapping(copy_fd(ring.file.get()), "ring") {}
  vsock::ProducerPage& producer() {
    return *reinterpret_cast<vsock::ProducerPage*>(mapping.base());
  }
  /// Appends HEAD, and says that BYTES have been appended.
  void append(const vsock::RecordHead& head, std::uint64_t bytes = vsock::kRecordUnit) {
    std::memcpy(
        mapping.base() + 2 * memory::kRingPageBytes + producer().produced % memory::kRingDataBytes,
        &head, sizeof head);
    producer().produced += bytes;
  }
  vsock::RingMapping mapping;
};

vsock::RecordHead nonsense() {
  vsock::RecordHead head;
  head.length = ~0U;
  return head;
}

/// Whether cell 1's guest reaches cell 0's.
void expect_call_from_1(VsockCells& cells) {
  cells.guests[1]->send(packet(4, 2000, 3, 80, Op::kRequest));
  cells.settle();
  const auto request = cells.guests[0]->take();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->header.op, Op::kRequest);
}

TEST(VsockDevice, MendsARingOnceANewIncarnationHasBegunWheneverTheBreakIsFound) {
  VsockCells cells(2);
  cells.guests[1].reset();
  Spoiler(cells.ring(1, 0)).append(nonsense());
  cells.guests[1] = cells.make(1, 2);
  cells.guests[1]->device->peer_up(0, 1);
  cells.guests[0]->device->peer_up(1, 2);  // Finds only now what the first has left.
  cells.settle();
  expect_call_from_1(cells);
  EXPECT_EQ(cells.guests[0]->device->counters(1)->malformed, 1U);
}

TEST(VsockDevice, TellsAProducerThatWaitsOfTheRoomThatMendingMakes) {
  VsockCells cells(2);
  cells.guests[1].reset();
  Spoiler(cells.ring(1, 0)).append(nonsense(), memory::kRingDataBytes);
  cells.guests[1] = cells.make(1, 2);
  cells.guests[1]->device->peer_up(0, 1);
  cells.settle();  // The ring is broken, and full for the producer.
  cells.guests[1]->send(packet(4, 2000, 3, 80, Op::kRequest));
  cells.settle();
  cells.guests[0]->device->peer_up(1, 2);
  cells.settle();
  const auto request = cells.guests[0]->take();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->header.op, Op::kRequest);
}

/// What cannot be mended costs nothing until something happens.
TEST(VsockDevice, RestsWhileTheProducerHasBegunWithNonsense) {
  VsockCells cells(2);
  Spoiler ring(cells.ring(1, 0));
  ring.append(nonsense());
  ASSERT_EQ(::eventfd_write(cells.ring(1, 0).data.get(), 1), 0);
  VsockGuest& guest = *cells.guests[0];
  guest.collect();
  EXPECT_GE(guest.device->counters(1)->malformed, 1U);
  guest.machine.loop.restart();
  EXPECT_LT(guest.machine.loop.run_for(std::chrono::milliseconds(20)), 10U);
}

TEST(VsockDevice, WaitsForNoIncarnationThatHasNotBegunTheRing) {
  VsockCells cells(2);
  cells.guests[1].reset();
  vsock::RecordHead head;
  head.from = 7;
  head.to = 1;
  Spoiler(cells.ring(1, 0)).append(head);
  cells.guests[1] = cells.make(1, 2);
  cells.guests[1]->device->peer_up(0, 1);
  cells.guests[0]->device->peer_up(1, 2);
  expect_call_from_1(cells);
  EXPECT_EQ(cells.guests[0]->device->counters(1)->stale, 1U);
}

TEST(VsockDevice, ReachesASiblingWhoseLastIncarnationHasSpoiledTheRingToIt) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  auto update = packet(4, 80, 3, 1000, Op::kCreditUpdate);
  update.buffer = 0x4000'0000;
  cells.guests[1]->send(update);
  ASSERT_TRUE(cells.guests[0]->take());
  const std::string block(60'000, 'b');  // More than a ring of it.
  for (int i = 0; i < 5; ++i) {
    cells.guests[0]->send(packet(3, 1000, 4, 80, Op::kPayload, 60'000), block);
    cells.settle();
  }
  cells.guests[1].reset();
  Spoiler(cells.ring(0, 1)).producer().produced += 1000 * vsock::kRecordUnit;
  cells.guests[1] = cells.make(1, 2);
  cells.guests[1]->device->peer_up(0, 1);
  cells.guests[0]->device->peer_up(1, 2);
  cells.settle();
  ASSERT_EQ(cells.guests[0]->take()->header.op, Op::kReset);
  cells.guests[0]->send(packet(3, 1000, 4, 80, Op::kRequest));
  cells.settle();
  const auto request = cells.guests[1]->take();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->header.op, Op::kRequest);
}

TEST(VsockDevice, HoldsASiblingToItsRateWithStaleRecordsToo) {
  VsockCells cells(2, 20);
  VsockGuest& guest = *cells.guests[0];
  guest.device->peer_down(1, 1);
  for (std::uint32_t port = 0; port < 8; ++port) {
    cells.guests[1]->send(packet(4, port, 3, 80, Op::kRequest));
  }
  guest.collect();
  EXPECT_LT(guest.device->counters(1)->stale, 8U);
  EXPECT_TRUE(guest.machine.run_until([&] { return guest.device->counters(1)->stale == 8; }));
}

TEST(VsockDevice, GivesANewConnectionNothingOfAnIncarnationThatIsGone) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  VsockGuest& guest = *cells.guests[0];
  guest.offering = false;
  // The second fills the last buffer, and is not done with that.
  for (int i = 0; i < 2; ++i) {
    cells.guests[1]->send(packet(4, 80, 3, 1000, Op::kPayload, 60'000), std::string(60'000, 'o'));
    guest.collect();
  }
  ASSERT_EQ(guest.received.size(), VsockGuest::kBuffers);
  guest.received.clear();
  cells.guests[1].reset();
  cells.guests[1] = cells.make(1, 2);
  cells.guests[1]->device->peer_up(0, 1);
  guest.device->peer_up(1, 2);
  guest.send(packet(3, 1000, 4, 80, Op::kRequest));
  guest.offering = true;
  for (std::uint16_t head = 0; head < VsockGuest::kBuffers; ++head) guest.offer(head);
  guest.driver->kick(0);
  const auto reset = guest.take();
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->header.op, Op::kReset);
  EXPECT_FALSE(guest.take());
}

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

}  // namespace
}  // namespace hive::device::test

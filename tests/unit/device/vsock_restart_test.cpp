// Siblings that end and start again, and what hostile ones leave in rings.
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <cstring>
#include <string>

#include "tests/unit/device/vsock_talk.h"
#include "vmm/device/vsock/ring_mapping.h"

namespace hive::device::test {
namespace {

using vsock::Op;

/// Begins incarnation 2 of cell 1, whose first one is over.
void restart_1(VsockCells& cells) {
  cells.guests[1] = cells.make(1, 2);
  cells.guests[1]->device->peer_up(0, 1);
}

void expect_request(VsockGuest& guest) {
  const auto request = guest.take();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->header.op, Op::kRequest);
}

TEST(VsockRestart, ResetsWhatASiblingThatGoesHadOpen) {
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

TEST(VsockRestart, CarriesOnWithANewIncarnation) {
  VsockCells cells(2);
  connect(cells, 0, 1);
  cells.guests[1].reset();
  cells.guests[0]->device->peer_down(1, 1);
  restart_1(cells);
  // It calls before cell 0's VMM has heard of it: the call waits.
  cells.guests[1]->send(packet(4, 2000, 3, 80, Op::kRequest));
  ASSERT_EQ(cells.guests[0]->take()->header.op, Op::kReset);
  EXPECT_FALSE(cells.guests[0]->take());
  cells.guests[0]->device->peer_up(1, 2);
  expect_request(*cells.guests[0]);
  connect(cells, 0, 1);
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
  expect_request(*cells.guests[0]);
}

TEST(VsockRestart, MendsARingOnceANewIncarnationHasBegunWheneverTheBreakIsFound) {
  VsockCells cells(2);
  cells.guests[1].reset();
  Spoiler(cells.ring(1, 0)).append(nonsense());
  restart_1(cells);
  cells.guests[0]->device->peer_up(1, 2);  // Finds only now what the first has left.
  cells.settle();
  expect_call_from_1(cells);
  EXPECT_EQ(cells.guests[0]->device->counters(1)->malformed, 1U);
}

TEST(VsockRestart, TellsAProducerThatWaitsOfTheRoomThatMendingMakes) {
  VsockCells cells(2);
  cells.guests[1].reset();
  Spoiler(cells.ring(1, 0)).append(nonsense(), memory::kRingDataBytes);
  restart_1(cells);
  cells.settle();  // The ring is broken, and full for the producer.
  cells.guests[1]->send(packet(4, 2000, 3, 80, Op::kRequest));
  cells.settle();
  cells.guests[0]->device->peer_up(1, 2);
  cells.settle();
  expect_request(*cells.guests[0]);
}

/// What cannot be mended costs nothing until something happens.
TEST(VsockRestart, RestsWhileTheProducerHasBegunWithNonsense) {
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

TEST(VsockRestart, WaitsForNoIncarnationThatHasNotBegunTheRing) {
  VsockCells cells(2);
  cells.guests[1].reset();
  vsock::RecordHead head;
  head.from = 7;
  head.to = 1;
  Spoiler(cells.ring(1, 0)).append(head);
  restart_1(cells);
  cells.guests[0]->device->peer_up(1, 2);
  expect_call_from_1(cells);
  EXPECT_EQ(cells.guests[0]->device->counters(1)->stale, 1U);
}

TEST(VsockRestart, ReachesASiblingWhoseLastIncarnationHasSpoiledTheRingToIt) {
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
  restart_1(cells);
  cells.guests[0]->device->peer_up(1, 2);
  cells.settle();
  ASSERT_EQ(cells.guests[0]->take()->header.op, Op::kReset);
  cells.guests[0]->send(packet(3, 1000, 4, 80, Op::kRequest));
  cells.settle();
  expect_request(*cells.guests[1]);
}

TEST(VsockRestart, HoldsASiblingToItsRateWithStaleRecordsToo) {
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

TEST(VsockRestart, GivesANewConnectionNothingOfAnIncarnationThatIsGone) {
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
  restart_1(cells);
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

}  // namespace
}  // namespace hive::device::test

// Links in memory: how they come about, how they end, and ends that lie in theirs.
#include <random>

#include "tests/unit/sdk/rpc_wire.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;

/// Both ends of a link that goes through memory; the caller's cell is 0, the callee's 1.
class RpcMemory : public ::testing::Test {
 protected:
  RpcMemory() {
    auto [near, far] = socket_pair();
    caller_ = end_of(std::move(near), 0, MemoryLink::Role::kCaller);
    callee_ = end_of(std::move(far), 1, MemoryLink::Role::kCallee);
    hive_rpc_frame header{};
    header.kind = HIVE_RPC_HELLO;
    const hive_rpc_hello hello = make_hello("test");
    send(*caller_, header, bytes_of(hello));
    EXPECT_EQ(receive(*callee_), Received::kFrame);
    header.kind = HIVE_RPC_WELCOME;
    const hive_rpc_welcome welcome{1, 0};
    send(*callee_, header, bytes_of(welcome));
    std::thread other([&] {
      Frame frame;
      while (!callee_->is_in_memory()) (void)callee_->receive(frame, Clock::now() + 10ms);
    });
    EXPECT_EQ(receive(*caller_), Received::kFrame);
    other.join();
    EXPECT_EQ(frame_.header.kind, HIVE_RPC_WELCOME);
    EXPECT_EQ(read_welcome(frame_.payload).features, 0U);
    EXPECT_TRUE(caller_->is_in_memory());
  }

  std::unique_ptr<MemoryLink> end_of(hive::UniqueFd socket, std::uint32_t cell,
                                     MemoryLink::Role role) {
    return std::make_unique<MemoryLink>(std::make_unique<SocketLink>(std::move(socket)),
                                        wire_.hub(cell), role);
  }
  static void send(Link& link, hive_rpc_frame header, ByteView payload = {}) {
    seal(header, payload);
    EXPECT_EQ(link.send(header, payload), Sent::kSent);
  }
  Received receive(Link& link, Clock::duration patience = kPatience) {
    return link.receive(frame_, Clock::now() + patience);
  }
  /// The ring that the caller sends through, where the made-up machine has it.
  hive_channel_ring& ring() {
    unsigned char* memory = wire_.cells().fake.memory(0);
    for (std::uint64_t page = 0; page < Cells::kPages - HIVE_SYSTEM_PAGES; ++page) {
      auto* found = reinterpret_cast<hive_channel_ring*>(memory + page * 4096 + kRingOffset);
      if (found->magic == HIVE_CHANNEL_MAGIC) return *found;
    }
    ADD_FAILURE() << "there is no ring";
    return *reinterpret_cast<hive_channel_ring*>(memory);
  }
  hive_channel_credit& credit() {
    return *reinterpret_cast<hive_channel_credit*>(reinterpret_cast<unsigned char*>(&ring()) -
                                                   kRingOffset);
  }
  /// Whether the callee's cell says that somebody sleeps until the caller sends.
  bool callee_waits() {
    const auto offset = static_cast<std::uint64_t>(reinterpret_cast<unsigned char*>(&ring()) -
                                                   wire_.cells().fake.memory(0)) +
                        offsetof(hive_channel_ring, produced);
    const auto* area = reinterpret_cast<const hive_system_area*>(
        wire_.cells().fake.memory(1) + (Cells::kPages - HIVE_SYSTEM_PAGES) * 4096);
    return load(&area->slots[hive_wait_slot_of(0, offset)].waiters) != 0;
  }

  Wire wire_{true};
  std::unique_ptr<MemoryLink> caller_;
  std::unique_ptr<MemoryLink> callee_;
  Frame frame_;
};

TEST_F(RpcMemory, CarriesFramesOfAnyLengthInOrder) {
  std::uint64_t id = 0;
  for (const std::size_t size : {0UL, 1UL, 1000UL, 32704UL, 32705UL, 131072UL, 1UL << 20}) {
    Bytes payload(size);
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<unsigned char>(i * 7 + size);
    std::thread sender([&] {
      send(*caller_, request(++id), payload);
      Frame none;
      // Passes on what the ring has no room for.
      while (caller_->wants_write()) (void)caller_->receive(none, Clock::now() + 10ms);
    });
    EXPECT_EQ(receive(*callee_), Received::kFrame) << size;
    sender.join();
    EXPECT_EQ(frame_.header.id, id);
    EXPECT_TRUE(frame_.payload == payload) << size;
  }
}

TEST_F(RpcMemory, RingsNobodyWhoIsAwake) {
  for (std::uint64_t id = 1; id <= 1000; ++id) {
    send(*caller_, request(id));
    EXPECT_EQ(callee_->receive(frame_, kNow), Received::kFrame);
  }
  EXPECT_EQ(wire_.cells().bells.rings(0), 0U);
  EXPECT_EQ(wire_.cells().bells.rings(1), 0U);
}

TEST_F(RpcMemory, WakesWhoSleeps) {
  for (std::uint64_t id = 1; id <= 20; ++id) {
    std::thread sender([&] {
      EXPECT_TRUE(eventually([&] { return callee_waits(); }));
      send(*caller_, request(id));
    });
    EXPECT_EQ(receive(*callee_), Received::kFrame);
    sender.join();
  }
  // But for those where it was just about to look without being woken.
  EXPECT_GE(wire_.cells().bells.rings(1), 10U);
}

TEST_F(RpcMemory, WakesWhoWaitsForMany) {
  const auto hub = wire_.hub(1);
  for (std::uint64_t id = 1; id <= 50; ++id) {
    const int bell = hub->rest().fd;
    ASSERT_GE(bell, 0);
    EXPECT_TRUE(callee_->arm(true));
    std::thread sender([&] { send(*caller_, request(id)); });
    pollfd polled{bell, POLLIN, 0};
    EXPECT_EQ(::poll(&polled, 1, 30000), 1);
    callee_->disarm();
    sender.join();
    EXPECT_TRUE(callee_->pending());
    EXPECT_FALSE(callee_->arm(true));
    callee_->disarm();
    EXPECT_EQ(callee_->receive(frame_, kNow), Received::kFrame);
  }
  const auto rings = wire_.cells().bells.rings(1);
  send(*caller_, request(51));
  EXPECT_EQ(wire_.cells().bells.rings(1), rings) << "a doorbell although nobody waits";
}

TEST_F(RpcMemory, IsFullWhenThePeerDoesNotRead) {
  const Bytes payload(60000);
  std::uint64_t id = 1;
  while (caller_->has_room()) send(*caller_, request(id++), payload);
  hive_rpc_frame header = request(id);
  seal(header, payload);
  EXPECT_EQ(caller_->send(header, payload), Sent::kFull);
  EXPECT_EQ(caller_->receive(frame_, Clock::now() + 10ms), Received::kTimeout);
  EXPECT_FALSE(caller_->can_flush());
  std::uint64_t got = 1;
  std::thread reader([&] {
    Frame frame;
    for (; got < id; ++got) {
      EXPECT_EQ(callee_->receive(frame, soon()), Received::kFrame);
      EXPECT_EQ(frame.header.id, got);
    }
  });
  while (caller_->wants_write()) EXPECT_EQ(receive(*caller_), Received::kRoom);
  reader.join();
}

TEST_F(RpcMemory, AWakeEndsOneWaitAndWaitsEndInTime) {
  EXPECT_EQ(receive(*caller_, 5ms), Received::kTimeout);
  caller_->wake();
  EXPECT_EQ(receive(*caller_), Received::kWoken);
  EXPECT_EQ(receive(*caller_, 5ms), Received::kTimeout);
  std::thread waker([&] {
    std::this_thread::sleep_for(20ms);
    caller_->wake();
  });
  EXPECT_EQ(receive(*caller_), Received::kWoken);
  waker.join();
}

TEST_F(RpcMemory, WhatWasSentComesBeforeTheEnd) {
  send(*caller_, request(1));
  caller_.reset();
  EXPECT_EQ(receive(*callee_), Received::kFrame);
  EXPECT_EQ(receive(*callee_), Received::kEnded);
}

TEST_F(RpcMemory, TheEndOfTheSocketEndsAWait) {
  std::thread closer([&] {
    std::this_thread::sleep_for(20ms);
    ::shutdown(caller_->fd(), SHUT_RDWR);
  });
  EXPECT_EQ(receive(*callee_), Received::kEnded);
  closer.join();
}

TEST_F(RpcMemory, FramesBesideTheRingBreakTheRules) {
  hive_rpc_frame header = request(1);
  seal(header, {});
  EXPECT_EQ(::send(caller_->fd(), &header, sizeof header, 0), 48);
  EXPECT_EQ(receive(*callee_), Received::kBroken);
}

TEST_F(RpcMemory, MemoryThatIsGoneEndsIt) {
  EXPECT_TRUE(callee_->is_same_peer());
  std::memset(wire_.cells().fake.memory(0), 0xff, Cells::kPages * 4096);
  EXPECT_FALSE(callee_->is_same_peer());
  EXPECT_EQ(receive(*callee_), Received::kEnded);
}

TEST_F(RpcMemory, AnotherIncarnationIsAnotherPeer) {
  EXPECT_TRUE(callee_->is_same_peer());
  auto* area = reinterpret_cast<hive_system_area*>(wire_.cells().fake.memory(0) +
                                                   (Cells::kPages - HIVE_SYSTEM_PAGES) * 4096);
  area->header.incarnation = 2;
  EXPECT_FALSE(callee_->is_same_peer());
}

TEST_F(RpcMemory, AnIndexThatMakesNoSenseBreaksIt) {
  store(&ring().produced, 0x10000000);
  EXPECT_EQ(receive(*callee_), Received::kBroken);
  EXPECT_EQ(receive(*callee_), Received::kBroken);
}

TEST_F(RpcMemory, AnIndexWithoutASessionDoesNotKeepAnyoneBusy) {
  send(*caller_, request(1));
  EXPECT_EQ(receive(*callee_), Received::kFrame);
  hive_channel_ring& found = ring();
  found.magic = 0;
  store(&found.produced, 4096);
  EXPECT_EQ(receive(*callee_), Received::kEnded);
}

TEST_F(RpcMemory, ACreditThatMakesNoSenseBreaksIt) {
  // Of what the callee sends, the caller's cell keeps the credit.
  send(*callee_, request(1));
  EXPECT_EQ(receive(*caller_), Received::kFrame);
  store(&credit().consumed, 0x7fffff00);
  const Bytes payload(60000);
  Sent sent = Sent::kSent;
  for (int i = 0; i < 10 && sent == Sent::kSent; ++i) {
    hive_rpc_frame header = request(2);
    seal(header, payload);
    sent = callee_->send(header, payload);
  }
  EXPECT_EQ(sent, Sent::kEnded);
  EXPECT_EQ(receive(*callee_), Received::kBroken);
}

/// Whatever lies in the ring, the other end gets frames that pass all checks, or ends.
TEST_F(RpcMemory, GarbageInTheRingHurtsNobody) {
  std::mt19937 random(5);
  send(*caller_, request(1), Bytes(2000, 1));
  auto* bytes = reinterpret_cast<unsigned char*>(&ring() + 1);
  for (int i = 0; i < 4; ++i)
    bytes[random() % 2064] ^= static_cast<unsigned char>(1 + random() % 255);
  EXPECT_EQ(receive(*callee_), Received::kBroken);
  EXPECT_NE(callee_->fault(), HIVE_RPC_FAULT_NONE);
}

}  // namespace

// Links in memory: how they come about, how they end, and peers that lie in theirs.
#include <sys/wait.h>

#include <random>

#include "tests/unit/sdk/rpc_wire.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;

std::optional<HandlerError> echo(const Request& request, Bytes& reply) {
  reply.assign(request.payload.begin(), request.payload.end());
  return {};
}

hive_rpc_frame request(std::uint64_t id) {
  hive_rpc_frame header{};
  header.kind = HIVE_RPC_REQUEST;
  header.id = id;
  header.time_left = 60'000'000;
  header.callee_incarnation = 7;
  header.method = 1;
  return header;
}

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
  Received receive(Link& link, Clock::duration patience = 5s) {
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
      std::this_thread::sleep_for(5ms);
      send(*caller_, request(id));
    });
    EXPECT_EQ(receive(*callee_), Received::kFrame);
    sender.join();
  }
  EXPECT_GE(wire_.cells().bells.rings(1), 15U);
}

TEST_F(RpcMemory, WakesWhoWaitsForMany) {
  const auto hub = wire_.hub(1);
  for (std::uint64_t id = 1; id <= 50; ++id) {
    const int bell = hub->rest();
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
      EXPECT_EQ(callee_->receive(frame, Clock::now() + 5s), Received::kFrame);
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

/// A service, and what happens to its other callers.
class RpcMemoryServer : public ::testing::Test {
 protected:
  std::vector<hive_section> sections(std::uint32_t cell) {
    std::vector<hive_section> found;
    auto machine = wire_.cells().machine(cell);
    for (std::uint64_t first = 0;;) {
      const auto next = machine->next_section(cell, first);
      if (!next.ok()) return found;
      if (std::string_view(next.value().name).substr(0, 4) == HIVE_RPC_SECTION) {
        found.push_back(next.value());
      }
      first = next.value().first + next.value().pages;
    }
  }

  Wire wire_{true};
};

TEST_F(RpcMemoryServer, StaysWithTheSocketWhereOneSideHasNoMemory) {
  Bytes reply;
  {
    const Server server(served(), echo, listen(wire_.address()));
    Client client(caller(), wire_.connector());
    EXPECT_TRUE(client.call(1, bytes("a"), reply).ok());
    EXPECT_FALSE(client.is_in_memory());
    ClientOptions options = caller();
    options.path = Path::kMemory;
    Client strict(options, wire_.connector());
    EXPECT_EQ(strict.call(1, {}, reply).status, HIVE_NO_DEVICE);
  }
  const Server server(served(), echo, wire_.listen());
  Client client(caller(), connector(wire_.address()));
  EXPECT_TRUE(client.call(1, bytes("a"), reply).ok());
  EXPECT_FALSE(client.is_in_memory());
}

TEST_F(RpcMemoryServer, ACellThatCallsItselfStaysWithTheSocket) {
  const Server server(served(), echo, wire_.listen());
  Client client(caller(), std::make_shared<MemoryConnector>(wire_.address(), wire_.hub(1)));
  Bytes reply;
  EXPECT_TRUE(client.call(1, bytes("a"), reply).ok());
  EXPECT_FALSE(client.is_in_memory());
}

TEST_F(RpcMemoryServer, LeavesNoSections) {
  {
    const Server server(served(), echo, wire_.listen());
    Client client(caller(), wire_.connector());
    Bytes reply;
    EXPECT_TRUE(client.call(1, {}, reply).ok());
    EXPECT_TRUE(client.is_in_memory());
    EXPECT_GE(sections(0).size(), 1U);
    EXPECT_GE(sections(1).size(), 1U);
  }
  EXPECT_TRUE(sections(0).empty());
  EXPECT_TRUE(sections(1).empty());
}

TEST_F(RpcMemoryServer, SectionsOfTheDeadAreDestroyed) {
  auto machine = wire_.cells().machine(1);
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  int status = 0;
  ::waitpid(dead, &status, 0);
  const std::string left = HIVE_RPC_SECTION + std::to_string(dead) + ".3";
  EXPECT_TRUE(machine->create_section(left, 2).ok());
  EXPECT_TRUE(machine->create_section("rpc.notes", 2).ok());
  const auto hub = wire_.hub(1);
  EXPECT_TRUE(eventually([&] { return !machine->find_section(1, left).ok(); }));
  EXPECT_TRUE(machine->find_section(1, "rpc.notes").ok());
}

TEST_F(RpcMemoryServer, ACellHasSoManyLinksAndThenSockets) {
  const Server server(served(), echo, wire_.listen());
  std::vector<std::unique_ptr<Client>> clients;
  unsigned in_memory = 0;
  for (unsigned i = 0; i < MemoryHub::kMostOfCell + 2; ++i) {
    clients.push_back(std::make_unique<Client>(caller(), wire_.connector()));
    Bytes reply;
    EXPECT_TRUE(clients.back()->call(1, bytes("a"), reply).ok());
    if (clients.back()->is_in_memory()) ++in_memory;
  }
  EXPECT_LE(in_memory, MemoryHub::kMostOfCell);
  EXPECT_GE(in_memory, 1U);
}

TEST_F(RpcMemoryServer, ManyClientsAndThreadsShareIt) {
  const Server server(served(), echo, wire_.listen());
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i)
    clients.push_back(std::make_unique<Client>(caller(), wire_.connector()));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      Bytes reply;
      for (int i = 0; i < 200; ++i) {
        Bytes sent(random() % 10 == 0 ? random() % 200000 : random() % 200);
        for (auto& byte : sent) byte = static_cast<unsigned char>(random());
        const Outcome outcome = clients[t % 4]->call(1, sent, reply, within(60s));
        if (!outcome.ok() || reply != sent) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  for (const auto& client : clients) {
    EXPECT_TRUE(client->is_in_memory());
    EXPECT_EQ(client->counters().connections, 1U);
  }
}

/// Any SETUP but a good one ends its connection, and nothing else.
TEST_F(RpcMemoryServer, HostileSetupsEndTheirConnectionsOnly) {
  const Server server(served(), echo, wire_.listen());
  Client good(caller(), wire_.connector());
  Bytes reply;
  EXPECT_TRUE(good.call(1, {}, reply).ok());
  const std::uint64_t end = Cells::kPages * 4096;
  const std::vector<hive_rpc_setup> bad{
      {0, 0, 4224, 4096},           {0, 65537, 4224, 4096},  {0, 64, 4224, 4096},
      {0, 1U << 31, 4224, 4096},    {0, 65536, 4225, 4096},  {0, 65536, 4224, 4097},
      {0, 65536, end - 4096, 4096}, {0, 65536, 4224, end},   {0, 65536, ~63ULL, 4096},
      {2, 65536, 4224, 4096},       {64, 65536, 4224, 4096}, {~0U, 65536, 4224, 4096},
      {0, 65536, 4224, ~63ULL},
  };
  for (const hive_rpc_setup& setup : bad) {
    auto link = connector(wire_.address())->connect(Clock::now() + 5s);
    ASSERT_TRUE(link.ok());
    const auto raw = std::move(link).value();
    const auto send = [&](hive_rpc_kind kind, ByteView payload) {
      hive_rpc_frame header{};
      header.kind = static_cast<std::uint8_t>(kind);
      seal(header, payload);
      EXPECT_EQ(raw->send(header, payload), Sent::kSent);
    };
    hive_rpc_hello hello = make_hello("test");
    hello.features = HIVE_RPC_MEMORY;
    send(HIVE_RPC_HELLO, bytes_of(hello));
    Frame frame;
    EXPECT_EQ(raw->receive(frame, Clock::now() + 5s), Received::kFrame);
    EXPECT_EQ(read_welcome(frame.payload).features, HIVE_RPC_MEMORY);
    send(HIVE_RPC_SETUP, bytes_of(setup));
    EXPECT_EQ(raw->receive(frame, Clock::now() + 5s), Received::kEnded);
  }
  EXPECT_EQ(server.counters().malformed, bad.size());
  EXPECT_TRUE(good.call(1, {}, reply).ok());
  EXPECT_EQ(good.counters().connections, 1U);
}

TEST_F(RpcMemoryServer, AServerThatScribblesIsABadReply) {
  std::optional<Server> server;
  server.emplace(
      served(0),
      [&](const Request&, Bytes&) -> std::optional<HandlerError> {
        for (const hive_section& section : sections(1)) {
          auto* ring = reinterpret_cast<hive_channel_ring*>(wire_.cells().fake.memory(1) +
                                                            section.first * 4096 + kRingOffset);
          if (ring->magic == HIVE_CHANNEL_MAGIC) store(&ring->produced, 0x123454);
        }
        // Before the reply puts another index there.
        std::this_thread::sleep_for(500ms);
        return {};
      },
      wire_.listen());
  const auto monitor = std::make_shared<FakeMonitor>();
  Client client(caller(monitor), wire_.connector());
  Bytes reply;
  EXPECT_EQ(client.call(1, {}, reply).status, HIVE_BAD_REPLY);
  ASSERT_EQ(monitor->hints().size(), 1U);
  EXPECT_EQ(monitor->hints()[0].hint, HIVE_HINT_BAD_REPLY);
}

}  // namespace

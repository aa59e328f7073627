// Services whose callers come through memory: what is chosen when, and hostile ends.
#include <sys/wait.h>

#include <random>

#include "tests/unit/sdk/rpc_wire.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;

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
  const std::string left = HIVE_RPC_SECTION + std::to_string(dead) + ".77.3";
  EXPECT_TRUE(machine->create_section(left, 2).ok());
  // This process had its number from another, which is dead; nobody knows when it was started.
  const std::string own = HIVE_RPC_SECTION + std::to_string(::getpid());
  EXPECT_TRUE(machine->create_section(own + ".1.9", 2).ok());
  EXPECT_TRUE(machine->create_section(own + ".0.9", 2).ok());
  EXPECT_TRUE(machine->create_section("rpc.notes", 2).ok());
  const auto hub = wire_.hub(1);
  EXPECT_TRUE(eventually([&] { return !machine->find_section(1, left).ok(); }));
  EXPECT_TRUE(eventually([&] { return !machine->find_section(1, own + ".1.9").ok(); }));
  EXPECT_TRUE(machine->find_section(1, own + ".0.9").ok());
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

/// What a cell calls itself does not matter: only the CID that the transport vouches for.
TEST_F(RpcMemoryServer, LinksAreCountedByCid) {
  constexpr std::uint32_t kCrowded = 5;
  const auto hub = wire_.hub(1);
  for (unsigned i = 0; i < MemoryHub::kMostOfCell; ++i) hub->enter(kCrowded);
  const auto goes_through_memory = [&](std::uint32_t cid) {
    EXPECT_TRUE(eventually([&] { return hub->has_section(); }));
    auto [near, far] = socket_pair();
    MemoryLink caller(std::make_unique<SocketLink>(std::move(near)), wire_.hub(0),
                      MemoryLink::Role::kCaller);
    MemoryLink callee(std::make_unique<SocketLink>(std::move(far), cid), hub,
                      MemoryLink::Role::kCallee);
    const auto send = [](Link& link, hive_rpc_kind kind, ByteView payload) {
      hive_rpc_frame header{};
      header.kind = static_cast<std::uint8_t>(kind);
      seal(header, payload);
      EXPECT_EQ(link.send(header, payload), Sent::kSent);
    };
    Frame frame;
    const hive_rpc_hello hello = make_hello("test");
    send(caller, HIVE_RPC_HELLO, bytes_of(hello));
    EXPECT_EQ(callee.receive(frame, soon()), Received::kFrame);
    const hive_rpc_welcome welcome{1, 0};
    send(callee, HIVE_RPC_WELCOME, bytes_of(welcome));
    std::atomic<bool> is_settled{false};
    std::thread other([&] {
      Frame none;
      while (!is_settled) (void)callee.receive(none, Clock::now() + 10ms);
    });
    EXPECT_EQ(caller.receive(frame, soon()), Received::kFrame);
    is_settled = true;
    other.join();
    return caller.is_in_memory();
  };
  EXPECT_FALSE(goes_through_memory(kCrowded));
  EXPECT_TRUE(goes_through_memory(kCrowded + 1));
  hub->leave(kCrowded);
  EXPECT_TRUE(goes_through_memory(kCrowded));
}

/// A callee whose memory is another cell's than it said.
TEST_F(RpcMemoryServer, TheCalleesMemoryIsItsOwnCells) {
  for (const std::uint32_t cell : {1U, 2U}) {
    auto [near, far] = socket_pair();
    MemoryLink caller(std::make_unique<SocketLink>(std::move(near)), wire_.hub(0),
                      MemoryLink::Role::kCaller);
    SocketLink callee(std::move(far));
    const auto send = [](Link& link, hive_rpc_kind kind, ByteView payload) {
      hive_rpc_frame header{};
      header.kind = static_cast<std::uint8_t>(kind);
      seal(header, payload);
      EXPECT_EQ(link.send(header, payload), Sent::kSent);
    };
    const hive_rpc_hello hello = make_hello("test");
    send(caller, HIVE_RPC_HELLO, bytes_of(hello));
    const hive_rpc_welcome welcome{cell, HIVE_RPC_MEMORY};
    send(callee, HIVE_RPC_WELCOME, bytes_of(welcome));
    const hive_rpc_setup setup{1, 65536, 4224, 4096};
    send(callee, HIVE_RPC_SETUP, bytes_of(setup));
    Frame frame;
    EXPECT_EQ(caller.receive(frame, soon()), cell == 1 ? Received::kFrame : Received::kBroken);
  }
}

TEST_F(RpcMemoryServer, AServerThatNoMonitorToldItsCellHasMemoryToo) {
  ServerOptions options = served();
  options.own.cell = HIVE_RPC_NO_CELL;
  const Server server(options, echo, wire_.listen());
  Client client(caller(), wire_.connector());
  Bytes reply;
  EXPECT_TRUE(client.call(1, bytes("a"), reply).ok());
  EXPECT_TRUE(client.is_in_memory());
}

TEST_F(RpcMemoryServer, ManyClientsAndThreadsShareIt) {
  const auto hub = wire_.hub(1);
  const Server server(served(), echo, wire_.listen(hub));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    // The server waits for a section only so long.
    EXPECT_TRUE(eventually([&] { return hub->has_section(); }));
    clients.push_back(std::make_unique<Client>(caller(), wire_.connector()));
    EXPECT_TRUE(clients.back()->ping(kPatience).ok());
  }
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
    auto link = connector(wire_.address())->connect(soon());
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
    EXPECT_EQ(raw->receive(frame, soon()), Received::kFrame);
    EXPECT_EQ(read_welcome(frame.payload).features, HIVE_RPC_MEMORY);
    send(HIVE_RPC_SETUP, bytes_of(setup));
    EXPECT_EQ(raw->receive(frame, soon()), Received::kEnded);
  }
  EXPECT_EQ(server.counters().malformed, bad.size());
  EXPECT_TRUE(good.call(1, {}, reply).ok());
  EXPECT_EQ(good.counters().connections, 1U);
}

TEST_F(RpcMemoryServer, AServerThatScribblesIsABadReply) {
  const auto monitor = std::make_shared<FakeMonitor>();
  const Server server(
      served(0),
      [&](const Request&, Bytes&) -> std::optional<HandlerError> {
        for (const hive_section& section : sections(1)) {
          auto* ring = reinterpret_cast<hive_channel_ring*>(wire_.cells().fake.memory(1) +
                                                            section.first * 4096 + kRingOffset);
          if (ring->magic == HIVE_CHANNEL_MAGIC) store(&ring->produced, 0x123454);
        }
        // Before the reply puts another index there.
        EXPECT_TRUE(eventually([&] { return !monitor->hints().empty(); }));
        return {};
      },
      wire_.listen());
  Client client(caller(monitor), wire_.connector());
  Bytes reply;
  EXPECT_EQ(client.call(1, {}, reply, within(kPatience)).status, HIVE_BAD_REPLY);
  ASSERT_EQ(monitor->hints().size(), 1U);
  EXPECT_EQ(monitor->hints()[0].hint, HIVE_HINT_BAD_REPLY);
}

}  // namespace

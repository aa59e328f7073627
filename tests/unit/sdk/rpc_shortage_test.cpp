// Clients and servers that get no memory, no threads or no descriptors.
#include <fcntl.h>
#include <sys/resource.h>

#include <fstream>
#include <new>
#include <system_error>

#include "tests/support/no_more_descriptors.h"
#include "tests/unit/sdk/rpc_fixture.h"
#include "vmm/base/sanitized.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;

/// What goes wrong with the next connections; each thing once, where it is so many times.
struct Trouble {
  std::atomic<int> connects_throw{0};
  std::atomic<int> receives_throw{0};
  std::atomic<int> sends_ended{0};  ///< So says send(); receive() says kRoom once for each.
  std::atomic<int> rooms{0};        ///< That receive() is still to say.

  static bool take(std::atomic<int>& times) {
    int left = times.load();
    while (left > 0 && !times.compare_exchange_weak(left, left - 1)) continue;
    return left > 0;
  }
};

/// A link in trouble.
class TroubledLink : public SocketLink {
 public:
  TroubledLink(hive::UniqueFd socket, Trouble& trouble)
      : SocketLink(std::move(socket)), trouble_(trouble) {}
  Sent send(const hive_rpc_frame& header, ByteView payload) override {
    if (header.kind == HIVE_RPC_REQUEST && Trouble::take(trouble_.sends_ended)) {
      ++trouble_.rooms;
      return Sent::kEnded;
    }
    return SocketLink::send(header, payload);
  }
  Received receive(Frame& frame, Clock::time_point end) override {
    // Not where the client only looks whether an idle connection still stands.
    if (end != kNow && Trouble::take(trouble_.receives_throw)) throw std::bad_alloc();
    if (Trouble::take(trouble_.rooms)) return Received::kRoom;
    return SocketLink::receive(frame, end);
  }

 private:
  Trouble& trouble_;
};

class TroubledConnector : public Connector {
 public:
  TroubledConnector(Address address, Trouble& trouble)
      : address_(std::move(address)), trouble_(trouble) {}
  hive::sdk::Result<std::unique_ptr<Link>> connect(Clock::time_point end) override {
    if (Trouble::take(trouble_.connects_throw)) throw std::bad_alloc();
    auto socket = connect_to(address_, end);
    if (!socket.ok()) return socket.failure();
    return std::unique_ptr<Link>(
        std::make_unique<TroubledLink>(std::move(socket).value(), trouble_));
  }

 private:
  Address address_;
  Trouble& trouble_;
};

class RpcShortage : public ::testing::Test {
 protected:
  hive_status call() {
    Bytes reply;
    return client_.call(1, bytes("a"), reply, within(kPatience)).status;
  }

  SocketPath path_;
  Server server_{served(), echo, listen(path_.address())};
  Trouble trouble_;
  Client client_{caller(), std::make_shared<TroubledConnector>(path_.address(), trouble_)};
};

TEST_F(RpcShortage, NoMemoryToConnectIsNoEnd) {
  trouble_.connects_throw = 1;
  EXPECT_EQ(call(), HIVE_OUT_OF_MEMORY);
  EXPECT_EQ(call(), HIVE_OK);
}

TEST_F(RpcShortage, NoMemoryToReceiveEndsTheConnectionOnly) {
  EXPECT_EQ(call(), HIVE_OK);
  trouble_.receives_throw = 1;
  Call first = client_.start(1, bytes("a"), within(kPatience));
  Call second = client_.start(1, bytes("a"), within(kPatience));
  Bytes reply;
  EXPECT_EQ(first.wait(reply).status, HIVE_OUT_OF_MEMORY);
  EXPECT_EQ(second.wait(reply).status, HIVE_OUT_OF_MEMORY);
  EXPECT_EQ(client_.counters().calls, 0U);
  EXPECT_EQ(call(), HIVE_OK);
  EXPECT_EQ(client_.counters().connections, 2U);
}

TEST_F(RpcShortage, CallbacksAreToldOfIt) {
  EXPECT_EQ(call(), HIVE_OK);
  trouble_.receives_throw = 1;
  std::atomic<int> told{0};
  client_.start(1, bytes("a"), within(kPatience), [&](const Outcome& outcome, ByteView) {
    if (outcome.status == HIVE_OUT_OF_MEMORY) ++told;
  });
  EXPECT_TRUE(eventually([&] { return told == 1; }));
  EXPECT_EQ(call(), HIVE_OK);
}

/// What can be read of a connection that takes nothing any more is read before another is made.
TEST_F(RpcShortage, OneConnectionEndsOnce) {
  EXPECT_EQ(call(), HIVE_OK);
  trouble_.sends_ended = 10;
  EXPECT_EQ(call(), HIVE_OK);
  EXPECT_EQ(client_.counters().connections, 1U);
}

using hive::testing::NoMoreDescriptors;

TEST(RpcDescriptors, ALinkThatGetsOneOfTwoIsNone) {
  SocketPath path;
  const auto listener = listen(path.address());
  auto target = connector(path.address());
  NoMoreDescriptors none;
  EXPECT_EQ(target->connect(soon()).status(), HIVE_SYSTEM);
  none.leave_one();
  EXPECT_EQ(target->connect(soon()).status(), HIVE_SYSTEM);
  none.leave_one();
  EXPECT_TRUE(target->connect(soon()).ok());
}

#ifndef HIVE_SANITIZED
// The sanitizers take address space, and descriptors to look at what is thrown.

TEST(RpcDescriptors, AServerNeedsOne) {
  SocketPath path;
  auto listener = listen(path.address());
  const NoMoreDescriptors none;
  EXPECT_THROW(Server(served(), echo, std::move(listener)), std::system_error);
}

/// Bytes of address space that this process takes.
std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

/// Whether a server of too many threads is an error, and no end of the process.
bool throws_for_threads() {
  SocketPath path;
  auto listener = listen(path.address());
  const rlimit little{address_space() + (std::size_t{64} << 20), RLIM_INFINITY};
  if (::setrlimit(RLIMIT_AS, &little) != 0) return false;
  try {
    const Server server(served(256), echo, std::move(listener));
  } catch (const std::system_error&) {
    return true;
  }
  return false;
}

TEST(RpcThreadsDeathTest, AServerThatGetsTooFewEndsNothing) {
  EXPECT_EXIT(::_exit(throws_for_threads() ? 0 : 1), ::testing::ExitedWithCode(0), "");
}
#endif

}  // namespace

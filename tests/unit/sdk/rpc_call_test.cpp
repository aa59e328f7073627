// Calls from a real client to a real server, over Unix sockets.
#include <gmock/gmock.h>

#include <algorithm>
#include <future>
#include <numeric>

#include "tests/unit/sdk/rpc_wire.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;
using ::testing::HasSubstr;

enum Method : std::uint32_t { kEcho = 1, kSleep, kFail, kThrow, kTooLong, kWhoCalls };

std::optional<HandlerError> handle(const Request& request, Bytes& reply) {
  switch (request.method) {
    case kEcho:
      reply.assign(request.payload.begin(), request.payload.end());
      return {};
    case kSleep:
      while (!request.is_cancelled()) std::this_thread::sleep_for(1ms);
      return {};
    case kFail:
      return HandlerError{42, "out of letters"};
    case kThrow:
      throw std::runtime_error("thrown");
    case kTooLong:
      reply.resize(HIVE_RPC_MAX_PAYLOAD + 1);
      return {};
    case kWhoCalls:
      reply = bytes(std::to_string(request.caller.cell) + "." +
                    std::to_string(request.caller.incarnation));
      return {};
    default:
      return HandlerError{0, "1 to 6", true};
  }
}

/// With so many workers, and whether through memory.
class RpcCall : public ::testing::TestWithParam<std::tuple<unsigned, bool>> {
 protected:
  void TearDown() override { EXPECT_EQ(client_.is_in_memory(), wire_.has_memory()); }

  Wire wire_{std::get<1>(GetParam())};
  Server server_{served(std::get<0>(GetParam())), handle, wire_.listen()};
  std::shared_ptr<FakeMonitor> monitor_ = std::make_shared<FakeMonitor>();
  Client client_{caller(monitor_), wire_.connector()};
};
INSTANTIATE_TEST_SUITE_P(WorkersAndMemory, RpcCall,
                         ::testing::Combine(::testing::Values(0U, 3U), ::testing::Bool()));

TEST_P(RpcCall, RepliesComeBack) {
  Bytes reply;
  const Outcome outcome = client_.call(kEcho, bytes("hello"), reply);
  EXPECT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(text(reply), "hello");
  EXPECT_TRUE(client_.call(kWhoCalls, {}, reply).ok());
  EXPECT_EQ(text(reply), "0.3");
  EXPECT_EQ(client_.peer().cell, 1U);
  EXPECT_EQ(client_.peer().incarnation, 7U);
  EXPECT_TRUE(client_.ping(kPatience).ok());
  EXPECT_EQ(client_.counters().connections, 1U);
  EXPECT_TRUE(monitor_->hints().empty());
}

TEST_P(RpcCall, AnyLengthUpToTheBoundIsCarried) {
  Bytes reply;
  for (const std::size_t size : {0UL, 1UL, 4095UL, 16336UL, 16337UL, 65536UL, 1UL << 20}) {
    Bytes request(size);
    std::iota(request.begin(), request.end(), static_cast<unsigned char>(1));
    const Outcome outcome = client_.call(kEcho, request, reply);
    EXPECT_TRUE(outcome.ok()) << size << ": " << outcome.message;
    EXPECT_TRUE(reply == request) << size;
  }
  EXPECT_EQ(client_.call(kEcho, Bytes((1U << 20) + 1), reply).status, HIVE_TOO_LONG);
}

TEST_P(RpcCall, ErrorsOfTheServiceAreTold) {
  Bytes reply = bytes("old");
  Outcome outcome = client_.call(kFail, {}, reply);
  EXPECT_EQ(outcome.status, HIVE_REMOTE_ERROR);
  EXPECT_EQ(outcome.code, 42U);
  EXPECT_EQ(outcome.message, "out of letters");
  EXPECT_TRUE(reply.empty());
  outcome = client_.call(kThrow, {}, reply);
  EXPECT_EQ(outcome.status, HIVE_REMOTE_ERROR);
  EXPECT_EQ(outcome.code, 0U);
  EXPECT_EQ(outcome.message, "thrown");
  EXPECT_EQ(client_.call(kTooLong, {}, reply).status, HIVE_REMOTE_ERROR);
  EXPECT_EQ(client_.call(99, {}, reply).status, HIVE_NO_METHOD);
  EXPECT_TRUE(client_.call(kEcho, {}, reply).ok());
}

TEST_P(RpcCall, ADeadlineEndsACallAndBecomesAHint) {
  Bytes reply;
  EXPECT_TRUE(client_.call(kEcho, {}, reply).ok());  // So that it is known whom the hint is about.
  const auto start = Clock::now();
  EXPECT_EQ(client_.call(kSleep, {}, reply, within(50ms)).status, HIVE_DEADLINE);
  const auto took = Clock::now() - start;
  EXPECT_GE(took, 50ms);
  EXPECT_LT(took, kPatience);
  const auto hints = monitor_->hints();
  ASSERT_EQ(hints.size(), 1U);
  EXPECT_EQ(hints[0].hint, HIVE_HINT_DEADLINE);
  EXPECT_EQ(hints[0].suspect.cell, 1U);
  EXPECT_EQ(hints[0].suspect.incarnation, 7U);
  EXPECT_EQ(hints[0].detail, 50000U);
  EXPECT_TRUE(client_.call(kEcho, {}, reply).ok());
  EXPECT_EQ(client_.counters().calls, 0U);
}

TEST_P(RpcCall, NoTimeIsADeadline) {
  Bytes reply;
  EXPECT_EQ(client_.call(kEcho, {}, reply, within(0ns)).status, HIVE_DEADLINE);
  EXPECT_EQ(client_.call(kEcho, {}, reply, within(-5s)).status, HIVE_DEADLINE);
  EXPECT_TRUE(client_.call(kEcho, {}, reply).ok());
}

TEST_P(RpcCall, ManyCallsShareOneConnection) {
  std::vector<Call> calls;
  for (int i = 0; i < 500; ++i) {
    calls.push_back(client_.start(kEcho, bytes(std::to_string(i)), within(30s)));
  }
  for (int i = 499; i >= 0; --i) {
    Bytes reply;
    EXPECT_TRUE(calls[static_cast<std::size_t>(i)].wait(reply).ok());
    EXPECT_EQ(text(reply), std::to_string(i));
  }
  EXPECT_EQ(client_.counters().connections, 1U);
}

TEST_P(RpcCall, ManyThreadsShareOneConnection) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      Bytes reply;
      for (int i = 0; i < 200; ++i) {
        const Bytes request(static_cast<std::size_t>(1 + i * 7), static_cast<unsigned char>(t));
        if (client_.call(kEcho, request, reply, within(30s)).ok() && reply == request) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8 * 200);
  EXPECT_EQ(client_.counters().connections, 1U);
}

TEST_P(RpcCall, LargeCallsBothWaysDoNotBlockEachOther) {
  std::vector<Call> calls;
  const Bytes large(1U << 20, 7);
  for (int i = 0; i < 16; ++i) calls.push_back(client_.start(kEcho, large, within(30s)));
  for (Call& call : calls) {
    Bytes reply;
    const Outcome outcome = call.wait(reply);
    EXPECT_TRUE(outcome.ok()) << outcome.message;
    EXPECT_TRUE(reply == large);
  }
}

TEST_P(RpcCall, HandlesCanBePolled) {
  Call call = client_.start(kEcho, bytes("x"));
  EXPECT_TRUE(eventually([&] { return call.poll(); }));
  Bytes reply;
  EXPECT_TRUE(call.wait(reply).ok());
  EXPECT_EQ(text(reply), "x");
  Call late = client_.start(kSleep, {}, within(20ms));
  EXPECT_TRUE(eventually([&] { return late.poll(); }));
  EXPECT_EQ(late.wait(reply).status, HIVE_DEADLINE);
}

TEST_P(RpcCall, CallbacksAreCalledOnce) {
  std::mutex mutex;
  std::vector<std::pair<hive_status, std::string>> told;
  const auto tell = [&](const Outcome& outcome, ByteView reply) {
    const std::lock_guard lock(mutex);
    told.emplace_back(outcome.status, text(reply));
  };
  for (int i = 0; i < 100; ++i) client_.start(kEcho, bytes("x"), within(30s), tell);
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return told.size() == 100;
  }));
  client_.start(kSleep, {}, within(20ms), tell);
  client_.start(kEcho, Bytes((1U << 20) + 1), within(20ms), tell);
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return told.size() == 102;
  }));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(std::count(told.begin(), told.end(), std::pair(HIVE_OK, std::string("x"))), 100);
  EXPECT_EQ(std::count(told.begin(), told.end(), std::pair(HIVE_TOO_LONG, std::string())), 1);
  EXPECT_EQ(std::count(told.begin(), told.end(), std::pair(HIVE_DEADLINE, std::string())), 1);
}

TEST_P(RpcCall, CallbacksAndWaitsMix) {
  std::atomic<int> told{0};
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Bytes reply;
      for (int i = 0; i < 100; ++i) {
        client_.start(kEcho, bytes("a"), within(30s), [&](const Outcome& outcome, ByteView) {
          if (outcome.ok()) ++told;
        });
        if (client_.call(kEcho, bytes("b"), reply, within(30s)).ok()) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 400);
  EXPECT_TRUE(eventually([&] { return told == 400; }));
}

TEST(RpcCancel, IsSeenByTheHandlerAndEndsTheWait) {
  SocketPath path;
  std::atomic<bool> started{false};
  std::atomic<bool> was_cancelled{false};
  Server server(
      served(1),
      [&](const Request& request, Bytes&) -> std::optional<HandlerError> {
        started = true;
        was_cancelled = eventually([&] { return request.is_cancelled(); });
        return {};
      },
      listen(path.address()));
  Client client(caller(), connector(path.address()));
  Call call = client.start(1, {}, within(60s));
  std::thread waits([&] {
    Bytes reply;
    EXPECT_EQ(call.wait(reply).status, HIVE_CANCELLED);
  });
  EXPECT_TRUE(eventually([&] { return started.load(); }));
  call.cancel();
  waits.join();
  EXPECT_TRUE(eventually([&] { return was_cancelled.load(); }));
  EXPECT_TRUE(eventually([&] { return server.counters().cancelled == 1; }));
  EXPECT_EQ(client.counters().calls, 0U);
}

TEST(RpcCancel, DroppedHandlesCancel) {
  SocketPath path;
  std::atomic<int> executed{0};
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  Server server(
      served(1),
      [&](const Request&, Bytes&) -> std::optional<HandlerError> {
        ++executed;
        gone.wait();
        return {};
      },
      listen(path.address()));
  Client client(caller(), connector(path.address()));
  Call first = client.start(1, {}, within(60s));
  EXPECT_TRUE(eventually([&] { return executed == 1; }));
  { const Call dropped = client.start(1, {}, within(60s)); }
  EXPECT_TRUE(client.ping(kPatience).ok());  // The server has seen the cancellation by then.
  go.set_value();
  Bytes reply;
  EXPECT_TRUE(first.wait(reply).ok());
  EXPECT_TRUE(eventually([&] { return server.counters().cancelled == 1; }));
  EXPECT_EQ(executed, 1);
}

TEST(RpcClose, EndsAllCallsAndNothingIsLeft) {
  const std::size_t before = open_descriptors();
  {
    SocketPath path;
    Server server(served(), handle, listen(path.address()));
    auto client = std::make_unique<Client>(caller(), connector(path.address()));
    std::atomic<int> cancelled{0};
    std::vector<Call> calls;
    for (int i = 0; i < 20; ++i) {
      calls.push_back(client->start(kSleep, {}, within(60s)));
      client->start(kSleep, {}, within(60s), [&](const Outcome& outcome, ByteView) {
        if (outcome.status == HIVE_CANCELLED) ++cancelled;
      });
    }
    client.reset();
    EXPECT_EQ(cancelled, 20);
    Bytes reply;
    for (Call& call : calls) EXPECT_EQ(call.wait(reply).status, HIVE_CANCELLED);
    EXPECT_TRUE(eventually([&] { return server.counters().connections == 0; }));
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(RpcConnect, TellsWhoIsNotThere) {
  SocketPath path;
  Client client(caller(), connector(path.address()));
  Bytes reply;
  EXPECT_EQ(client.call(1, {}, reply).status, HIVE_REFUSED);
  auto options = served();
  options.service = "another";
  const Server server(options, handle, listen(path.address()));
  const Outcome outcome = client.call(kEcho, {}, reply);
  EXPECT_EQ(outcome.status, HIVE_REFUSED);
  EXPECT_THAT(outcome.message, HasSubstr("another service"));
}

TEST(RpcConnect, AServerThatWasStartedAgainIsFoundAgain) {
  SocketPath path;
  auto server = std::make_unique<Server>(served(), handle, listen(path.address()));
  Client client(caller(), connector(path.address()));
  Bytes reply;
  EXPECT_TRUE(client.call(kEcho, {}, reply).ok());
  server.reset();
  server = std::make_unique<Server>(served(), handle, listen(path.address()));
  // The first calls may be about what was the connection.
  EXPECT_TRUE(eventually([&] { return client.call(kEcho, {}, reply).ok(); }));
  EXPECT_EQ(client.counters().connections, 2U);
}

TEST(RpcConnect, AServerThatDoesNotAnswerCostsADeadline) {
  SocketPath path;
  const auto silent = listen(path.address());
  Client client(caller(), connector(path.address()));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Bytes reply;
      const auto start = Clock::now();
      EXPECT_EQ(client.call(kEcho, {}, reply, within(100ms)).status, HIVE_DEADLINE);
      EXPECT_LT(Clock::now() - start, kPatience);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(RpcListen, ANameIsTakenOnceAndAStaleFileIsReplaced) {
  SocketPath path;
  {
    const auto first = listen(path.address());
    EXPECT_EQ(SocketListener::open(path.address()).status(), HIVE_NAME_TAKEN);
  }
  auto left = listen_on(path.address());  // Closed without removing the file.
  ASSERT_TRUE(left.ok());
  { const hive::UniqueFd closed = std::move(left).value(); }
  EXPECT_TRUE(SocketListener::open(path.address()).ok());
}

}  // namespace

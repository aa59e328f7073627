// The server's process is killed in the middle of many calls.
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/sdk/rpc_fixture.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;

/// A server in a process of its own, which ends with it.
class ServerProcess {
 public:
  explicit ServerProcess(const Address& address) {
    pid_ = ::fork();
    if (pid_ == 0) serve(address);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess() { kill(); }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  /// Replies to calls of method 1; one of method 2 never ends.
  [[noreturn]] static void serve(const Address& address) {
    auto listener = SocketListener::open(address);
    if (!listener.ok()) ::_exit(1);
    ServerOptions options = served(0);
    const Server server(
        options,
        [](const Request& request, Bytes& reply) -> std::optional<HandlerError> {
          reply.assign(request.payload.begin(), request.payload.end());
          if (request.method == 2) ::pause();
          return {};
        },
        std::move(listener).value());
    for (;;) ::pause();
  }

  pid_t pid_ = -1;
};

/// A client whose server is about to die.
class RpcDeath : public ::testing::Test {
 protected:
  RpcDeath() {
    // Processes are forked before this one has threads.
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(path_.address().path); }));
    monitor_->answer(CellState{1, 4, false, 7, 0, "beta"});
    client_.emplace(caller(monitor_), connector(path_.address()));
    Bytes reply;
    EXPECT_TRUE(eventually([&] { return client_->call(1, {}, reply).ok(); }));
  }

  SocketPath path_;
  ServerProcess server_{path_.address()};
  std::shared_ptr<FakeMonitor> monitor_ = std::make_shared<FakeMonitor>();
  std::optional<Client> client_;
};

TEST_F(RpcDeath, EndsAThousandCallsBeforeTheirDeadlines) {
  const std::size_t before = open_descriptors();
  const auto start = Clock::now();
  std::vector<Call> calls;
  for (int i = 0; i < 1000; ++i) {
    calls.push_back(client_->start(i == 100 ? 2 : 1, bytes(std::to_string(i)), within(60s)));
  }
  Bytes last;
  EXPECT_TRUE(calls[99].wait(last).ok());  // The server is stuck in the next one.
  EXPECT_EQ(text(last), "99");
  server_.kill();
  int replies = 1;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (i == 99) continue;
    Bytes reply;
    const Outcome outcome = calls[i].wait(reply);
    if (outcome.ok()) {
      ++replies;
      EXPECT_EQ(text(reply), std::to_string(i));
    } else {
      EXPECT_EQ(outcome.status, HIVE_PEER_FAILED) << outcome.message;
    }
  }
  EXPECT_EQ(replies, 100);
  EXPECT_LT(Clock::now() - start, 20s);
  EXPECT_EQ(client_->counters().calls, 0U);
  calls.clear();
  EXPECT_EQ(open_descriptors(), before - 2);  // The connection and its wakeup.
}

TEST_F(RpcDeath, EndsTheCallsOfManyThreads) {
  std::atomic<int> failed{0};
  std::atomic<int> other{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 50; ++t) {
    threads.emplace_back([&] {
      std::vector<Call> calls;
      for (int i = 0; i < 20; ++i) calls.push_back(client_->start(2, {}, within(60s)));
      for (Call& call : calls) {
        Bytes reply;
        const hive_status status = call.wait(reply).status;
        ++(status == HIVE_PEER_FAILED ? failed : other);
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return client_->counters().calls == 1000; }));
  server_.kill();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 1000);
  EXPECT_EQ(other, 0);
  Bytes reply;
  EXPECT_EQ(client_->call(1, {}, reply).status, HIVE_PEER_FAILED);
}

TEST_F(RpcDeath, EndsCallsWithCallbacks) {
  std::atomic<int> failed{0};
  for (int i = 0; i < 1000; ++i) {
    client_->start(2, {}, within(60s), [&](const Outcome& outcome, ByteView) {
      if (outcome.status == HIVE_PEER_FAILED) ++failed;
    });
  }
  server_.kill();
  EXPECT_TRUE(eventually([&] { return failed == 1000; }));
}

/// Stopped is not dead: only the deadlines end the calls, and in time.
TEST_F(RpcDeath, AHungServerCostsDeadlines) {
  std::vector<std::thread> threads;
  std::atomic<int> late{0};
  for (int t = 0; t < 10; ++t) {
    threads.emplace_back([&, t] {
      Bytes reply;
      const auto timeout = std::chrono::milliseconds(20 + 20 * t);
      const auto end = Clock::now() + timeout;
      EXPECT_EQ(client_->call(2, {}, reply, within(timeout)).status, HIVE_DEADLINE);
      if (Clock::now() > end + 1s) ++late;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(late, 0);
  EXPECT_EQ(client_->counters().deadlines, 10U);
}

}  // namespace

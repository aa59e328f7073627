// The server's process is killed in the middle of many calls.
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/sdk/rpc_wire.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;

/// A server in a process of its own, which ends with it.
class ServerProcess {
 public:
  explicit ServerProcess(Wire& wire) {
    pid_ = ::fork();
    if (pid_ == 0) serve(wire);
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
  [[noreturn]] static void serve(Wire& wire) {
    ServerOptions options = served(0);
    const Server server(
        options,
        [](const Request& request, Bytes& reply) -> std::optional<HandlerError> {
          reply.assign(request.payload.begin(), request.payload.end());
          if (request.method == 2) ::pause();
          return {};
        },
        wire.listen());
    for (;;) ::pause();
  }

  pid_t pid_ = -1;
};

/// A client whose server is about to die; whether through memory.
class RpcDeath : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    if (GetParam()) GTEST_SKIP() << "ThreadSanitizer lets no forked server of threads have threads";
#endif
    // Processes are forked before this one has threads that take locks.
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(wire_.address().path); }));
    monitor_->answer(CellState{1, 4, false, 7, 0, "beta"});
    client_.emplace(caller(monitor_), wire_.connector());
    Bytes reply;
    EXPECT_TRUE(eventually([&] { return client_->call(1, {}, reply).ok(); }));
    EXPECT_EQ(client_->is_in_memory(), wire_.has_memory());
  }

  Wire wire_{GetParam()};
  ServerProcess server_{wire_};
  std::shared_ptr<FakeMonitor> monitor_ = std::make_shared<FakeMonitor>();
  std::optional<Client> client_;
};

INSTANTIATE_TEST_SUITE_P(Memory, RpcDeath, ::testing::Bool());

TEST_P(RpcDeath, EndsAThousandCallsBeforeTheirDeadlines) {
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
  EXPECT_LT(Clock::now() - start, 60s);
  EXPECT_EQ(client_->counters().calls, 0U);
  calls.clear();
  EXPECT_LE(open_descriptors(), before - 2);  // The connection and its wakeups.
}

TEST_P(RpcDeath, EndsTheCallsOfManyThreads) {
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

TEST_P(RpcDeath, EndsCallsWithCallbacks) {
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
TEST_P(RpcDeath, AHungServerCostsDeadlines) {
  std::vector<std::thread> threads;
  std::atomic<int> late{0};
  for (int t = 0; t < 10; ++t) {
    threads.emplace_back([&, t] {
      Bytes reply;
      const auto timeout = std::chrono::milliseconds(20 + 20 * t);
      const auto end = Clock::now() + timeout;
      EXPECT_EQ(client_->call(2, {}, reply, within(timeout)).status, HIVE_DEADLINE);
      if (Clock::now() > end + kPatience) ++late;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(late, 0);
  EXPECT_EQ(client_->counters().deadlines, 10U);
}

}  // namespace

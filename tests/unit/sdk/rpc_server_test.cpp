// A server whose callers are hostile, slow or too many.
#include <gmock/gmock.h>

#include <future>
#include <random>

#include "guests/sdk/rpc/server_core.h"
#include "tests/unit/sdk/rpc_fixture.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;

/// A caller that a test plays by hand.
class RawCaller {
 public:
  explicit RawCaller(const Address& address) {
    auto link = connector(address)->connect(soon());
    EXPECT_TRUE(link.ok());
    link_ = std::move(link).value();
  }

  Link& link() { return *link_; }
  void send(hive_rpc_frame header, ByteView payload = {}) {
    seal(header, payload);
    EXPECT_EQ(link_->send(header, payload), Sent::kSent);
  }
  void send_raw(ByteView bytes) {
    (void)!::send(link_->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void greet() {
    hive_rpc_frame header{};
    header.kind = HIVE_RPC_HELLO;
    const hive_rpc_hello hello = make_hello("test");
    send(header, bytes_of(hello));
    EXPECT_EQ(next(), HIVE_RPC_WELCOME);
  }
  /// The kind of the next frame; 0 at the end.
  int next() {
    for (;;) {
      const Received event = link_->receive(frame_, soon());
      if (event == Received::kFrame) return frame_.header.kind;
      if (event == Received::kWoken || event == Received::kRoom) continue;
      EXPECT_EQ(event, Received::kEnded);
      return 0;
    }
  }
  [[nodiscard]] const Frame& frame() const { return frame_; }
  [[nodiscard]] ErrorContent error() const { return read_error(frame_.payload); }

 private:
  std::unique_ptr<Link> link_;
  Frame frame_;
};

class RpcServer : public ::testing::Test {
 protected:
  void start(ServerOptions options, Handler handler = echo) {
    server_.emplace(std::move(options), std::move(handler), listen(path_.address()));
  }
  RawCaller greeted() {
    RawCaller raw(path_.address());
    raw.greet();
    return raw;
  }
  void expect_alive() {
    Client client(caller(), connector(path_.address()));
    Bytes reply;
    const Outcome outcome = client.call(1, bytes("alive"), reply, within(kPatience));
    EXPECT_TRUE(outcome.ok()) << outcome.message;
  }

  SocketPath path_;
  std::optional<Server> server_;
};

TEST_F(RpcServer, DropsDuplicates) {
  start(served());
  RawCaller raw = greeted();
  for (const std::uint64_t id : {5U, 5U, 4U, 6U}) raw.send(request(id));
  EXPECT_EQ(raw.next(), HIVE_RPC_REPLY);
  EXPECT_EQ(raw.next(), HIVE_RPC_REPLY);
  EXPECT_TRUE(eventually([&] { return server_->counters().duplicates == 2; }));
  EXPECT_EQ(server_->counters().executed, 2U);
}

TEST_F(RpcServer, RefusesRequestsForAnotherIncarnation) {
  start(served());
  RawCaller raw = greeted();
  hive_rpc_frame header = request(1);
  header.callee_incarnation = 6;
  raw.send(header);
  EXPECT_EQ(raw.next(), HIVE_RPC_ERROR);
  EXPECT_EQ(raw.error().error, HIVE_RPC_STALE);
  EXPECT_EQ(server_->counters().executed, 0U);
}

TEST_F(RpcServer, EndsConnectionsThatBreakTheRules) {
  start(served());
  {
    RawCaller raw(path_.address());  // No hello.
    raw.send(request(1));
    EXPECT_EQ(raw.next(), HIVE_RPC_ERROR);
    EXPECT_EQ(raw.error().error, HIVE_RPC_PROTOCOL);
    EXPECT_EQ(raw.next(), 0);
  }
  {
    RawCaller raw = greeted();  // Two.
    hive_rpc_frame header{};
    header.kind = HIVE_RPC_HELLO;
    const hive_rpc_hello hello = make_hello("test");
    raw.send(header, bytes_of(hello));
    EXPECT_EQ(raw.next(), HIVE_RPC_ERROR);
    EXPECT_EQ(raw.next(), 0);
  }
  {
    RawCaller raw = greeted();  // Somebody else.
    hive_rpc_frame header = request(1);
    header.caller_cell = 9;
    raw.send(header);
    EXPECT_EQ(raw.next(), HIVE_RPC_ERROR);
    EXPECT_EQ(raw.next(), 0);
  }
  EXPECT_EQ(server_->counters().malformed, 3U);
  EXPECT_EQ(server_->counters().executed, 0U);
  expect_alive();
}

TEST_F(RpcServer, GarbageEndsItsConnectionOnly) {
  start(served());
  RawCaller good = greeted();
  std::mt19937 random(5);
  for (int round = 0; round < 100; ++round) {
    RawCaller bad(path_.address());
    if (round % 2 == 0) bad.greet();
    Bytes noise(1 + random() % 3000);
    for (unsigned char& byte : noise) byte = static_cast<unsigned char>(random());
    if (round % 3 == 0) {  // A good start.
      hive_rpc_frame header = request(1);
      seal(header, noise);
      bad.send_raw(bytes_of(header));
      noise[0] = static_cast<unsigned char>(noise[0] + 1);
    }
    bad.send_raw(noise);
  }
  EXPECT_TRUE(eventually([&] { return server_->counters().connections == 1; }));
  EXPECT_EQ(server_->counters().executed, 0U);
  good.send(request(1));
  EXPECT_EQ(good.next(), HIVE_RPC_REPLY);
}

TEST_F(RpcServer, DoesNotExecuteWhatNobodyWaitsFor) {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  start(served(1), [gone](const Request&, Bytes&) -> std::optional<HandlerError> {
    gone.wait();
    return {};
  });
  RawCaller raw = greeted();
  raw.send(request(1));
  hive_rpc_frame expires = request(2);
  expires.time_left = 1;
  raw.send(expires);
  raw.send(request(3));
  hive_rpc_frame cancel{};
  cancel.kind = HIVE_RPC_CANCEL;
  cancel.id = 3;
  raw.send(cancel);
  hive_rpc_frame ping = request(4);
  ping.method = HIVE_RPC_PING;
  raw.send(ping);
  EXPECT_EQ(raw.next(), HIVE_RPC_REPLY);  // By now all has been received.
  EXPECT_EQ(raw.frame().header.id, 4U);
  go.set_value();
  EXPECT_EQ(raw.next(), HIVE_RPC_REPLY);
  EXPECT_EQ(raw.frame().header.id, 1U);
  EXPECT_EQ(raw.next(), HIVE_RPC_ERROR);
  EXPECT_EQ(raw.error().error, HIVE_RPC_EXPIRED);
  EXPECT_TRUE(eventually([&] { return server_->counters().cancelled == 1; }));
  EXPECT_EQ(server_->counters().executed, 1U);
}

TEST_F(RpcServer, IsBusyPastItsQueue) {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  std::atomic<int> most{0};
  std::atomic<int> running{0};
  ServerOptions options = served(2);
  options.queue = 6;  // One connection has half of it.
  start(options, [&, gone](const Request&, Bytes&) -> std::optional<HandlerError> {
    most = std::max(most.load(), ++running);
    gone.wait();
    --running;
    return {};
  });
  RawCaller raw = greeted();
  raw.send(request(1));
  raw.send(request(2));
  EXPECT_TRUE(eventually([&] { return running == 2; }));
  for (std::uint64_t id = 3; id <= 7; ++id) raw.send(request(id));
  for (const std::uint64_t id : {6U, 7U}) {
    EXPECT_EQ(raw.next(), HIVE_RPC_ERROR);
    EXPECT_EQ(raw.error().error, HIVE_RPC_BUSY);
    EXPECT_EQ(raw.frame().header.id, id);
  }
  go.set_value();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(raw.next(), HIVE_RPC_REPLY);
  EXPECT_EQ(most, 2);
  EXPECT_EQ(server_->counters().busy, 2U);
}

TEST_F(RpcServer, IsBusyPastItsBytes) {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  ServerOptions options = served(1);
  options.queue_bytes = 4000;
  std::atomic<bool> running{false};
  start(options, [&, gone](const Request&, Bytes&) -> std::optional<HandlerError> {
    running = true;
    gone.wait();
    return {};
  });
  RawCaller raw = greeted();
  raw.send(request(1), Bytes(2000));
  EXPECT_TRUE(eventually([&] { return running.load(); }));
  raw.send(request(2), Bytes(2000));
  raw.send(request(3), Bytes(2000));
  EXPECT_EQ(raw.next(), HIVE_RPC_ERROR);
  EXPECT_EQ(raw.frame().header.id, 3U);
  go.set_value();
}

/// What a buffer of a longer frame takes counts, and not how much of it is used.
TEST_F(RpcServer, BytesAreThoseThatAreTaken) {
  const auto session = std::make_shared<Session>(std::make_unique<SocketLink>(socket_pair().first),
                                                 std::make_shared<ReplyPatience>(1s));
  TaskQueue queue(100, 10'000);
  const auto task = queue.make_task();
  task->session = session;
  task->frame.payload.reserve(10'000);
  EXPECT_FALSE(queue.push(task));
  Bytes(5'000).swap(task->frame.payload);
  EXPECT_TRUE(queue.push(task));
  EXPECT_EQ(queue.pop(), task);
}

TEST_F(RpcServer, CallersHaveSharesOfTheQueueAndTakeTurns) {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  std::atomic<bool> running{false};
  std::mutex mutex;
  std::vector<std::string> order;
  ServerOptions options = served(1);
  options.queue = 8;
  start(options, [&, gone](const Request& request, Bytes&) -> std::optional<HandlerError> {
    running = true;
    gone.wait();
    const std::lock_guard lock(mutex);
    order.push_back(text(request.payload));
    return {};
  });
  RawCaller greedy = greeted();
  RawCaller modest = greeted();
  greedy.send(request(1), bytes("greedy"));
  EXPECT_TRUE(eventually([&] { return running.load(); }));
  for (std::uint64_t id = 2; id <= 9; ++id) greedy.send(request(id), bytes("greedy"));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(greedy.next(), HIVE_RPC_ERROR);
  for (std::uint64_t id = 1; id <= 2; ++id) modest.send(request(id), bytes("modest"));
  EXPECT_TRUE(eventually([&] { return server_->counters().requests == 11; }));
  go.set_value();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(modest.next(), HIVE_RPC_REPLY);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(greedy.next(), HIVE_RPC_REPLY);
  EXPECT_EQ(server_->counters().busy, 4U);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(order, (std::vector<std::string>{"greedy", "greedy", "modest", "greedy", "modest",
                                             "greedy", "greedy"}));
}

TEST_F(RpcServer, BoundsItsConnections) {
  ServerOptions options = served();
  options.connections = 2;
  start(options);
  RawCaller first = greeted();
  RawCaller second = greeted();
  Client client(caller(), connector(path_.address()));
  Bytes reply;
  const Outcome outcome = client.call(1, {}, reply);
  EXPECT_EQ(outcome.status, HIVE_BUSY) << outcome.message;
  first.link().close();
  EXPECT_TRUE(eventually([&] { return client.call(1, {}, reply).ok(); }));
}

/// Callers that take no replies cost neither the others anything nor memory without bound.
TEST_F(RpcServer, SlowReadersHurtThemselvesOnly) {
  for (const unsigned workers : {0U, 2U}) {
    server_.reset();
    start(served(workers));
    RawCaller slow = greeted();
    const Bytes payload(512 * 1024);
    std::uint64_t id = 0;
    while (slow.link().has_room()) slow.send(request(++id), payload);
    expect_alive();
    Frame frame;
    for (std::uint64_t replies = 0; replies < id;) {
      const Received event = slow.link().receive(frame, soon());
      ASSERT_TRUE(event == Received::kFrame || event == Received::kRoom ||
                  event == Received::kWoken)
          << static_cast<int>(event);
      if (event != Received::kFrame) continue;
      EXPECT_EQ(frame.header.kind, HIVE_RPC_REPLY);
      ++replies;
    }
  }
}

/// Answers an empty request with 64 KiB and any other with a byte, once GONE.
Handler big_replies_after(std::shared_future<void> gone) {
  return [gone = std::move(gone)](const Request& request,
                                  Bytes& reply) -> std::optional<HandlerError> {
    gone.wait();
    reply.resize(request.payload.empty() ? std::size_t{64} * 1024 : 1);
    return {};
  };
}

/// The workers wait for it once, not for each of its requests.
TEST_F(RpcServer, ACallerThatNeverReadsIsHungUpOn) {
  ServerOptions options = served(2);
  options.reply_patience = 1s;
  std::promise<void> go;
  start(options, big_replies_after(go.get_future().share()));
  RawCaller deaf = greeted();
  for (std::uint64_t id = 1; id <= 64; ++id) deaf.send(request(id));
  EXPECT_TRUE(eventually([&] { return server_->counters().requests == 64; }));
  go.set_value();
  Client client(caller(), connector(path_.address()));
  Bytes reply;
  const Outcome outcome = client.call(1, bytes("a"), reply, within(20s));
  EXPECT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_TRUE(eventually([&] { return server_->counters().connections == 1; }));
  EXPECT_TRUE(eventually([&] { return server_->counters().cancelled >= 32; }));
}

/// Deadlines that pass one after the other do not begin its patience anew.
TEST_F(RpcServer, ACallerThatNeverReadsGainsNothingByDeadlines) {
  ServerOptions options = served(1);
  options.reply_patience = 1s;
  std::promise<void> go;
  start(options, big_replies_after(go.get_future().share()));
  RawCaller deaf = greeted();
  for (std::uint64_t id = 1; id <= 64; ++id) {
    hive_rpc_frame header = request(id);
    if (id > 4) header.time_left = id * 500'000;
    deaf.send(header);
  }
  EXPECT_TRUE(eventually([&] { return server_->counters().requests == 64; }));
  go.set_value();
  Client client(caller(), connector(path_.address()));
  Bytes reply;
  const Outcome outcome = client.call(1, bytes("a"), reply, within(20s));
  EXPECT_TRUE(outcome.ok()) << outcome.message;
}

/// Of cell 5, whatever connects.
class ListenerOfOneCell : public Listener {
 public:
  explicit ListenerOfOneCell(const Address& address)
      : socket_(std::move(listen_on(address)).value()) {}
  [[nodiscard]] int fd() const override { return socket_.get(); }
  std::unique_ptr<Link> accept() override {
    hive::UniqueFd socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return socket ? std::make_unique<SocketLink>(std::move(socket), 5) : nullptr;
  }

 private:
  hive::UniqueFd socket_;
};

/// The workers wait for it once, not for each of its connections.
TEST_F(RpcServer, ACellThatNeverReadsIsHungUpOn) {
  constexpr unsigned kConnections = 12;
  ServerOptions options = served(1);
  options.reply_patience = 3s;
  std::promise<void> go;
  server_.emplace(options, big_replies_after(go.get_future().share()),
                  std::make_unique<ListenerOfOneCell>(path_.address()));
  std::vector<RawCaller> deaf;
  for (unsigned i = 0; i < kConnections; ++i) deaf.push_back(greeted());
  for (RawCaller& each : deaf) {
    for (std::uint64_t id = 1; id <= 64; ++id) each.send(request(id));
  }
  EXPECT_TRUE(eventually([&] { return server_->counters().requests == 64 * kConnections; }));
  const auto start = Clock::now();
  go.set_value();
  EXPECT_TRUE(eventually([&] { return server_->counters().connections == 0; }));
  EXPECT_LT(Clock::now() - start, (kConnections - 2) * 3s);
}

TEST(RpcReplyPatience, IsOfAllConnectionsOfACell) {
  ReplyPatience patience(1h);
  const auto first = patience.begin_wait();
  EXPECT_GT(first, Clock::now() + 50min);
  patience.end_wait();
  EXPECT_EQ(patience.begin_wait(), first) << "it goes on where the last wait came to nothing";
  patience.found_room();
  EXPECT_GT(patience.begin_wait(), first);
  patience.ran_out();
  EXPECT_LT(patience.begin_wait(), Clock::now() + 50min) << "there is none left";
  patience.found_room();
  EXPECT_LT(patience.begin_wait(), Clock::now() + 50min);
}

TEST_F(RpcServer, StopsWhileHandlersRun) {
  std::atomic<int> running{0};
  start(served(2), [&](const Request& request, Bytes&) -> std::optional<HandlerError> {
    ++running;
    EXPECT_TRUE(eventually([&] { return request.is_cancelled(); }));
    return {};
  });
  Client client(caller(), connector(path_.address()));
  std::vector<Call> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(client.start(1, {}, within(60s)));
  EXPECT_TRUE(eventually([&] { return running == 2; }));
  server_.reset();
  Bytes reply;
  for (Call& call : calls) EXPECT_EQ(call.wait(reply).status, HIVE_RESET);
}

/// Else one that is short of room now and then would never have any patience again.
TEST(RpcReplyPatience, ComesBackWhoeverFindsNoRoomMeanwhile) {
  ReplyPatience patience(20ms);
  patience.ran_out();
  EXPECT_TRUE(eventually([&] {
    if (patience.begin_wait() > Clock::now()) return true;
    patience.ran_out();
    return false;
  }));
}

}  // namespace

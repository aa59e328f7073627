// A client whose server is hostile, ill or dies.
#include <gmock/gmock.h>

#include <random>

#include "tests/unit/sdk/rpc_fixture.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;
using ::testing::AnyOf;

/// A server that a test plays by hand: it welcomes each caller, then calls SCRIPT with the
/// connection and the first request.
class Impostor {
 public:
  using Script = std::function<void(Link& link, const Frame& request)>;

  Impostor(const Address& address, Script script)
      : listener_(listen(address)), script_(std::move(script)), thread_([this] { serve(); }) {}
  Impostor(const Impostor&) = delete;
  Impostor& operator=(const Impostor&) = delete;
  ~Impostor() {
    stopping_ = true;
    thread_.join();
  }

  static void send(Link& link, hive_rpc_frame header, ByteView payload = {}) {
    seal(header, payload);
    EXPECT_EQ(link.send(header, payload), Sent::kSent);
  }
  /// Reads until the client ends the connection.
  static void await_end(Link& link) {
    Frame frame;
    Received event = Received::kFrame;
    while (event == Received::kFrame || event == Received::kRoom) {
      event = link.receive(frame, soon());
    }
    EXPECT_EQ(event, Received::kEnded);
  }
  static hive_rpc_frame reply_to(const Frame& request) {
    hive_rpc_frame header = request.header;
    header.kind = HIVE_RPC_REPLY;
    header.time_left = 0;
    return header;
  }

 private:
  void serve() {
    while (!stopping_) {
      const auto link = listener_->accept();
      if (!link) {
        std::this_thread::sleep_for(1ms);
        continue;
      }
      Frame frame;
      if (link->receive(frame, soon()) != Received::kFrame) continue;
      hive_rpc_frame header = frame.header;
      header.kind = HIVE_RPC_WELCOME;
      header.callee_incarnation = 7;
      const hive_rpc_welcome welcome{1, 0};
      send(*link, header, bytes_of(welcome));
      if (link->receive(frame, soon()) == Received::kFrame) script_(*link, frame);
    }
  }

  std::unique_ptr<Listener> listener_;
  Script script_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class RpcImpostor : public ::testing::Test {
 protected:
  /// What a call comes to where SCRIPT answers it.
  Outcome call(Impostor::Script script, Clock::duration timeout = kPatience) {
    SocketPath path;
    const Impostor impostor(path.address(), std::move(script));
    Client client(caller(monitor_), connector(path.address()));
    Bytes reply;
    Outcome outcome = client.call(5, bytes("request"), reply, within(timeout));
    EXPECT_TRUE(outcome.ok() || reply.empty());
    counters_ = client.counters();
    EXPECT_EQ(counters_.calls, 0U);
    return outcome;
  }
  /// The same where the reply is changed by CHANGE: what it is blamed for in the hint.
  hive_rpc_fault fault(void (*change)(hive_rpc_frame&)) {
    const Outcome outcome = call([change](Link& link, const Frame& request) {
      hive_rpc_frame header = Impostor::reply_to(request);
      change(header);
      Impostor::send(link, header);
    });
    EXPECT_EQ(outcome.status, HIVE_BAD_REPLY) << outcome.message;
    const auto hints = monitor_->hints();
    if (hints.empty()) return HIVE_RPC_FAULT_NONE;
    EXPECT_EQ(hints.back().hint, HIVE_HINT_BAD_REPLY);
    EXPECT_EQ(hints.back().suspect.cell, 1U);
    return static_cast<hive_rpc_fault>(hints.back().detail);
  }

  std::shared_ptr<FakeMonitor> monitor_ = std::make_shared<FakeMonitor>();
  ClientCounters counters_;
};

TEST_F(RpcImpostor, AnHonestOneIsBelieved) {
  EXPECT_TRUE(call([](Link& link, const Frame& request) {
                Impostor::send(link, Impostor::reply_to(request), bytes("reply"));
                Impostor::await_end(link);
              }).ok());
}

TEST_F(RpcImpostor, RepliesAreChecked) {
  EXPECT_EQ(fault([](hive_rpc_frame& h) { h.id += 1; }), HIVE_RPC_FAULT_UNKNOWN_ID);
  EXPECT_EQ(fault([](hive_rpc_frame& h) { h.id = ~0ULL; }), HIVE_RPC_FAULT_UNKNOWN_ID);
  EXPECT_EQ(fault([](hive_rpc_frame& h) { h.method = 6; }), HIVE_RPC_FAULT_FIELD);
  EXPECT_EQ(fault([](hive_rpc_frame& h) { h.callee_incarnation = 8; }), HIVE_RPC_FAULT_INCARNATION);
  EXPECT_EQ(fault([](hive_rpc_frame& h) { h.caller_incarnation = 2; }), HIVE_RPC_FAULT_INCARNATION);
  EXPECT_EQ(fault([](hive_rpc_frame& h) { h.caller_cell = 2; }), HIVE_RPC_FAULT_INCARNATION);
  EXPECT_EQ(fault([](hive_rpc_frame& h) { h.kind = HIVE_RPC_CANCEL; }), HIVE_RPC_FAULT_KIND);
  EXPECT_EQ(fault([](hive_rpc_frame& h) { h.flags = 1; }), HIVE_RPC_FAULT_FIELD);
  EXPECT_EQ(monitor_->hints().size(), 8U);
}

TEST_F(RpcImpostor, GarbageIsABadReply) {
  std::mt19937 random(4);
  for (int round = 0; round < 20; ++round) {
    const Outcome outcome = call([&](Link& link, const Frame&) {
      Bytes noise(48 + random() % 4000);
      for (unsigned char& byte : noise) byte = static_cast<unsigned char>(random());
      (void)!::send(link.fd(), noise.data(), noise.size(), MSG_NOSIGNAL);
    });
    EXPECT_EQ(outcome.status, HIVE_BAD_REPLY);
  }
}

TEST_F(RpcImpostor, HalfAReplyIsNone) {
  const auto half = [](Link& link, const Frame& request) {
    hive_rpc_frame header = Impostor::reply_to(request);
    const Bytes payload(100);
    seal(header, payload);
    (void)!::send(link.fd(), &header, sizeof header, MSG_NOSIGNAL);
    (void)!::send(link.fd(), payload.data(), 50, MSG_NOSIGNAL);
  };
  EXPECT_EQ(call(half).status, HIVE_RESET);
  const auto half_and_no_more = [&](Link& link, const Frame& request) {
    half(link, request);
    Impostor::await_end(link);
  };
  EXPECT_EQ(call(half_and_no_more, 300ms).status, HIVE_DEADLINE);
}

TEST_F(RpcImpostor, LateRepliesAreDropped) {
  SocketPath path;
  const Impostor impostor(path.address(), [](Link& link, const Frame& first) {
    Impostor::send(link, Impostor::reply_to(first), bytes("in time"));
    Frame late;
    Frame frame;
    while (link.receive(frame, soon()) == Received::kFrame) {
      if (frame.header.kind == HIVE_RPC_CANCEL) {  // The client's deadline has passed.
        Impostor::send(link, Impostor::reply_to(late), bytes("late"));
        Impostor::send(link, Impostor::reply_to(late), bytes("again"));
      } else if (frame.header.method == 6) {
        std::swap(late, frame);
      } else {
        Impostor::send(link, Impostor::reply_to(frame), bytes("in time"));
      }
    }
  });
  Client client(caller(monitor_), connector(path.address()));
  Bytes reply;
  EXPECT_TRUE(client.call(5, {}, reply, within(kPatience)).ok());
  // A busy machine may send nothing within the deadline.
  for (int tries = 0; tries < 10 && client.counters().late_replies == 0; ++tries) {
    EXPECT_EQ(client.call(6, {}, reply, within(30ms)).status, HIVE_DEADLINE);
    EXPECT_TRUE(client.call(5, {}, reply, within(kPatience)).ok());
    EXPECT_EQ(text(reply), "in time");
  }
  EXPECT_EQ(client.counters().late_replies, 2U);
  EXPECT_EQ(client.counters().connections, 1U);
}

TEST_F(RpcImpostor, AServerThatDoesNotReadCostsADeadline) {
  SocketPath path;
  std::atomic<bool> done{false};
  const Impostor impostor(path.address(), [&](Link&, const Frame&) {
    EXPECT_TRUE(eventually([&] { return done.load(); }));
  });
  Client client(caller(monitor_), connector(path.address()));
  const Bytes large(1U << 20);
  std::vector<Call> calls;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    calls.push_back(client.start(5, large, within(100ms)));
    EXPECT_LT(Clock::now() - start, kPatience);
  }
  Bytes reply;
  for (Call& call : calls) EXPECT_EQ(call.wait(reply).status, HIVE_DEADLINE);
  EXPECT_EQ(client.counters().calls, 0U);
  done = true;
}

TEST_F(RpcImpostor, TheMonitorSaysWhetherThePeerFailed) {
  const auto close = [](Link& link, const Frame&) { link.close(); };
  EXPECT_EQ(call(close).status, HIVE_RESET);
  monitor_->answer(CellState{1, 4, true, 7, 0, "beta"});
  EXPECT_EQ(call(close).status, HIVE_RESET);
  monitor_->answer(CellState{1, 4, true, 8, 0, "beta"});
  EXPECT_EQ(call(close).status, HIVE_PEER_FAILED);
  monitor_->answer(CellState{1, 4, false, 7, 0, "beta"});
  EXPECT_EQ(call(close).status, HIVE_PEER_FAILED);
}

/// The cell is known by its CID before it has said anything.
TEST(RpcWelcome, ABadOneIsAHintToo) {
  const auto blamed_for = [](const std::function<void(hive_rpc_frame&)>& change, ByteView payload) {
    SocketPath path;
    const auto listener = listen(path.address());
    std::thread server([&] {
      std::unique_ptr<Link> link;
      EXPECT_TRUE(eventually([&] { return (link = listener->accept()) != nullptr; }));
      Frame frame;
      EXPECT_EQ(link->receive(frame, soon()), Received::kFrame);
      hive_rpc_frame header = frame.header;
      header.kind = HIVE_RPC_WELCOME;
      header.callee_incarnation = 7;
      seal(header, payload);
      change(header);
      EXPECT_EQ(link->send(header, payload), Sent::kSent);
      Impostor::await_end(*link);
    });
    Address address = path.address();
    address.cid = 9;
    const auto monitor = std::make_shared<FakeMonitor>();
    Client client(caller(monitor), connector(address));
    Bytes reply;
    EXPECT_EQ(client.call(5, {}, reply, within(kPatience)).status, HIVE_BAD_REPLY);
    server.join();
    EXPECT_EQ(client.counters().bad_replies, 1U);
    const auto hints = monitor->hints();
    if (hints.size() != 1) return HIVE_RPC_FAULT_NONE;
    EXPECT_EQ(hints[0].hint, HIVE_HINT_BAD_REPLY);
    EXPECT_EQ(hints[0].suspect.cid, 9U);
    return static_cast<hive_rpc_fault>(hints[0].detail);
  };
  const hive_rpc_welcome good{1, 0};
  const hive_rpc_welcome odd{1, 2};
  EXPECT_EQ(blamed_for([](hive_rpc_frame& h) { h.checksum ^= 1; }, bytes_of(good)),
            HIVE_RPC_FAULT_CHECKSUM);
  EXPECT_EQ(blamed_for([](hive_rpc_frame&) {}, bytes_of(odd)), HIVE_RPC_FAULT_FIELD);
  const auto for_another = [](hive_rpc_frame& h) {
    h.caller_cell = 5;
    const hive_rpc_welcome welcome{1, 0};
    seal(h, bytes_of(welcome));
  };
  EXPECT_EQ(blamed_for(for_another, bytes_of(good)), HIVE_RPC_FAULT_INCARNATION);
}

TEST_F(RpcImpostor, NothingIsSentTwiceUnlessItMayBe) {
  SocketPath path;
  std::atomic<int> requests{0};
  const Impostor impostor(path.address(), [&](Link& link, const Frame& request) {
    if (++requests % 4 != 0) return;  // The connection ends.
    Impostor::send(link, Impostor::reply_to(request), bytes("at last"));
    Impostor::await_end(link);
  });
  Client client(caller(monitor_), connector(path.address()));
  Bytes reply;
  EXPECT_EQ(client.call(5, {}, reply, {kPatience, false}).status, HIVE_RESET);
  EXPECT_EQ(requests, 1);
  EXPECT_TRUE(client.call(5, {}, reply, {kPatience, true}).ok());
  EXPECT_EQ(text(reply), "at last");
  EXPECT_EQ(requests, 4);
}

TEST_F(RpcImpostor, IdempotentCallsEndInTimeToo) {
  SocketPath path;
  const Impostor impostor(path.address(), [](Link&, const Frame&) {});
  std::uint64_t connections = 0;
  for (const auto timeout : {1s, 5s, 20s}) {  // A busy machine may connect only once in time.
    Client client(caller(monitor_), connector(path.address()));
    Bytes reply;
    const auto start = Clock::now();
    // Late, where it was about to connect once more.
    EXPECT_THAT(client.call(5, {}, reply, {timeout, true}).status,
                AnyOf(HIVE_RESET, HIVE_DEADLINE));
    EXPECT_LT(Clock::now() - start, timeout + kPatience);
    connections = client.counters().connections;
    if (connections > 1) break;
  }
  EXPECT_GT(connections, 1U);
}

TEST_F(RpcImpostor, CallsUnderWayAreBounded) {
  SocketPath path;
  std::atomic<bool> done{false};
  const Impostor impostor(path.address(), [&](Link& link, const Frame&) {
    Frame frame;
    while (!done) (void)link.receive(frame, Clock::now() + 1ms);
  });
  auto options = caller(monitor_);
  options.most_calls = 4;
  Client client(options, connector(path.address()));
  {
    std::vector<Call> calls;
    for (int i = 0; i < 4; ++i) calls.push_back(client.start(5, {}, within(60s)));
    Bytes reply;
    EXPECT_EQ(client.call(5, {}, reply).status, HIVE_LIMIT);
    EXPECT_EQ(client.counters().calls, 4U);
  }
  EXPECT_EQ(client.counters().calls, 0U);
  done = true;
}

/// Gives a client one connection that it is handed.
class OneConnection : public Connector {
 public:
  explicit OneConnection(hive::UniqueFd end) : end_(std::move(end)) {}
  hive::sdk::Result<std::unique_ptr<Link>> connect(Clock::time_point /*end*/) override {
    return std::unique_ptr<Link>(std::make_unique<SocketLink>(std::move(end_)));
  }

 private:
  hive::UniqueFd end_;
};

TEST(RpcClient, ReadsWhyABusyServerHungUpBeforeItWasGreeted) {
  auto [near, far] = socket_pair();
  {
    SocketLink server(std::move(far));
    const Bytes busy = make_error({HIVE_RPC_BUSY, 0, "too many connections"});
    hive_rpc_frame header{};
    header.kind = HIVE_RPC_ERROR;
    Impostor::send(server, header, busy);
  }
  Client client(caller(), std::make_unique<OneConnection>(std::move(near)));
  Bytes reply;
  const Outcome outcome = client.call(1, {}, reply);
  EXPECT_EQ(outcome.status, HIVE_BUSY) << outcome.message;
}

}  // namespace

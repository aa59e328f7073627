// A server whose callers do not read its replies.
#include <gmock/gmock.h>

#include <future>

#include "guests/sdk/rpc/server_core.h"
#include "tests/unit/sdk/rpc_server_fixture.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;

TEST_F(RpcServer, SlowReadersHurtThemselvesOnly) {
  for (const unsigned workers : {0U, 2U}) {
    const Server server = start(served(workers));
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
  const Server server = start(options, big_replies_after(go.get_future().share()));
  RawCaller deaf = greeted();
  for (std::uint64_t id = 1; id <= 64; ++id) deaf.send(request(id));
  EXPECT_TRUE(eventually([&] { return server.counters().requests == 64; }));
  go.set_value();
  Client client(caller(), connector(path_.address()));
  Bytes reply;
  const Outcome outcome = client.call(1, bytes("a"), reply, within(20s));
  EXPECT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_TRUE(eventually([&] { return server.counters().connections == 1; }));
  EXPECT_TRUE(eventually([&] { return server.counters().cancelled >= 32; }));
}

/// Deadlines that pass one after the other do not begin its patience anew.
TEST_F(RpcServer, ACallerThatNeverReadsGainsNothingByDeadlines) {
  ServerOptions options = served(1);
  options.reply_patience = 1s;
  std::promise<void> go;
  const Server server = start(options, big_replies_after(go.get_future().share()));
  RawCaller deaf = greeted();
  for (std::uint64_t id = 1; id <= 64; ++id) {
    hive_rpc_frame header = request(id);
    if (id > 4) header.time_left = id * 500'000;
    deaf.send(header);
  }
  EXPECT_TRUE(eventually([&] { return server.counters().requests == 64; }));
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
  const Server server(options, big_replies_after(go.get_future().share()),
                      std::make_unique<ListenerOfOneCell>(path_.address()));
  std::vector<RawCaller> deaf;
  for (unsigned i = 0; i < kConnections; ++i) deaf.push_back(greeted());
  for (RawCaller& each : deaf) {
    for (std::uint64_t id = 1; id <= 64; ++id) each.send(request(id));
  }
  EXPECT_TRUE(eventually([&] { return server.counters().requests == 64 * kConnections; }));
  const auto start = Clock::now();
  go.set_value();
  EXPECT_TRUE(eventually([&] { return server.counters().connections == 0; }));
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

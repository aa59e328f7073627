// A server, and callers that a test plays by hand.
#pragma once

#include <memory>
#include <utility>

#include "tests/unit/sdk/rpc_fixture.h"

namespace hive::testing {

/// A caller that a test plays by hand.
class RawCaller {
 public:
  explicit RawCaller(const rpc::Address& address) {
    auto link = connector(address)->connect(soon());
    EXPECT_TRUE(link.ok());
    link_ = std::move(link).value();
  }

  rpc::Link& link() { return *link_; }
  void send(hive_rpc_frame header, ByteView payload = {}) {
    rpc::seal(header, payload);
    EXPECT_EQ(link_->send(header, payload), rpc::Sent::kSent);
  }
  void send_raw(ByteView bytes) {
    (void)!::send(link_->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void greet() {
    hive_rpc_frame header{};
    header.kind = HIVE_RPC_HELLO;
    const hive_rpc_hello hello = rpc::make_hello("test");
    send(header, rpc::bytes_of(hello));
    EXPECT_EQ(next(), HIVE_RPC_WELCOME);
  }
  /// The kind of the next frame; 0 at the end.
  int next() {
    for (;;) {
      const rpc::Received event = link_->receive(frame_, soon());
      if (event == rpc::Received::kFrame) return frame_.header.kind;
      if (event == rpc::Received::kWoken || event == rpc::Received::kRoom) continue;
      EXPECT_EQ(event, rpc::Received::kEnded);
      return 0;
    }
  }
  [[nodiscard]] const rpc::Frame& frame() const { return frame_; }
  [[nodiscard]] rpc::ErrorContent error() const { return rpc::read_error(frame_.payload); }

 private:
  std::unique_ptr<rpc::Link> link_;
  rpc::Frame frame_;
};

class RpcServer : public ::testing::Test {
 protected:
  /// Declared after what HANDLER refers to, so that it ends before.
  [[nodiscard]] rpc::Server start(rpc::ServerOptions options, rpc::Handler handler = echo) const {
    return {std::move(options), std::move(handler), listen(path_.address())};
  }
  [[nodiscard]] RawCaller greeted() const {
    RawCaller raw(path_.address());
    raw.greet();
    return raw;
  }
  void expect_alive() const {
    rpc::Client client(caller(), connector(path_.address()));
    Bytes reply;
    const rpc::Outcome outcome = client.call(1, bytes("alive"), reply, within(kPatience));
    EXPECT_TRUE(outcome.ok()) << outcome.message;
  }

  SocketPath path_;
};

}  // namespace hive::testing

// Frames over a stream, however the stream cuts them.
#include <gtest/gtest.h>
#include <sys/socket.h>
// After sys/socket.h, which it needs.
#include <linux/vm_sockets.h>

#include <optional>
#include <random>

#include "guests/sdk/rpc/socket_link.h"
#include "tests/unit/sdk/rpc_fixture.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;

hive_rpc_frame reply_frame(std::uint64_t id, ByteView payload) {
  hive_rpc_frame header{};
  header.kind = HIVE_RPC_REPLY;
  header.id = id;
  seal(header, payload);
  return header;
}

class RpcSocketLink : public ::testing::Test {
 protected:
  RpcSocketLink() {
    auto [mine, other] = socket_pair();
    link_ = std::make_unique<SocketLink>(std::move(mine));
    other_ = std::move(other);
  }
  void write(ByteView bytes) {
    EXPECT_EQ(::send(other_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  std::unique_ptr<SocketLink> link_;
  hive::UniqueFd other_;
  Frame frame_;
};

TEST_F(RpcSocketLink, FramesMayComeInAnyPieces) {
  std::mt19937 random(3);
  Bytes stream;
  std::vector<Bytes> payloads;
  for (std::uint64_t id = 1; id <= 60; ++id) {
    Bytes payload(id % 5 == 0 ? random() % 40000 : random() % 300);
    for (unsigned char& byte : payload) byte = static_cast<unsigned char>(random());
    const hive_rpc_frame header = reply_frame(id, payload);
    const ByteView head = bytes_of(header);
    stream.insert(stream.end(), head.begin(), head.end());
    stream.insert(stream.end(), payload.begin(), payload.end());
    payloads.push_back(std::move(payload));
  }
  std::size_t sent = 0;
  for (std::size_t next = 0; next < payloads.size();) {
    const Received event = link_->receive(frame_, kNow);
    if (event == Received::kTimeout) {
      ASSERT_LT(sent, stream.size());
      const std::size_t piece = std::min<std::size_t>(
          1 + random() % (random() % 2 == 0 ? 3 : 30000), stream.size() - sent);
      write(ByteView(stream).subspan(sent, piece));
      sent += piece;
      continue;
    }
    ASSERT_EQ(event, Received::kFrame);
    EXPECT_EQ(frame_.header.id, next + 1);
    EXPECT_TRUE(frame_.payload == payloads[next]);
    ++next;
  }
  EXPECT_EQ(link_->receive(frame_, kNow), Received::kTimeout);
  EXPECT_FALSE(link_->pending());
}

TEST_F(RpcSocketLink, WhatBreaksTheRulesEndsIt) {
  hive_rpc_frame header = reply_frame(1, {});
  header.checksum ^= 1;
  write(bytes_of(header));
  EXPECT_EQ(link_->receive(frame_, kNow), Received::kBroken);
  EXPECT_EQ(link_->fault(), HIVE_RPC_FAULT_CHECKSUM);
  write(bytes_of(reply_frame(2, {})));
  EXPECT_EQ(link_->receive(frame_, kNow), Received::kBroken);
}

TEST_F(RpcSocketLink, ALengthIsCheckedBeforeItsPayloadIsWaitedFor) {
  hive_rpc_frame header = reply_frame(1, {});
  header.length = 0xffffffff;
  write(bytes_of(header));
  EXPECT_EQ(link_->receive(frame_, soon()), Received::kBroken);
  EXPECT_EQ(link_->fault(), HIVE_RPC_FAULT_LENGTH);
}

TEST_F(RpcSocketLink, WaitsEndAtTheirEnds) {
  const auto start = Clock::now();
  EXPECT_EQ(link_->receive(frame_, start + 30ms), Received::kTimeout);
  EXPECT_GE(Clock::now() - start, 30ms);
  EXPECT_EQ(link_->receive(frame_, start), Received::kTimeout);
}

TEST_F(RpcSocketLink, AWakeEndsOneWait) {
  link_->wake();
  EXPECT_EQ(link_->receive(frame_, soon()), Received::kWoken);
  EXPECT_EQ(link_->receive(frame_, Clock::now() + 10ms), Received::kTimeout);
  std::thread waker([&] {
    std::this_thread::sleep_for(20ms);
    link_->wake();
  });
  EXPECT_EQ(link_->receive(frame_, soon()), Received::kWoken);
  waker.join();
}

TEST_F(RpcSocketLink, CloseEndsAWaitOfAnotherThread) {
  std::thread closer([&] {
    std::this_thread::sleep_for(20ms);
    link_->close();
  });
  Received event = Received::kWoken;
  while (event == Received::kWoken) event = link_->receive(frame_, soon());
  EXPECT_EQ(event, Received::kEnded);
  closer.join();
  EXPECT_EQ(link_->send(reply_frame(1, {}), {}), Sent::kEnded);
}

TEST_F(RpcSocketLink, IsFullWhenThePeerDoesNotRead) {
  const Bytes payload(64 * 1024, 5);
  std::uint64_t sent = 0;
  while (link_->send(reply_frame(sent + 1, payload), payload) == Sent::kSent) {
    ASSERT_LT(++sent, 100U);
  }
  EXPECT_FALSE(link_->has_room());
  EXPECT_TRUE(link_->wants_write());
  EXPECT_EQ(link_->receive(frame_, Clock::now() + 10ms), Received::kTimeout);
  SocketLink reader(std::move(other_));
  std::uint64_t received = 0;
  while (received < sent) {
    if (reader.receive(frame_, kNow) == Received::kFrame) {
      EXPECT_EQ(frame_.header.id, ++received);
      EXPECT_TRUE(frame_.payload == payload);
    } else {
      EXPECT_EQ(link_->receive(frame_, soon()), Received::kRoom);
    }
  }
  EXPECT_FALSE(link_->wants_write());
}

/// A thread that waits for frames also passes on what another sends meanwhile.
TEST_F(RpcSocketLink, AWaitPassesOnWhatIsSentMeanwhile) {
  const Bytes payload(1U << 20, 5);
  std::thread waits([&] {
    Frame frame;
    while (link_->receive(frame, soon()) != Received::kEnded) continue;
  });
  std::this_thread::sleep_for(10ms);
  EXPECT_EQ(link_->send(reply_frame(1, payload), payload), Sent::kSent);
  {
    SocketLink reader(std::move(other_));
    EXPECT_EQ(reader.receive(frame_, soon()), Received::kFrame);
    EXPECT_TRUE(frame_.payload == payload);
  }
  waits.join();
}

/// Replies that came before the peer died are read, though nothing can be sent any more.
TEST_F(RpcSocketLink, ReadsOnWhenNothingCanBeSent) {
  const Bytes payload(64 * 1024, 5);
  while (link_->send(reply_frame(1, payload), payload) == Sent::kSent) continue;
  write(bytes_of(reply_frame(9, {})));
  other_.reset();
  Received event = Received::kRoom;
  while (event == Received::kRoom) event = link_->receive(frame_, soon());
  EXPECT_EQ(event, Received::kFrame);
  EXPECT_EQ(frame_.header.id, 9U);
  EXPECT_EQ(link_->receive(frame_, soon()), Received::kEnded);
  EXPECT_EQ(link_->send(reply_frame(1, {}), {}), Sent::kEnded);
}

/// Seconds that the kernel tries to connect a vsock socket, once told of an end after LEFT.
double connect_patience(std::optional<Clock::duration> left) {
  const hive::UniqueFd socket(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return -1;
  if (left) {
    EXPECT_TRUE(set_connect_end(socket.get(), Clock::now() + *left));
  }
  timeval got{};
  socklen_t size = sizeof got;
  EXPECT_EQ(::getsockopt(socket.get(), AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &got, &size), 0);
  return static_cast<double>(got.tv_sec) + static_cast<double>(got.tv_usec) / 1e6;
}

TEST(RpcSockets, TheKernelConnectsUntilTheEndOfTheCall) {
  const double usual = connect_patience(std::nullopt);
  if (usual < 0) GTEST_SKIP() << "this kernel has no vsock";
  EXPECT_NEAR(connect_patience(300s), 300, 30);
  const double half = connect_patience(500ms);
  EXPECT_LE(half, 0.5);
  EXPECT_GT(half, 0);
  // 0 would be the kernel's own.
  EXPECT_LT(connect_patience(-1s), 0.1);
  EXPECT_NEAR(connect_patience(std::chrono::hours(1000)), 3600, 1);
}

}  // namespace

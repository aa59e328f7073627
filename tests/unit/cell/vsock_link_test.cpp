#include "vmm/cell/vsock_link.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vmm/base/descriptors.h"

namespace hive::cell {
namespace {

class VsockLinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto [ours, theirs] = pair(SOCK_SEQPACKET);
    monitor_ = std::move(ours);
    VsockLink::Handlers handlers;
    handlers.peer_up = [this](unsigned cell, Incarnation incarnation) {
      log_ += "up " + std::to_string(cell) + " " + std::to_string(incarnation) + ";";
    };
    handlers.peer_down = [this](unsigned cell, Incarnation incarnation) {
      log_ += "down " + std::to_string(cell) + " " + std::to_string(incarnation) + ";";
    };
    handlers.host_answer = [this](std::uint32_t request, UniqueFd socket) {
      log_ += (socket ? "answer " : "refusal ") + std::to_string(request) + ";";
      socket_ = std::move(socket);
    };
    handlers.host_call = [this](std::uint32_t port, UniqueFd socket) {
      log_ += "call " + std::to_string(port) + ";";
      socket_ = std::move(socket);
    };
    handlers.faults = [this](unsigned cell, const PathFaults& faults) {
      log_ += "faults " + std::to_string(cell) + " " + std::to_string(faults.drop) + ";";
    };
    handlers.counts = [] {
      std::vector<VsockCount> counts(2);
      counts[1].cell = 7;
      counts[1].counters.stale = 3;
      return counts;
    };
    handlers.guest_counts = [] { return VsockGuestCounters{5, {1, 2, 3}}; };
    link_.emplace(loop_, std::move(theirs), std::move(handlers));
  }

  static std::pair<UniqueFd, UniqueFd> pair(int type) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()), 0);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
  }

  template <typename Message>
  void say(const Message& message, std::span<const int> files = {}) {
    say_bytes(std::as_bytes(std::span(&message, 1)), files);
  }
  void say_bytes(std::span<const std::byte> bytes, std::span<const int> files = {}) {
    ASSERT_EQ(send_with_files(monitor_.get(), bytes, files), 0);
    loop_.restart();
    loop_.poll();
  }

  /// The lowest number that a descriptor could get now.
  static int next_descriptor() { return UniqueFd(::dup(0)).get(); }

  boost::asio::io_context loop_;
  UniqueFd monitor_;
  UniqueFd socket_;
  std::string log_;
  std::optional<VsockLink> link_;
};

TEST_F(VsockLinkTest, HearsOfPeersAndFaults) {
  say(VsockPeerState{VsockMessage::kPeerUp, 3, 7});
  say(VsockPeerState{VsockMessage::kPeerDown, 4, 8});
  VsockFaults faults;
  faults.cell = 5;
  faults.faults.drop = 100;
  say(faults);
  EXPECT_EQ(log_, "up 3 7;down 4 8;faults 5 100;");
}

TEST_F(VsockLinkTest, AsksForTheHostsSockets) {
  ASSERT_TRUE(link_->ask_host(11, 5000));
  VsockHostOpen open;
  ASSERT_EQ(::recv(monitor_.get(), &open, sizeof open, MSG_TRUNC),
            static_cast<ssize_t>(sizeof open));
  EXPECT_EQ(open.message, VsockMessage::kHostOpen);
  EXPECT_EQ(open.request, 11U);
  EXPECT_EQ(open.port, 5000U);
  VsockHostReply reply;
  reply.request = 11;
  const auto [ours, theirs] = pair(SOCK_STREAM);
  say(reply, std::array{theirs.get()});
  EXPECT_EQ(log_, "answer 11;");
  ASSERT_EQ(::send(socket_.get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(::recv(ours.get(), &byte, 1, MSG_DONTWAIT), 1);
  reply.error = ECONNREFUSED;
  say(reply);
  EXPECT_EQ(log_, "answer 11;refusal 11;");
}

TEST_F(VsockLinkTest, HearsOfTheHostsCalls) {
  VsockHostCall call;
  call.port = 22;
  const auto [ours, theirs] = pair(SOCK_STREAM);
  say(call, std::array{theirs.get()});
  EXPECT_EQ(log_, "call 22;");
  EXPECT_TRUE(socket_.valid());
}

TEST_F(VsockLinkTest, TellsItsCounters) {
  VsockAskCounters ask;
  ask.tag = 42;
  say(ask);
  for (const unsigned cell : {0U, 7U}) {
    VsockCount count;
    ASSERT_EQ(::recv(monitor_.get(), &count, sizeof count, MSG_TRUNC | MSG_DONTWAIT),
              static_cast<ssize_t>(sizeof count));
    EXPECT_EQ(count.tag, 42U);
    EXPECT_EQ(count.cell, cell);
    EXPECT_EQ(count.counters.stale, cell == 7 ? 3U : 0U);
  }
  VsockGuestCount guest;
  ASSERT_EQ(::recv(monitor_.get(), &guest, sizeof guest, MSG_TRUNC | MSG_DONTWAIT),
            static_cast<ssize_t>(sizeof guest));
  EXPECT_EQ(guest.message, VsockMessage::kGuestCounters);
  EXPECT_EQ(guest.tag, 42U);
  EXPECT_EQ(guest.counters.malformed, 5U);
  EXPECT_EQ(guest.counters.host.cut, 3U);
}

TEST_F(VsockLinkTest, PassesOverWhatBreaksTheProtocolAndKeepsNoDescriptor) {
  const auto [ours, theirs] = pair(SOCK_STREAM);
  const auto [packets, others] = pair(SOCK_SEQPACKET);
  const int before = next_descriptor();
  const std::array many{theirs.get(), theirs.get(), theirs.get(), theirs.get()};
  VsockHostCall call;
  say(call);                             // Without a socket.
  say(call, std::span(many).first(2));   // With two.
  say(call, many);                       // With more than there is room for.
  say(call, std::array{packets.get()});  // With another kind.
  VsockHostReply refusal;
  refusal.error = EPERM;
  say(refusal, std::span(many).first(1));
  say(VsockPeerState{VsockMessage::kPeerUp, 3, 7}, std::span(many).first(1));
  say(VsockPeerState{VsockMessage::kHostOpen, 3, 7});
  say(VsockAskCounters{VsockMessage::kFaults, 0});
  say_bytes(std::as_bytes(std::span("xy")));
  say_bytes(std::vector<std::byte>(5000));
  EXPECT_EQ(log_, "");
  EXPECT_EQ(next_descriptor(), before);
  say(VsockPeerState{VsockMessage::kPeerUp, 3, 7});
  EXPECT_EQ(log_, "up 3 7;");
}

TEST_F(VsockLinkTest, RefusesCallsOnceTheMonitorIsGone) {
  monitor_.reset();
  loop_.restart();
  loop_.poll();
  EXPECT_FALSE(link_->ask_host(1, 1));
}

}  // namespace
}  // namespace hive::cell

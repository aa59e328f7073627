#include <gtest/gtest.h>

#include <random>

#include "vmm/device/vsock/credit.h"
#include "vmm/device/vsock/path_faults.h"
#include "vmm/device/vsock/switch.h"

namespace hive::device::vsock {
namespace {

using std::chrono::milliseconds;
constexpr Clock::time_point kStart{std::chrono::hours(1)};
constexpr Cid kOwn = 3;

Header packet(std::uint64_t source, std::uint32_t source_port, std::uint64_t target,
              std::uint32_t target_port, Op op, std::uint32_t length = 0) {
  Header header;
  header.source_cid = source;
  header.source_port = source_port;
  header.target_cid = target;
  header.target_port = target_port;
  header.type = kStream;
  header.op = op;
  header.length = length;
  header.buffer = 1000;
  return header;
}

/// Cell 0 at CID 3 with siblings 1 (may be called), 2 (may call), at CIDs 4 and 5.
class VsockSwitch : public testing::Test {
 protected:
  VsockSwitch() {
    packets.peer_up(0, 1);
    packets.peer_up(1, 1);
  }

  Switch::Route from_guest(const Header& header) {
    return packets.from_guest(header, header.length, now);
  }
  bool from_peer(std::size_t peer, const Header& header) {
    return packets.from_peer(peer, header, header.length, now);
  }
  /// Guest's port 1000 to port 80 of sibling 1.
  Header mine(Op op, std::uint32_t length = 0) { return packet(3, 1000, 4, 80, op, length); }
  Header theirs(Op op, std::uint32_t length = 0) { return packet(4, 80, 3, 1000, op, length); }
  void connect() {
    ASSERT_EQ(from_guest(mine(Op::kRequest)).to, Switch::Route::kPeer);
    ASSERT_TRUE(from_peer(0, theirs(Op::kResponse)));
  }
  Op guest_gets() { return packets.owed_to_guest() == 0 ? Op{} : packets.take_for_guest().op; }
  Op peer_gets() {
    const auto owed = packets.take_for_peers();
    return owed.empty() ? Op{} : owed.back().header.op;
  }

  std::array<PeerRights, 2> rights{{{1, 4, true, false}, {2, 5, false, true}}};
  Switch packets{kOwn, 9, rights};
  Clock::time_point now = kStart;
};

TEST_F(VsockSwitch, LetsThoseCallThatMay) {
  EXPECT_EQ(from_guest(packet(3, 1, 4, 2, Op::kRequest)).to, Switch::Route::kPeer);
  EXPECT_EQ(from_guest(packet(3, 1, 5, 2, Op::kRequest)).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op::kReset);
  EXPECT_EQ(packets.count(1).refused, 1U);
  EXPECT_TRUE(from_peer(1, packet(5, 1, 3, 2, Op::kRequest)));
  EXPECT_FALSE(from_peer(0, packet(4, 1, 3, 2, Op::kRequest)));
  EXPECT_EQ(peer_gets(), Op::kReset);
  EXPECT_EQ(packets.count(0).refused, 1U);
  // Who was called may answer and send, even where it may not call.
  EXPECT_EQ(from_guest(packet(3, 2, 5, 1, Op::kResponse)).to, Switch::Route::kPeer);
  EXPECT_EQ(from_guest(packet(3, 2, 5, 1, Op::kPayload, 10)).to, Switch::Route::kPeer);
}

TEST_F(VsockSwitch, DropsWhatTheGuestForges) {
  EXPECT_EQ(from_guest(packet(4, 1, 4, 2, Op::kRequest)).to, Switch::Route::kNowhere);
  EXPECT_EQ(packets.from_guest(mine(Op::kPayload, 10), 11, now).to, Switch::Route::kNowhere);
  EXPECT_EQ(from_guest(mine(Op::kRequest, 10)).to, Switch::Route::kNowhere);
  EXPECT_EQ(from_guest(mine(Op::kPayload, kMaxPayload + 1)).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op{});
  EXPECT_EQ(packets.malformed_by_guest(), 4U);
}

TEST_F(VsockSwitch, AnswersWhatItDoesNotKnowByResets) {
  EXPECT_EQ(from_guest(mine(Op{0})).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op::kReset);
  auto odd = mine(Op::kRequest);
  odd.type = 7;
  EXPECT_EQ(from_guest(odd).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op::kReset);
  EXPECT_EQ(from_guest(packet(3, 1, 1ULL << 32 | 4, 2, Op::kRequest)).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op::kReset);
  // But no reset by a reset.
  EXPECT_EQ(from_guest(packet(3, 1, 77, 2, Op::kReset)).to, Switch::Route::kNowhere);
  EXPECT_EQ(from_guest(mine(Op::kReset)).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op{});
}

TEST_F(VsockSwitch, DropsWhatASiblingForges) {
  EXPECT_FALSE(from_peer(0, packet(5, 1, 3, 2, Op::kRequest)));
  EXPECT_FALSE(from_peer(0, packet(4, 1, 5, 2, Op::kRequest)));
  EXPECT_FALSE(packets.from_peer(0, theirs(Op::kPayload, 10), 9, now));
  EXPECT_EQ(packets.count(0).malformed, 3U);
  EXPECT_FALSE(from_peer(0, theirs(Op{99})));
  EXPECT_EQ(packets.count(0).malformed, 4U);
}

TEST_F(VsockSwitch, RefusesPacketsOfNoConnection) {
  EXPECT_EQ(from_guest(mine(Op::kPayload, 5)).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op::kReset);
  EXPECT_FALSE(from_peer(0, theirs(Op::kPayload, 5)));
  EXPECT_EQ(peer_gets(), Op::kReset);
  EXPECT_FALSE(from_peer(0, theirs(Op::kReset)));
  EXPECT_EQ(peer_gets(), Op{});
}

TEST_F(VsockSwitch, ResetsAConnectionWhoseSiblingSendsMoreThanThereIsRoomFor) {
  connect();
  EXPECT_TRUE(from_peer(0, theirs(Op::kPayload, 600)));
  EXPECT_FALSE(from_peer(0, theirs(Op::kPayload, 600)));
  EXPECT_EQ(packets.count(0).over_credit, 1U);
  EXPECT_EQ(guest_gets(), Op::kReset);
  EXPECT_EQ(peer_gets(), Op::kReset);
  EXPECT_EQ(packets.count(0).connections, 0U);
}

TEST_F(VsockSwitch, ResetsAConnectionWhoseGuestSendsMoreThanThereIsRoomFor) {
  connect();
  EXPECT_EQ(from_guest(mine(Op::kPayload, 1000)).to, Switch::Route::kPeer);
  auto update = theirs(Op::kCreditUpdate);
  update.forwarded = 1000;
  EXPECT_TRUE(from_peer(0, update));
  EXPECT_EQ(from_guest(mine(Op::kPayload, 1000)).to, Switch::Route::kPeer);
  EXPECT_EQ(from_guest(mine(Op::kPayload, 1)).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op::kReset);
  EXPECT_EQ(peer_gets(), Op::kReset);
}

TEST_F(VsockSwitch, WantsAnAnswerBeforePayload) {
  EXPECT_EQ(from_guest(mine(Op::kRequest)).to, Switch::Route::kPeer);
  EXPECT_EQ(from_guest(mine(Op::kPayload, 1)).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op::kReset);
  EXPECT_EQ(peer_gets(), Op::kReset);
}

TEST_F(VsockSwitch, TakesAnAnswerFromWhoWasCalledOnly) {
  EXPECT_EQ(from_guest(mine(Op::kRequest)).to, Switch::Route::kPeer);
  EXPECT_EQ(from_guest(mine(Op::kResponse)).to, Switch::Route::kNowhere);
  EXPECT_TRUE(from_peer(0, theirs(Op::kResponse)));
  EXPECT_FALSE(from_peer(0, theirs(Op::kResponse)));
}

TEST_F(VsockSwitch, ResetsAllOfASiblingThatGoes) {
  connect();
  ASSERT_EQ(from_guest(packet(3, 1001, 4, 80, Op::kRequest)).to, Switch::Route::kPeer);
  packets.peer_down(0, 1);
  EXPECT_EQ(guest_gets(), Op::kReset);
  EXPECT_EQ(guest_gets(), Op::kReset);
  EXPECT_EQ(guest_gets(), Op{});
  EXPECT_EQ(packets.count(0).resets, 2U);
  EXPECT_EQ(from_guest(mine(Op::kRequest)).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op::kReset);
  EXPECT_EQ(packets.count(0).refused, 0U);
}

TEST_F(VsockSwitch, TellsOldRecordsFromPresentAndEarlyOnes) {
  const std::uint64_t begun = 2;
  EXPECT_EQ(packets.judge(0, 1, 9, begun), Switch::Age::kPresent);
  EXPECT_EQ(packets.judge(0, 1, 8, begun), Switch::Age::kStale);
  EXPECT_EQ(packets.judge(0, 0, 9, begun), Switch::Age::kStale);
  EXPECT_EQ(packets.judge(0, 2, 9, begun), Switch::Age::kEarly);
  EXPECT_EQ(packets.judge(0, 3, 9, begun), Switch::Age::kStale);
  packets.peer_down(0, 1);
  EXPECT_EQ(packets.judge(0, 1, 9, begun), Switch::Age::kStale);
  EXPECT_EQ(packets.judge(0, 2, 9, begun), Switch::Age::kEarly);
  EXPECT_TRUE(packets.peer_up(0, 2));
  EXPECT_FALSE(packets.peer_up(0, 1));
  EXPECT_EQ(packets.judge(0, 2, 9, begun), Switch::Age::kPresent);
  EXPECT_EQ(packets.judge(0, 1, 9, begun), Switch::Age::kStale);
  packets.peer_down(0, 1);  // Of one that is gone anyway.
  EXPECT_EQ(packets.judge(0, 2, 9, begun), Switch::Age::kPresent);
}

TEST_F(VsockSwitch, ACallInPlaceOfAConnectionEndsThatAtTheOtherSideFirst) {
  connect();
  EXPECT_EQ(from_guest(mine(Op::kRequest)).to, Switch::Route::kPeer);
  EXPECT_EQ(peer_gets(), Op::kReset);
  EXPECT_EQ(packets.count(0).connections, 1U);
}

TEST_F(VsockSwitch, BoundsTheConnectionsOfAPair) {
  for (std::uint32_t port = 0; port < Connections::kMost; ++port) {
    ASSERT_EQ(from_guest(packet(3, port, 4, 80, Op::kRequest)).to, Switch::Route::kPeer);
  }
  EXPECT_EQ(from_guest(packet(3, 9999, 4, 80, Op::kRequest)).to, Switch::Route::kNowhere);
  EXPECT_EQ(guest_gets(), Op::kReset);
  // The other pair has its own.
  EXPECT_TRUE(from_peer(1, packet(5, 1, 3, 2, Op::kRequest)));
  // Calls that nobody has answered for long make room.
  now += Connections::kCallLimit;
  EXPECT_EQ(from_guest(packet(3, 9999, 4, 80, Op::kRequest)).to, Switch::Route::kPeer);
}

TEST_F(VsockSwitch, LooksForCallsThatNobodyHasAnsweredOnlyNowAndThen) {
  for (std::uint32_t port = 0; port < Connections::kMost; ++port) {
    ASSERT_EQ(from_guest(packet(3, port, 4, 80, Op::kRequest)).to, Switch::Route::kPeer);
  }
  constexpr std::chrono::milliseconds kHalf =
      std::chrono::milliseconds(Connections::kSweepPause) / 2;
  now += Connections::kCallLimit - kHalf;
  EXPECT_EQ(from_guest(packet(3, 9999, 4, 80, Op::kRequest)).to, Switch::Route::kNowhere);
  now += kHalf;
  EXPECT_EQ(from_guest(packet(3, 9999, 4, 80, Op::kRequest)).to, Switch::Route::kNowhere);
  now += kHalf;
  EXPECT_EQ(from_guest(packet(3, 9999, 4, 80, Op::kRequest)).to, Switch::Route::kPeer);
}

TEST_F(VsockSwitch, BoundsWhatItOwesAGuestThatTakesNothing) {
  for (int i = 0; i < 100'000; ++i) (void)from_guest(packet(3, 1, 99, 2, Op::kRequest));
  EXPECT_LE(packets.owed_to_guest(), 4096U);
}

TEST_F(VsockSwitch, OwesAnswersBesideTheResetsOfASiblingThatIsLost) {
  for (std::uint32_t port = 0; port < Connections::kMost; ++port) {
    ASSERT_EQ(from_guest(packet(3, port, 4, 80, Op::kRequest)).to, Switch::Route::kPeer);
  }
  packets.peer_down(0, 1);
  packets.owe_guest(packet(2, 5000, 3, 1000, Op::kCreditUpdate));
  for (std::uint32_t port = 0; port < Connections::kMost; ++port) {
    ASSERT_EQ(guest_gets(), Op::kReset);
  }
  EXPECT_EQ(guest_gets(), Op::kCreditUpdate);
  EXPECT_EQ(guest_gets(), Op{});
}

TEST_F(VsockSwitch, TellsSiblingsThatTheGuestIsGone) {
  connect();
  packets.guest_gone();
  EXPECT_EQ(peer_gets(), Op::kReset);
  EXPECT_EQ(packets.owed_to_guest(), 0U);
}

TEST(VsockCredit, NeverTakesRoomBack) {
  CreditWindow window;
  EXPECT_EQ(window.room(), 0U);
  window.advertise(100, 0);
  EXPECT_TRUE(window.spend(60));
  window.advertise(10, 0);
  EXPECT_TRUE(window.spend(40));
  EXPECT_FALSE(window.spend(1));
  window.advertise(100, 100);
  EXPECT_EQ(window.room(), 100U);
}

TEST(VsockCredit, CountsAcrossTheWrap) {
  CreditWindow window;
  window.advertise(0x4000'0000, 0);
  std::uint32_t forwarded = 0;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(window.spend(0x4000'0000)) << i;
    ASSERT_FALSE(window.spend(1));
    forwarded += 0x4000'0000;
    window.advertise(0x4000'0000, forwarded);
  }
  window.advertise(0xffff'ffff, forwarded);
  EXPECT_EQ(window.room(), 0x7fff'ffffU);
}

class VsockFaults : public testing::Test {
 protected:
  static HeldPacket numbered(std::uint32_t number) {
    HeldPacket held;
    held.header.source_port = number;
    held.payload.resize(16);
    return held;
  }
  /// What comes out of COUNT packets, by number; corrupt ones are 1000 more.
  std::vector<std::uint32_t> run(const PathFaults& faults, std::uint32_t count) {
    FaultStage stage;
    stage.set(faults);
    std::vector<std::uint32_t> out;
    for (std::uint32_t number = 0; number < count; ++number) {
      changed += stage.push(numbered(number), now) ? 1 : 0;
      drain(stage, out);
    }
    now += std::chrono::seconds(2);
    drain(stage, out);
    EXPECT_FALSE(stage.next());
    return out;
  }
  void drain(FaultStage& stage, std::vector<std::uint32_t>& out) const {
    while (const HeldPacket* packet = stage.front(now)) {
      unsigned bits = 0;
      for (const std::byte byte : packet->payload) {
        bits += static_cast<unsigned>(std::popcount(static_cast<unsigned>(byte)));
      }
      EXPECT_LE(bits, 1U);
      out.push_back(packet->header.source_port + bits * 1000);
      stage.pop();
    }
  }
  Clock::time_point now = kStart;
  unsigned changed = 0;
};

TEST_F(VsockFaults, DoWhatTheirRatesSay) {
  EXPECT_TRUE(run({.drop = kPathFaultScale}, 5).empty());
  EXPECT_EQ(run({.duplicate = kPathFaultScale}, 2), (std::vector<std::uint32_t>{0, 0, 1, 1}));
  EXPECT_EQ(run({.corrupt = kPathFaultScale}, 2), (std::vector<std::uint32_t>{1000, 1001}));
  EXPECT_EQ(run({.reorder = kPathFaultScale}, 5), (std::vector<std::uint32_t>{1, 0, 3, 2, 4}));
  const auto half = run({.drop = kPathFaultScale / 2, .seed = 3}, 10'000).size();
  EXPECT_GT(half, 4800U);
  EXPECT_LT(half, 5200U);
}

TEST_F(VsockFaults, AreTheSameForTheSameSeed) {
  const PathFaults faults{
      .drop = 100'000, .duplicate = 100'000, .reorder = 200'000, .corrupt = 50'000, .seed = 42};
  const auto first = run(faults, 1000);
  EXPECT_EQ(run(faults, 1000), first);
  PathFaults other = faults;
  other.seed = 43;
  EXPECT_NE(run(other, 1000), first);
}

TEST_F(VsockFaults, DelayWhatTheySay) {
  FaultStage stage;
  stage.set({.delay = kPathFaultScale, .delay_us = 5000});
  EXPECT_TRUE(stage.push(numbered(1), now));
  EXPECT_EQ(stage.front(now), nullptr);
  EXPECT_EQ(stage.next(), now + milliseconds(5));
  EXPECT_NE(stage.front(now + milliseconds(5)), nullptr);
}

}  // namespace
}  // namespace hive::device::vsock

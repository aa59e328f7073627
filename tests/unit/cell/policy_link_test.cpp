#include "vmm/cell/policy_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "vmm/cell/policy_protocol.h"

namespace hive::cell {
namespace {

constexpr hive_wax_hint kHint{9, 7, HIVE_WAX_LEND, 1, 2, 3, 0};

class PolicyLinkTest : public ::testing::Test {
 protected:
  PolicyLinkTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    monitor_.reset(ends[0]);
    vmm_.reset(ends[1]);
  }

  /// What comes next; nothing where nothing does, or it makes no sense.
  std::optional<PolicyPacket> next() {
    std::array<std::byte, kMaxPolicyPacket + 1> bytes{};
    const ssize_t size = ::recv(monitor_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    return parse_policy_packet(std::span(bytes).first(static_cast<std::size_t>(size)));
  }

  UniqueFd monitor_;
  UniqueFd vmm_;
};

TEST_F(PolicyLinkTest, BringsHintsAndBeatsToTheMonitor) {
  const PolicyLink link(std::move(vmm_));
  EXPECT_TRUE(link.send(kHint));
  link.tell(5, 6);
  const auto hint = next();
  ASSERT_TRUE(hint && std::holds_alternative<PolicyHint>(*hint));
  EXPECT_EQ(std::memcmp(&std::get<PolicyHint>(*hint).hint, &kHint, sizeof kHint), 0);
  const auto beat = next();
  ASSERT_TRUE(beat && std::holds_alternative<PolicyBeat>(*beat));
  EXPECT_EQ(std::get<PolicyBeat>(*beat).rounds, 5U);
  EXPECT_EQ(std::get<PolicyBeat>(*beat).dropped, 6U);
  EXPECT_FALSE(next());
}

TEST_F(PolicyLinkTest, LosesWhatItsMonitorDoesNotTake) {
  const PolicyLink link(std::move(vmm_));
  unsigned sent = 0;
  while (sent < 1'000'000 && link.send(kHint)) ++sent;
  EXPECT_GE(sent, HIVE_WAX_MAX_HINTS) << "as many as come at once find room";
  EXPECT_LT(sent, 1'000'000U);
  link.tell(1, 1);
  while (next()) {
  }
  EXPECT_TRUE(link.send(kHint)) << "once there is room again";
}

TEST_F(PolicyLinkTest, LosesEverythingWithoutAMonitor) {
  const PolicyLink none{UniqueFd()};
  EXPECT_FALSE(none.send(kHint));
  none.tell(1, 1);
  const PolicyLink gone(std::move(vmm_));
  monitor_.reset();
  EXPECT_FALSE(gone.send(kHint));
}

TEST(PolicyProtocol, KnowsPacketsByTheirKindAndSize) {
  const auto parse = [](const auto& packet, std::size_t size) {
    std::array<std::byte, kMaxPolicyPacket + 1> bytes{};
    std::memcpy(bytes.data(), &packet, sizeof packet);
    return parse_policy_packet(std::span(bytes).first(size));
  };
  PolicyHint hint;
  EXPECT_TRUE(parse(hint, sizeof hint));
  EXPECT_FALSE(parse(hint, sizeof hint + 1));
  EXPECT_FALSE(parse(hint, sizeof hint - 1));
  EXPECT_FALSE(parse(hint, sizeof(PolicyBeat)));
  EXPECT_FALSE(parse(hint, 0));
  hint.message = PolicyMessage::kBeat;
  EXPECT_FALSE(parse(hint, sizeof hint));
  PolicyBeat beat;
  EXPECT_TRUE(parse(beat, sizeof beat));
  beat.reserved = 1;
  EXPECT_FALSE(parse(beat, sizeof beat));
  beat = {};
  beat.message = PolicyMessage{3};
  EXPECT_FALSE(parse(beat, sizeof beat));
}

}  // namespace
}  // namespace hive::cell

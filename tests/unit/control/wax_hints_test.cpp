// Which of Wax's hints its monitor passes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/control/wax/wax_host.h"
#include "tests/support/run_until.h"
#include "tests/unit/control/vsock_monitors.h"
#include "vmm/cell/policy_protocol.h"

namespace hive::control {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Le;

constexpr std::size_t kCells = 3;
constexpr std::size_t kFlood = 190;
static_assert(kFlood + WaxHost::kHintBurst <= HIVE_WAX_MAX_HINTS, "no more than are read at once");

/// The monitor of a machine's third cell, and the end of the link that is Wax's VMM's.
class WaxHints : public testing::Test {
 protected:
  WaxHints() : passed_(kCells) {
    WaxHost::Handlers handlers;
    handlers.pass_on = [this](CellId cell, const hive_wax_hint&) {
      if (static_cast<std::size_t>(cell) == kCells - 1) return false;  // Its own.
      ++passed_[static_cast<std::size_t>(cell)];
      return true;
    };
    handlers.guest_runs = [this] { return guest_runs_; };
    host_.emplace(loop_, kCells, members_, std::move(handlers));
    attach();
  }

  void attach() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
              0);
    vmm_.reset(ends[1]);
    host_->attach(UniqueFd(ends[0]), 1);
  }

  static plan::Machine machine() {
    static int count = 0;
    plan::Machine made;
    made.name = "hints-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    for (const char* name : {"alpha", "beta", "wax"}) {
      plan::Cell cell;
      cell.id = CellId{static_cast<std::uint8_t>(made.cells.size())};
      cell.name = name;
      made.cells.push_back(cell);
    }
    return made;
  }

  /// Wax gives COUNT hints of KIND for CELL, and its monitor reads them.
  void advise(std::uint32_t kind, std::uint32_t cell, std::size_t count) {
    cell::PolicyHint packet;
    packet.hint.epoch = host_->epoch();
    packet.hint.incarnation = 1;
    packet.hint.kind = kind;
    packet.hint.cell = cell;
    const std::uint64_t wanted = host_->counts().hints + count;
    std::size_t sent = 0;
    test::run_until(loop_, [&] {
      while (sent<count&& ::send(vmm_.get(), &packet, sizeof packet, MSG_NOSIGNAL)> 0) ++sent;
      return host_->counts().hints == wanted;
    });
  }

  /// Wax's VMM says that it has done so many ROUNDS, and its monitor reads that and a hint.
  void beat(std::uint64_t rounds) {
    cell::PolicyBeat packet;
    packet.rounds = rounds;
    EXPECT_EQ(::send(vmm_.get(), &packet, sizeof packet, MSG_NOSIGNAL),
              static_cast<ssize_t>(sizeof packet));
    advise(HIVE_WAX_WEIGHT, 0, 1);
  }

  /// The hints that may have been passed on to a cell by now.
  [[nodiscard]] std::size_t most() const {
    const auto passed = std::chrono::steady_clock::now() - start_;
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(passed).count();
    return WaxHost::kHintBurst + WaxHost::kHintRate * static_cast<std::size_t>(seconds);
  }

  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  boost::asio::io_context loop_{1};
  plan::Machine machine_ = machine();
  Siblings siblings_{loop_, machine_, kCells - 1, quiet_log()};
  Members members_{loop_, machine_, siblings_, agree::kFounder, nullptr, {}, quiet_log()};
  bool guest_runs_ = true;
  std::vector<std::size_t> passed_;
  std::optional<WaxHost> host_;
  UniqueFd vmm_;
};

TEST_F(WaxHints, ComeWithRoundsOfAGuestThatRuns) {
  beat(3);
  EXPECT_EQ(host_->counts().rounds, 3U);
  guest_runs_ = false;
  beat(9);
  EXPECT_EQ(host_->counts().rounds, 3U) << "it is its VMM that says so";
  guest_runs_ = true;
  beat(10);
  EXPECT_EQ(host_->counts().rounds, 10U);
}

TEST_F(WaxHints, AreLimitedForEachCellThatTheyAreFor) {
  advise(HIVE_WAX_WEIGHT, 0, kFlood);
  EXPECT_GE(passed_[0], WaxHost::kHintBurst);
  EXPECT_LE(passed_[0], most()) << "no other cell's share is its";
  advise(HIVE_WAX_WEIGHT, 1, WaxHost::kHintBurst);
  EXPECT_EQ(passed_[1], WaxHost::kHintBurst) << "nor is the flood others'";
  EXPECT_EQ(host_->counts().too_many, kFlood - passed_[0]);
  EXPECT_EQ(host_->counts().passed_on, passed_[0] + passed_[1]);
}

TEST_F(WaxHints, ForAllCellsCountForEach) {
  advise(HIVE_WAX_PLACE, 0, kFlood);
  EXPECT_THAT(passed_, ElementsAre(Le(most()), Le(most()), 0U));
  EXPECT_GE(passed_[0], WaxHost::kHintBurst);
  EXPECT_EQ(passed_[0], passed_[1]);
  EXPECT_EQ(host_->counts().passed_on, passed_[0]);
  EXPECT_EQ(host_->counts().too_many, kFlood - passed_[0]);
}

TEST_F(WaxHints, ForNobodyGoNowhere) {
  advise(HIVE_WAX_WEIGHT, kCells, 1);
  advise(HIVE_WAX_PLACE, ~0U, 1);
  advise(HIVE_WAX_WEIGHT, kCells - 1, 1);
  EXPECT_EQ(host_->counts().nowhere, 3U);
  EXPECT_THAT(passed_, Each(0U));
}

TEST_F(WaxHints, AreReadNoFasterThanTheirVmmMaySendThem) {
  constexpr std::uint64_t kAtOnce = HIVE_WAX_MAX_HINTS + WaxHost::kBeatRate;
  constexpr std::uint64_t kRate = kCells * WaxHost::kHintRate + WaxHost::kBeatRate;
  const cell::PolicyHint packet;
  std::uint64_t sent = 0;
  // All that the socket has room for, and all that is given up: the VMM never waits.
  test::run_until(loop_, [&] {
    while (::send(vmm_.get(), &packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) ++sent;
    return host_->counts().hints > kAtOnce + kRate / 2;
  });
  const auto passed = std::chrono::steady_clock::now() - start_;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(passed).count();
  // A packet a time is read beyond them, which shows that there are too many.
  EXPECT_LE(host_->counts().hints, kAtOnce + (kRate + 5) * static_cast<std::uint64_t>(seconds));
  EXPECT_GT(sent, host_->counts().hints);
}

TEST_F(WaxHints, OfTheNextVmmAreReadThoughTheLastOneWasHeldBack) {
  const std::array<char, 100> overlong{};
  test::run_until(loop_, [&] {
    while (::send(vmm_.get(), overlong.data(), overlong.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
    }
    return host_->counts().malformed > HIVE_WAX_MAX_HINTS + WaxHost::kBeatRate;
  });
  EXPECT_LE(host_->counts().malformed, 2 * HIVE_WAX_MAX_HINTS) << "these count as well";
  host_->detach();
  loop_.run_for(std::chrono::milliseconds(300));
  loop_.restart();
  attach();
  advise(HIVE_WAX_WEIGHT, 0, kFlood);
  EXPECT_GE(passed_[0], WaxHost::kHintBurst);
}

}  // namespace
}  // namespace hive::control

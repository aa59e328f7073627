// What a cell that is out of the machine's view is refused, though its monitor is there.
#include <gmock/gmock.h>
#include <spdlog/sinks/null_sink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cellmon/control/global_memory.h"
#include "tests/support/run_until.h"
#include "tests/unit/control/vsock_monitors.h"
#include "vmm/cell/global_protocol.h"

namespace hive::control {
namespace {

using testing::HasSubstr;

constexpr CellId kAlpha{0};
constexpr CellId kBeta{1};

/// One cell's monitor, as far as global memory goes, with the VMM's end of the link.
struct Home {
  Home(boost::asio::io_context& loop, const plan::Machine& machine, unsigned own)
      : siblings(loop, machine, own, quiet_log()),
        memory(
            loop, machine, siblings, [](CellId, const std::string&) {}, quiet_log()) {
    siblings.start(machine.cells[own].shared, memory.files());
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
              0);
    vmm.reset(ends[1]);
    memory.attach(UniqueFd(ends[0]), 1);
  }

  /// Lets beta write four pages of this home.
  hive_global_reply grant() {
    hive_global_request request{};
    request.operation = HIVE_GLOBAL_GRANT;
    request.cell = static_cast<std::uint32_t>(kBeta);
    request.pages = request.stride = 4;
    request.runs = 1;
    return memory.decide(request);
  }

  Siblings siblings;
  GlobalMemory memory;
  UniqueFd vmm;
};

class CutOff : public testing::Test {
 protected:
  CutOff() {
    static int count = 0;
    machine_.name = "cut-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    for (const char* name : {"alpha", "beta"}) {
      plan::Cell cell;
      cell.id = CellId{static_cast<std::uint8_t>(machine_.cells.size())};
      cell.name = name;
      cell.shared = 1 << 20;
      machine_.cells.push_back(cell);
    }
    alpha_ = std::make_unique<Home>(loop_, machine_, 0);
    beta_ = std::make_unique<Home>(loop_, machine_, 1);
    run_until([this] { return alpha_->siblings.are_ready() && beta_->siblings.are_ready(); });
  }

  void run_until(const std::function<bool()>& holds) { test::run_until(loop_, holds); }

  /// FROM's guest asks about the cell HOME.
  hive_global_status ask(Home& from, CellId home) {
    cell::GuestRequest packet;
    packet.request.operation = HIVE_GLOBAL_CELL;
    packet.request.home = static_cast<std::uint32_t>(home);
    EXPECT_EQ(::send(from.vmm.get(), &packet, sizeof packet, 0),
              static_cast<ssize_t>(sizeof packet));
    hive_global_reply reply{};
    run_until(
        [&] { return ::recv(from.vmm.get(), &reply, sizeof reply, MSG_DONTWAIT | MSG_PEEK) > 0; });
    EXPECT_EQ(::recv(from.vmm.get(), &reply, sizeof reply, MSG_DONTWAIT),
              static_cast<ssize_t>(sizeof reply));
    return static_cast<hive_global_status>(reply.status);
  }

  boost::asio::io_context loop_{1};
  plan::Machine machine_;
  std::unique_ptr<Home> alpha_;
  std::unique_ptr<Home> beta_;
};

TEST_F(CutOff, TakesRightsAndGivesNone) {
  ASSERT_EQ(alpha_->grant().status, HIVE_GLOBAL_OK);
  const firewall::Ledger& ledger = alpha_->memory.gatekeeper().ledger();
  EXPECT_EQ(ledger.count_writable(kBeta), 4U);
  alpha_->siblings.cut_off(kBeta);
  EXPECT_EQ(ledger.count_writable(kBeta), 0U);
  const hive_global_reply refusal = alpha_->grant();
  EXPECT_EQ(refusal.status, HIVE_GLOBAL_NO_SUCH_CELL);
  EXPECT_THAT(std::string(refusal.message), HasSubstr("cell beta has failed"));
  EXPECT_EQ(ledger.count_writable(kBeta), 0U);
  alpha_->siblings.admit(kBeta);
  EXPECT_EQ(alpha_->grant().status, HIVE_GLOBAL_OK);
}

TEST_F(CutOff, RefusesWhatTheCellAsks) {
  EXPECT_EQ(ask(*beta_, kAlpha), HIVE_GLOBAL_OK);
  alpha_->siblings.cut_off(kBeta);
  EXPECT_EQ(ask(*beta_, kAlpha), HIVE_GLOBAL_NO_SUCH_CELL);
  alpha_->siblings.admit(kBeta);
  EXPECT_EQ(ask(*beta_, kAlpha), HIVE_GLOBAL_OK);
}

TEST_F(CutOff, AsksTheCellNothing) {
  EXPECT_EQ(ask(*alpha_, kBeta), HIVE_GLOBAL_OK);
  alpha_->siblings.cut_off(kBeta);
  EXPECT_EQ(ask(*alpha_, kBeta), HIVE_GLOBAL_HOME_GONE);
}

/// The VMM of alpha, as far as closed homes go.
class ClosingVmm : public CutOff {
 protected:
  ClosingVmm() {
    alpha_->memory.set_on_closed([this] { ++closed_; });
  }

  /// The order that it is given now, if any.
  std::optional<std::uint64_t> order() {
    cell::ClosedHomes order;
    if (::recv(alpha_->vmm.get(), &order, sizeof order, MSG_DONTWAIT) != sizeof order) return {};
    EXPECT_EQ(order.message, cell::GlobalMessage::kClosedHomes);
    return order.homes;
  }
  template <typename Packet>
  void say(const Packet& packet, std::size_t size = sizeof(Packet)) {
    EXPECT_EQ(::send(alpha_->vmm.get(), &packet, size, 0), static_cast<ssize_t>(size));
    loop_.restart();
    loop_.poll();
  }
  void say_closed(std::uint64_t homes, std::size_t size = sizeof(cell::ClosedHomes)) {
    cell::ClosedHomes done;
    done.homes = homes;
    say(done, size);
  }
  bool close() { return alpha_->memory.close_homes(); }

  unsigned closed_ = 0;  ///< How often alpha's monitor was told that it is done.
};

TEST_F(ClosingVmm, HasItsWordWaitedForOnce) {
  EXPECT_TRUE(close());
  alpha_->siblings.cut_off(kBeta);
  EXPECT_EQ(alpha_->memory.config().closed, 2U);
  EXPECT_FALSE(close());
  EXPECT_FALSE(close());
  EXPECT_EQ(order(), 2U);
  EXPECT_EQ(order(), std::nullopt);
  EXPECT_FALSE(alpha_->memory.is_closed(1));
  say_closed(2);
  EXPECT_EQ(closed_, 1U);
  EXPECT_TRUE(close());
  EXPECT_TRUE(alpha_->memory.is_closed(1));
  EXPECT_EQ(alpha_->memory.closings(1), 1U);
  alpha_->siblings.admit(kBeta);
  EXPECT_FALSE(close());
  EXPECT_EQ(order(), 0U);
  say_closed(0);
  EXPECT_TRUE(close());
  EXPECT_FALSE(alpha_->memory.is_closed(1));
  EXPECT_EQ(alpha_->memory.closings(1), 1U);
}

TEST_F(ClosingVmm, IsNotBelievedAnythingElse) {
  say_closed(2);
  EXPECT_FALSE(alpha_->memory.is_closed(1));
  alpha_->siblings.cut_off(kBeta);
  EXPECT_FALSE(close());
  say_closed(3);
  say_closed(0);
  say_closed(2, sizeof(cell::ClosedHomes) - 1);
  EXPECT_FALSE(close());
  EXPECT_EQ(closed_, 0U);
  alpha_->siblings.admit(kBeta);
  EXPECT_FALSE(close());
  say_closed(2);  // Of the order before.
  EXPECT_FALSE(close());
  say_closed(0);
  EXPECT_TRUE(close());
}

TEST_F(ClosingVmm, IsNotWaitedForWhenItHasEnded) {
  alpha_->siblings.cut_off(kBeta);
  EXPECT_FALSE(close());
  alpha_->memory.detach();
  EXPECT_TRUE(close());
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
            0);
  alpha_->vmm.reset(ends[1]);
  alpha_->memory.attach(UniqueFd(ends[0]), 2);
  EXPECT_TRUE(close()) << "the next one was started with it";
  EXPECT_TRUE(alpha_->memory.is_closed(1));
  EXPECT_EQ(order(), std::nullopt);
}

TEST_F(ClosingVmm, HasItsMemoryFailuresAdded) {
  cell::MemoryFailures failures;
  failures.count = 5;
  say(failures);
  failures.count = 7;
  say(failures, sizeof failures - 1);
  EXPECT_EQ(alpha_->memory.memory_failures(), 5U);
  alpha_->memory.detach();
  EXPECT_EQ(alpha_->memory.memory_failures(), 5U);
}

using VsockCutOff = VsockMonitors;

TEST_F(VsockCutOff, HasTheCellDownWhateverItSaysUntilItIsBack) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  VsockMonitor& beta = *monitors_[1];
  alpha.start_vmm(1);
  beta.start_vmm(1);
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(cell::VsockMessage::kPeerUp).incarnation, 1U);
  alpha.siblings.cut_off(kBeta);
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(cell::VsockMessage::kPeerDown).incarnation, 1U);
  beta.end_vmm();
  beta.start_vmm(2);
  run_until([&] { return alpha.vsock.routes().life(kBeta).incarnation == 2; });
  EXPECT_FALSE(alpha.vsock.routes().life(kBeta).up);
  alpha.siblings.admit(kBeta);
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(cell::VsockMessage::kPeerUp).incarnation, 2U);
}

}  // namespace
}  // namespace hive::control

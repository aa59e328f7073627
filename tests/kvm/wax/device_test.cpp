// The device of Wax's cell, and what a guest that is not Wax can do with it.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "guests/abi/wax.h"
#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/kvm/harness/wax_cell.h"
#include "vmm/base/units.h"
#include "vmm/cell/policy_protocol.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

// Where the bus puts the BARs of its only device.
constexpr unsigned kCells = 3;
constexpr std::uint64_t kRegisters = memory::layout::kPciWindow.start;
constexpr std::uint64_t kViewSize = 4 * kPageSize;
constexpr std::uint64_t kView = align_up(kRegisters + kPageSize, kViewSize);
constexpr std::uint64_t kFirstFunction = memory::layout::kEcam.start + (1 << 15);
constexpr std::uint64_t kSecondFunction = memory::layout::kEcam.start + (2 << 15);

class WaxDeviceOnKvm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  /// Has a cell with Wax's device perform SCRIPT to its end.
  void perform(const std::vector<micro::Action>& script, std::uint32_t round_ms = 250) {
    cell_ = std::make_unique<MicroCell>(
        std::vector<std::vector<micro::Action>>{script}, std::vector<cell::DiskConfig>{},
        MicroCell::kMemory, std::optional<cell::GlobalConfig>{}, std::optional<cell::VsockConfig>{},
        pages_.config(round_ms, monitor_));
    cell_->cell().start();
    ASSERT_TRUE(cell_->run_until_done());
  }
  std::uint64_t value(unsigned action) { return cell_->result(0, action).value; }

  /// What has come to the monitor.
  std::vector<cell::PolicyPacket> packets() {
    std::vector<cell::PolicyPacket> all;
    std::array<std::byte, cell::kMaxPolicyPacket + 1> bytes{};
    for (;;) {
      const ssize_t size = ::recv(monitor_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (size < 0) return all;
      const auto packet =
          cell::parse_policy_packet(std::span(bytes).first(static_cast<std::size_t>(size)));
      EXPECT_TRUE(packet);
      if (packet) all.push_back(*packet);
    }
  }

  StatePages pages_{kCells};
  UniqueFd monitor_;
  std::unique_ptr<MicroCell> cell_;
};

TEST_F(WaxDeviceOnKvm, IsTheOnlyOneOfItsBus) {
  perform({micro::load(4, kFirstFunction), micro::load(4, kSecondFunction),
           micro::load(4, kFirstFunction + 0x10), micro::load(4, kFirstFunction + 0x18)});
  EXPECT_EQ(value(0), HIVE_WAX_DEVICE << 16 | HIVE_WAX_VENDOR);
  EXPECT_EQ(value(1), 0xffff'ffffU);
  EXPECT_EQ(value(2), kRegisters);
  EXPECT_EQ(value(3), kView);
}

TEST_F(WaxDeviceOnKvm, TellsItsFactsAndTheTime) {
  const std::uint64_t before = host_time();
  perform({micro::load(8, kRegisters + offsetof(hive_wax_registers, epoch)),
           micro::load(4, kRegisters + offsetof(hive_wax_registers, cells)),
           micro::load(8, kRegisters + offsetof(hive_wax_registers, now_ns))});
  EXPECT_EQ(value(0), WaxCell::kEpoch);
  EXPECT_EQ(value(1), kCells);
  EXPECT_GE(value(2), before);
  EXPECT_LE(value(2), host_time());
}

TEST_F(WaxDeviceOnKvm, ShowsEachCellsPageAndZerosBeyond) {
  pages_.page(2).heartbeat = 0x1234;
  perform({micro::load(8, kView), micro::load(8, kView + kPageSize + 8),
           micro::load(8, kView + 2 * kPageSize + 16), micro::load(8, kView + 3 * kPageSize)});
  EXPECT_EQ(value(0), HIVE_STATE_MAGIC);
  EXPECT_EQ(value(1), 1ULL << 32 | HIVE_STATE_VERSION);
  EXPECT_EQ(value(2), 0x1234U);
  EXPECT_EQ(value(3), 0U);
}

TEST_F(WaxDeviceOnKvm, ShowsWhatIsWrittenWhileTheGuestRuns) {
  cell_ = std::make_unique<MicroCell>(
      std::vector<std::vector<micro::Action>>{{micro::wait(8, kView + 16, 77)}},
      std::vector<cell::DiskConfig>{}, MicroCell::kMemory, std::optional<cell::GlobalConfig>{},
      std::optional<cell::VsockConfig>{}, pages_.config(250, monitor_));
  cell_->cell().start();
  EXPECT_FALSE(cell_->run_until([this] { return cell_->state(0) == HIVE_MICRO_DONE; },
                                std::chrono::seconds(0)));
  __atomic_store_n(&pages_.page(0).heartbeat, 77, __ATOMIC_RELEASE);
  EXPECT_TRUE(cell_->run_until_done());
}

TEST_F(WaxDeviceOnKvm, LeavesPagesAsTheyAreWhateverTheGuestWritesThere) {
  perform({micro::load(8, kView), micro::store(8, kView, ~0ULL),
           micro::store(4, kView + kPageSize + 8, ~0U), micro::store(1, kView + 5, 0xff),
           micro::fill(kView + 2 * kPageSize, 0xaa, 64), micro::load(8, kView),
           micro::store(8, kView + 3 * kPageSize, 1), micro::load(8, kView + 3 * kPageSize)});
  EXPECT_EQ(value(5), HIVE_STATE_MAGIC);
  EXPECT_EQ(value(7), 0U);
  for (unsigned cell = 0; cell < kCells; ++cell) {
    EXPECT_EQ(pages_.page(cell).magic, HIVE_STATE_MAGIC) << cell;
    EXPECT_EQ(pages_.page(cell).version, HIVE_STATE_VERSION) << cell;
    EXPECT_EQ(pages_.page(cell).cell, cell);
    EXPECT_EQ(pages_.page(cell).heartbeat, 0U) << cell;
  }
}

TEST_F(WaxDeviceOnKvm, DropsAFloodOfHintsBeyondItsBound) {
  constexpr unsigned kHints = 2 * HIVE_WAX_MAX_HINTS;
  constexpr std::uint64_t kSubmit = kRegisters + offsetof(hive_wax_registers, submit);
  perform({micro::store(4, kRegisters + offsetof(hive_wax_registers, hint.amount), 5),
           micro::loop(kHints, 1), micro::store(4, kSubmit, 1),
           micro::load(8, kRegisters + offsetof(hive_wax_registers, dropped)),
           micro::store(8, kRegisters + offsetof(hive_wax_registers, heartbeat), 3)},
          HIVE_WAX_MAX_ROUND);
  const std::uint64_t dropped = value(3);
  EXPECT_GT(dropped, 0U);
  EXPECT_LE(dropped, kHints - HIVE_WAX_MAX_HINTS);
  const auto all = packets();
  ASSERT_EQ(all.size(), kHints - dropped + 1);
  for (unsigned i = 0; i + 1 < all.size(); ++i) {
    const auto* hint = std::get_if<cell::PolicyHint>(&all[i]);
    ASSERT_TRUE(hint) << i;
    EXPECT_EQ(hint->hint.amount, 5U);
  }
  const auto* beat = std::get_if<cell::PolicyBeat>(&all.back());
  ASSERT_TRUE(beat);
  EXPECT_EQ(beat->rounds, 3U);
  EXPECT_EQ(beat->dropped, dropped);
}

}  // namespace
}  // namespace hive::test

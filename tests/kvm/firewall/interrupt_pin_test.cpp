// Doorbells as a driver without MSI-X gets them: by the global memory device's interrupt pin.
#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include <optional>
#include <vector>

#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_global.h"
#include "tests/kvm/harness/micro_machine.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

using Script = std::vector<micro::Action>;

constexpr std::uint64_t kContribution = 2 * kMiB;
constexpr MicroGlobal kDevice{2 * kContribution};
constexpr std::uint8_t kPin = 0x51;
constexpr std::uint64_t kMoment = 50'000'000;  // Ticks, in which an interrupt would have come.
constexpr std::uint32_t kStatus = std::uint32_t{PCI_STATUS_INTERRUPT} << 16;

/// A script whose interesting actions are known by their numbers.
class Steps {
 public:
  unsigned add(const micro::Action& action) {
    script_.push_back(action);
    return static_cast<unsigned>(script_.size() - 1);
  }
  void add(const Script& actions) { script_.insert(script_.end(), actions.begin(), actions.end()); }
  /// Waits until the pin has interrupted COUNT times in all.
  void await(std::uint32_t count) { add(micro::await(kPin, count)); }
  /// Waits in vain for one more than COUNT.
  void await_none(std::uint32_t count) {
    silences_.push_back(add(micro::await(kPin, count + 1, kMoment)));
  }
  unsigned load_status() { return add(micro::load(4, kDevice.config(PCI_COMMAND))); }

  [[nodiscard]] const Script& script() const { return script_; }
  [[nodiscard]] const std::vector<unsigned>& silences() const { return silences_; }

 private:
  Script script_;
  std::vector<unsigned> silences_;
};

class InterruptPinOnKvm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    steps_.add(kDevice.map());
    steps_.add(MicroGlobal::route_pin(kPin, false));
  }

  /// Runs the steps on cell 1, beside an idle cell 0.
  void run() {
    cells_.emplace(std::vector<std::vector<Script>>{{{micro::end()}}, {steps_.script()}},
                   kContribution);
    cells_->start();
    MicroCell& beta = cells_->cell(1);
    ASSERT_TRUE(beta.run_until_done()) << "stands at " << beta.performed(0);
    for (const unsigned silence : steps_.silences()) {
      EXPECT_EQ(beta.result(0, silence).status, HIVE_MICRO_TIMED_OUT) << silence;
    }
  }
  std::uint32_t status(unsigned action) {
    return static_cast<std::uint32_t>(cells_->cell(1).result(0, action).value) & kStatus;
  }

  Steps steps_;
  std::optional<GlobalCells> cells_;
};

TEST_F(InterruptPinOnKvm, InterruptsOnceForEachRingOfAnyVector) {
  steps_.add(kDevice.enable_pin(true));
  steps_.await_none(0);
  std::uint32_t count = 0;
  for (const unsigned vector : {1U, 1U, 0U, 3U, 1U}) {
    steps_.add(kDevice.ring(1, vector));
    steps_.await(++count);
    steps_.await_none(count);
  }
  run();
}

TEST_F(InterruptPinOnKvm, KeepsWhatRingsWhileItIsDisabled) {
  steps_.add(kDevice.ring(1, 1));
  steps_.await_none(0);
  const unsigned before = steps_.load_status();
  steps_.add(kDevice.enable_pin(true));
  steps_.await(1);
  const unsigned enabled = steps_.load_status();
  steps_.add(kDevice.enable_pin(false));
  const unsigned disabled = steps_.load_status();
  steps_.add(kDevice.ring(1, 1));
  steps_.add(kDevice.ring(1, 2));
  steps_.await_none(1);
  steps_.add(kDevice.enable_pin(true));
  steps_.await(2);
  run();
  EXPECT_EQ(status(before), 0U);
  EXPECT_EQ(status(enabled), kStatus);
  EXPECT_EQ(status(disabled), 0U);
}

TEST_F(InterruptPinOnKvm, IsNotHeldBackWhereTheGuestSaysSo) {
  constexpr std::uint64_t kMode = offsetof(hive_global_registers, pin_mode);
  steps_.add(kDevice.enable_pin(false));
  steps_.add(micro::store(4, kDevice.bar0(kMode), ~0U));
  const unsigned mode = steps_.add(micro::load(4, kDevice.bar0(kMode)));
  const unsigned always = steps_.load_status();
  for (std::uint32_t count = 1; count <= 3; ++count) {
    steps_.add(kDevice.ring(1, 1));
    steps_.await(count);
    steps_.await_none(count);
  }
  steps_.add(micro::store(4, kDevice.bar0(kMode), 0));
  const unsigned after = steps_.load_status();
  steps_.add(kDevice.ring(1, 1));
  steps_.await_none(3);
  run();
  EXPECT_EQ(cells_->cell(1).result(0, mode).value, HIVE_GLOBAL_PIN_ALWAYS);
  EXPECT_EQ(status(always), kStatus);
  EXPECT_EQ(status(after), 0U);
}

/// Kernels from 6.3 on drop what was asserted while the IOAPIC masked it; earlier ones deliver it.
TEST_F(InterruptPinOnKvm, IsNotStuckByAnIoApicThatMasksIt) {
  steps_.add(kDevice.enable_pin(true));
  steps_.add(MicroGlobal::route_pin(kPin, true));
  steps_.add(kDevice.ring(1, 1));
  steps_.await_none(0);
  steps_.add(MicroGlobal::route_pin(kPin, false));
  steps_.add(kDevice.ring(1, 1));
  steps_.await(1);
  run();
}

TEST_F(InterruptPinOnKvm, IsSilentWhileMsixIsOn) {
  constexpr std::uint8_t kMessage = 0x61;
  steps_.add(kDevice.enable_pin(true));
  steps_.add(kDevice.program(1, kMessage));
  steps_.add(kDevice.mask(1, false));
  steps_.add(kDevice.enable_msix());
  steps_.add(kDevice.ring(1, 1));
  steps_.add(micro::await(kMessage, 1));
  steps_.await_none(0);
  steps_.add(micro::store(2, kDevice.config(MicroGlobal::kMsixControl), 0));
  steps_.add(kDevice.ring(1, 1));
  steps_.await(1);
  run();
}

}  // namespace
}  // namespace hive::test

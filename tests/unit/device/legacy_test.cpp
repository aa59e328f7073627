#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/device/doubles.h"
#include "vmm/device/legacy/cmos_rtc.h"
#include "vmm/device/legacy/keyboard_reset.h"
#include "vmm/device/legacy/nmi_status.h"
#include "vmm/device/legacy/power_ports.h"
#include "vmm/device/legacy/pvpanic.h"
#include "vmm/memory/layout.h"

namespace hive::device {
namespace {

namespace layout = memory::layout;
using test::bus_read;
using test::bus_write;
using Byte = std::uint8_t;

class CmosTest : public testing::Test {
 protected:
  Byte cmos(Byte reg) {
    bus_write<Byte>(rtc_, 0, reg);
    return bus_read<Byte>(rtc_, 1);
  }
  void set_cmos(Byte reg, Byte value) {
    bus_write<Byte>(rtc_, 0, reg);
    bus_write<Byte>(rtc_, 1, value);
  }

  std::int64_t now_ = 1709209845;  // Thursday, 2024-02-29 12:30:45 UTC.
  CmosRtc rtc_{[this] { return now_; }};
};

TEST_F(CmosTest, TellsTheTimeInBcd) {
  EXPECT_EQ(cmos(0), 0x45);
  EXPECT_EQ(cmos(2), 0x30);
  EXPECT_EQ(cmos(4), 0x12);
  EXPECT_EQ(cmos(6), 5);
  EXPECT_EQ(cmos(7), 0x29);
  EXPECT_EQ(cmos(8), 0x02);
  EXPECT_EQ(cmos(9), 0x24);
  EXPECT_EQ(cmos(CmosRtc::kCenturyRegister), 0x20);
  ++now_;
  EXPECT_EQ(cmos(0), 0x46);
}

TEST_F(CmosTest, IsNeverWithinAnUpdate) {
  EXPECT_EQ(cmos(10) & 0x80, 0);
  EXPECT_EQ(cmos(11) & 0x06, 0x02);  // 24 hours, BCD.
  EXPECT_EQ(cmos(12), 0);
  EXPECT_EQ(cmos(13), 0x80);
  set_cmos(11, 0xff);
  EXPECT_EQ(cmos(11) & 0x06, 0x02);
}

TEST_F(CmosTest, KeepsMemoryButNotTheTime) {
  set_cmos(0x40, 0xab);
  set_cmos(0, 0x11);
  EXPECT_EQ(cmos(0x40), 0xab);
  EXPECT_EQ(cmos(0xc0), 0xab);  // Bit 7 masks NMIs.
  EXPECT_EQ(cmos(0), 0x45);
  EXPECT_EQ(bus_read<Byte>(rtc_, 0), 0xff);
}

TEST(PvPanic, TellsOfEachEvent) {
  std::vector<PvPanic::Event> events;
  PvPanic device([&](PvPanic::Event event) { events.push_back(event); });
  EXPECT_EQ(bus_read<Byte>(device, 0), 3);
  bus_write<Byte>(device, 0, 0xfc);
  EXPECT_TRUE(events.empty());
  bus_write<Byte>(device, 0, 1);
  bus_write<Byte>(device, 0, 2);
  EXPECT_EQ(events, (std::vector{PvPanic::kPanicked, PvPanic::kCrashLoaded}));
}

class PowerTest : public testing::Test {
 protected:
  void out(std::uint64_t port, Byte value) {
    bus_write<Byte>(ports_, port - layout::kPowerPorts.start, value);
  }
  Byte in(std::uint64_t port) { return bus_read<Byte>(ports_, port - layout::kPowerPorts.start); }

  test::FakeLine line_;
  unsigned offs_ = 0;
  unsigned resets_ = 0;
  PowerPorts ports_{line_, {[this] { ++offs_; }, [this] { ++resets_; }}};
};

TEST_F(PowerTest, PowersOffOnS5Only) {
  out(layout::kSleepControl, 0x14);  // The type without the enable bit.
  out(layout::kSleepControl, 0x20);  // Another type.
  out(layout::kSleepStatus, layout::kSleepOff);
  EXPECT_EQ(offs_, 0U);
  out(layout::kSleepControl, layout::kSleepOff);
  EXPECT_EQ(offs_, 1U);
  EXPECT_EQ(in(layout::kSleepStatus), 0);
}

TEST_F(PowerTest, ResetsOnItsValueOnly) {
  out(layout::kResetPort, 0);
  out(layout::kResetPort, 6);
  EXPECT_EQ(resets_, 0U);
  out(layout::kResetPort, layout::kResetValue);
  EXPECT_EQ(resets_, 1U);
  EXPECT_EQ(offs_, 0U);
}

TEST_F(PowerTest, ReportsTheButtonOnce) {
  EXPECT_EQ(in(layout::kPowerEvents), 0);
  ports_.press_power_button();
  EXPECT_EQ(line_.raised, 1U);
  EXPECT_EQ(in(layout::kPowerEvents), layout::kPowerButtonEvent);
  EXPECT_EQ(in(layout::kPowerEvents), 0);
}

TEST(KeyboardReset, ResetsAndNeverMakesLinuxWait) {
  unsigned resets = 0;
  KeyboardReset device([&] { ++resets; });
  EXPECT_EQ(bus_read<Byte>(device, 0) & 2, 0);  // Ready for a command.
  EXPECT_EQ(bus_read<Byte>(device, 0) & 1, 1);  // Output that never ends: no controller.
  bus_write<Byte>(device, 0, 0xd1);
  EXPECT_EQ(resets, 0U);
  bus_write<Byte>(device, 0, 0xfe);
  EXPECT_EQ(resets, 1U);
}

TEST(NmiStatus, BlamesNeitherBusNorMemory) {
  NmiStatus device;
  bus_write<Byte>(device, 0, 0xff);
  EXPECT_EQ(bus_read<Byte>(device, 0) & 0xc0, 0);
  EXPECT_NE(bus_read<Byte>(device, 0) & 0x20, 0);  // Else Linux waits for a timer.
}

}  // namespace
}  // namespace hive::device

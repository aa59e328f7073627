// Faults of packets that last for a while.
#include "cellmon/control/packet_faults.h"

#include <gmock/gmock.h>

#include <chrono>
#include <string>

#include "tests/unit/control/vsock_monitors.h"

namespace hive::control {
namespace {

using cell::VsockMessage;
using inject::Fault;
using std::chrono::milliseconds;
using testing::HasSubstr;

Fault fault_of(const std::string& name, const inject::Values& values) {
  const std::vector<std::string> cells{"alpha", "beta", "gamma"};
  return std::get<Fault>(inject::parse(name, values, cells, CellId{0}));
}

class PacketFaultsTest : public VsockMonitors {
 protected:
  cell::VsockFaults hear_faults(VsockMonitor& monitor) {
    return hear(monitor).as<cell::VsockFaults>(VsockMessage::kFaults);
  }
};

TEST_F(PacketFaultsTest, GoTogetherOnAPath) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  PacketFaults faults(loop_, alpha.vsock);
  const Fault drop = fault_of("rpc-drop", {{"cell", "gamma"}, {"share", "20"}});
  EXPECT_EQ(faults.check(drop), "");
  EXPECT_FALSE(faults.begin(drop, 1)) << "no VMM";
  alpha.start_vmm(1);
  EXPECT_TRUE(faults.begin(drop, 7));
  cell::VsockFaults told = hear_faults(alpha);
  EXPECT_EQ(told.cell, 2U);
  EXPECT_EQ(told.faults.drop, 200'000U);
  EXPECT_EQ(told.faults.seed, 7U);
  EXPECT_TRUE(faults.begin(fault_of("rpc-delay", {{"cell", "gamma"}, {"by", "3ms"}}), 8));
  told = hear_faults(alpha);
  EXPECT_EQ(told.faults.drop, 200'000U);
  EXPECT_EQ(told.faults.delay, cell::kPathFaultScale);
  EXPECT_EQ(told.faults.delay_us, 3000U);
  EXPECT_EQ(told.faults.seed, 8U);
}

TEST_F(PacketFaultsTest, EndWithTheirTimeAndNoOther) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  alpha.start_vmm(1);
  PacketFaults faults(loop_, alpha.vsock);
  EXPECT_TRUE(faults.begin(fault_of("rpc-corrupt", {{"cell", "beta"}}), 1));
  EXPECT_TRUE(faults.begin(fault_of("rpc-reorder", {{"cell", "beta"}, {"for", "30ms"}}), 2));
  EXPECT_EQ(hear_faults(alpha).faults.reorder, 0U);
  EXPECT_EQ(hear_faults(alpha).faults.reorder, cell::kPathFaultScale);
  const cell::VsockFaults over = hear_faults(alpha);
  EXPECT_EQ(over.faults.reorder, 0U);
  EXPECT_EQ(over.faults.corrupt, cell::kPathFaultScale);
}

TEST_F(PacketFaultsTest, OfAllCellsAreOfEachThatMayTalk) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  alpha.start_vmm(1);
  PacketFaults faults(loop_, alpha.vsock);
  EXPECT_TRUE(faults.begin(fault_of("rpc-duplicate", {}), 1));
  EXPECT_EQ(hear_faults(alpha).cell, 1U);
  const cell::VsockFaults second = hear_faults(alpha);
  EXPECT_EQ(second.cell, 2U);
  EXPECT_EQ(second.faults.duplicate, cell::kPathFaultScale);
}

TEST_F(PacketFaultsTest, AreForgottenWithTheVmm) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  alpha.start_vmm(1);
  PacketFaults faults(loop_, alpha.vsock);
  EXPECT_TRUE(faults.begin(fault_of("rpc-drop", {{"cell", "beta"}, {"for", "1ms"}}), 1));
  (void)hear_faults(alpha);
  faults.detach();
  alpha.end_vmm();
  alpha.start_vmm(2);
  EXPECT_TRUE(faults.begin(fault_of("rpc-corrupt", {{"cell", "beta"}}), 1));
  EXPECT_EQ(hear_faults(alpha).faults.drop, 0U);
}

TEST_F(PacketFaultsTest, TakeCellsThatMayTalk) {
  machine_.cells.resize(1);
  start(0);
  PacketFaults faults(loop_, monitors_[0]->vsock);
  EXPECT_THAT(faults.check(fault_of("rpc-drop", {})), HasSubstr("no packets come from there"));
}

}  // namespace
}  // namespace hive::control

#include "vmm/kvm/machine_check.h"

#include <gtest/gtest.h>

namespace hive::kvm {
namespace {

std::vector<kvm_cpuid_entry2> vendor(std::uint32_t ebx) {
  kvm_cpuid_entry2 leaf{};
  leaf.ebx = ebx;
  return {leaf};
}
constexpr std::uint32_t kGenuineIntel = 0x756e'6547, kAuthenticAmd = 0x6874'7541;

TEST(MachineChecks, AreAsTheHostHasThem) {
  const MachineChecks intel = choose_machine_checks(vendor(kGenuineIntel), 32, 0x900'0100);
  EXPECT_EQ(intel.capability, 0x100'010aU)
      << "recovery and control; what else there is, is not used";
  EXPECT_EQ(intel.banks(), 10U);
  EXPECT_EQ(intel.style, MemoryErrorStyle::kException);
  const MachineChecks amd = choose_machine_checks(vendor(kAuthenticAmd), 6, 0);
  EXPECT_EQ(amd.capability, 6U);
  EXPECT_EQ(amd.style, MemoryErrorStyle::kLogged);
  EXPECT_EQ(choose_machine_checks(vendor(kGenuineIntel), 0, ~0ULL).capability, 0U);
}

TEST(MachineChecks, TellOfAPageAsIntelDoes) {
  const kvm_x86_mce error = memory_error(MemoryErrorStyle::kException, 9, 0x1234'5000);
  // Linux takes these for an error in memory that asks for action, at leisure.
  EXPECT_EQ(error.status & 0x017f'0000'0000'ffffULL, 0x0100'0000'0000'00c0ULL);
  EXPECT_EQ(error.status, 0xbd00'0000'0000'00c0ULL);
  EXPECT_EQ(error.mcg_status, 5U);
  EXPECT_EQ(error.addr, 0x1234'5000U);
  EXPECT_EQ(error.misc, 0x8cU);
  EXPECT_EQ(error.bank, 9);
}

TEST(MachineChecks, TellOfAPageAsAmdDoes) {
  const kvm_x86_mce error = memory_error(MemoryErrorStyle::kLogged, 3, 0x7000);
  EXPECT_EQ(error.status, 0x9c00'1800'0000'0e03ULL) << "deferred and poison, not uncorrected";
  EXPECT_EQ(error.mcg_status, 0U);
  EXPECT_EQ(error.addr, 0x7000U);
  EXPECT_EQ(error.bank, 3);
}

TEST(MachineChecks, AreTakenByAllCpusTogether) {
  const kvm_x86_mce error = broadcast_error();
  EXPECT_EQ(error.status, 0xa000'0000'0000'0000ULL);
  EXPECT_EQ(error.mcg_status, 5U);
  EXPECT_EQ(error.addr, 0U);
}

}  // namespace
}  // namespace hive::kvm

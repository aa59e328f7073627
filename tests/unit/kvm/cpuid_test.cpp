#include "vmm/kvm/cpuid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace hive::kvm {
namespace {

using Table = std::vector<kvm_cpuid_entry2>;

kvm_cpuid_entry2 leaf(std::uint32_t function, std::uint32_t index = 0, std::uint32_t fill = 0) {
  kvm_cpuid_entry2 entry{};
  entry.function = function;
  entry.index = index;
  entry.eax = entry.ebx = entry.ecx = entry.edx = fill;
  return entry;
}

std::optional<kvm_cpuid_entry2> find(const Table& table, std::uint32_t function,
                                     std::uint32_t index = 0) {
  const auto it = std::find_if(table.begin(), table.end(), [&](const auto& entry) {
    return entry.function == function && entry.index == index;
  });
  return it == table.end() ? std::nullopt : std::optional(*it);
}

Table everything_supported() {
  return {leaf(0, 0, 0xd),          leaf(1, 0, ~0U),          leaf(4, 0, 0x21),
          leaf(4, 3, 0x63),         leaf(0xa, 0, ~0U),        leaf(0xb, 0, 7),
          leaf(0x1f, 0, 7),         leaf(0x40000001, 0, ~0U), leaf(0x80000001, 0, ~0U),
          leaf(0x80000008, 0, ~0U), leaf(0x8000000a),         leaf(0x8000001e, 0, 7)};
}

TEST(ShapeCpuid, NumbersEachCpu) {
  const Table table = shape_cpuid(everything_supported(), 5, 8, true);
  EXPECT_EQ(find(table, 1)->ebx >> 24, 5U);
  EXPECT_EQ((find(table, 1)->ebx >> 16) & 0xff, 8U);
  EXPECT_EQ(find(table, 0xb, 0)->edx, 5U);
  EXPECT_EQ(find(table, 0xb, 1)->edx, 5U);
  EXPECT_EQ(find(table, 0x8000001e)->eax, 5U);
}

TEST(ShapeCpuid, DescribesOnePackageOfCores) {
  const Table table = shape_cpuid(everything_supported(), 0, 6, true);
  EXPECT_EQ(find(table, 0xb, 0)->ebx, 1U) << "threads a core";
  EXPECT_EQ(find(table, 0xb, 1)->ebx, 6U) << "cores";
  EXPECT_EQ(find(table, 0xb, 1)->eax, 3U) << "bits of the APIC id";
  EXPECT_EQ(find(table, 0x80000008)->ecx & 0xff, 5U) << "AMD: cores less one";
  EXPECT_EQ((find(table, 4, 0)->eax >> 14) & 0xfff, 0U) << "L1 is a core's own";
  EXPECT_EQ((find(table, 4, 3)->eax >> 14) & 0xfff, 7U) << "L3 is shared";
  EXPECT_GE(find(table, 0)->eax, 0xbU);
  EXPECT_EQ(find(table, 0x1f), std::nullopt);
}

TEST(ShapeCpuid, OneCpuHasNoHyperThreadingBit) {
  EXPECT_EQ(find(shape_cpuid(everything_supported(), 0, 1, true), 1)->edx & (1U << 28), 0U);
  EXPECT_NE(find(shape_cpuid(everything_supported(), 0, 2, true), 1)->edx & (1U << 28), 0U);
}

TEST(ShapeCpuid, HidesWhatACellMustNotHave) {
  const Table table = shape_cpuid(everything_supported(), 0, 1, true);
  EXPECT_EQ(find(table, 1)->ecx & (1U << 5), 0U) << "VMX";
  EXPECT_EQ(find(table, 0x80000001)->ecx & (1U << 2), 0U) << "SVM";
  EXPECT_EQ(find(table, 0x8000000a), std::nullopt) << "SVM features";
  EXPECT_EQ(find(table, 0xa)->eax, 0U) << "PMU";
  EXPECT_EQ(find(table, 0x40000001)->eax & (1U << 4 | 1U << 10 | 1U << 14), 0U) << "async faults";
  EXPECT_NE(find(table, 0x40000001)->eax & (1U << 3), 0U) << "kvmclock stays";
}

TEST(PhysicalAddressBits, AreTheLeafs) {
  kvm_cpuid_entry2 leaf{};
  leaf.function = 0x8000'0008;
  leaf.eax = 0x3028;
  EXPECT_EQ(physical_address_bits({leaf}), 40U);
  EXPECT_EQ(physical_address_bits({}), 36U);
}

TEST(ShapeCpuid, AnnouncesTheDeadlineTimerOnlyWhereTheHostHasIt) {
  Table none{leaf(1)};
  EXPECT_NE(find(shape_cpuid(none, 0, 1, true), 1)->ecx & (1U << 24), 0U);
  EXPECT_EQ(find(shape_cpuid(everything_supported(), 0, 1, false), 1)->ecx & (1U << 24), 0U);
}

}  // namespace
}  // namespace hive::kvm

#include "vmm/kvm/cpuid.h"

#include <algorithm>
#include <bit>

namespace hive::kvm {
namespace {

// Leaf numbers and bits: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E.
constexpr std::uint32_t bit(unsigned n) { return 1U << n; }

constexpr std::uint32_t kVmx = bit(5), kX2apic = bit(21), kTscDeadline = bit(24),
                        kHypervisor = bit(31), kPdcm = bit(15);            // leaf 1, ECX
constexpr std::uint32_t kHyperThreading = bit(28), kDebugStore = bit(21);  // leaf 1, EDX
constexpr std::uint32_t kSvm = bit(2), kPerfCounterCore = bit(23),
                        kPerfCounterNorthbridge = bit(24);              // leaf 8000_0001, ECX
constexpr std::uint32_t kAsyncPageFaults = bit(4) | bit(10) | bit(14);  // leaf 4000_0001, EAX

/// A vCPU's place in its package.
struct Topology {
  std::uint32_t index;
  std::uint32_t vcpus;

  /// Bits of the APIC id that number the cores.
  [[nodiscard]] std::uint32_t core_bits() const {
    return static_cast<std::uint32_t>(std::bit_width(vcpus - 1));
  }
};

void shape_features(kvm_cpuid_entry2& leaf, const Topology& cpu, bool tsc_deadline) {
  leaf.ebx = (leaf.ebx & 0x0000'ffff) | (cpu.index << 24) | ((cpu.vcpus & 0xff) << 16);
  leaf.ecx = (leaf.ecx & ~(kVmx | kPdcm)) | kHypervisor | kX2apic;
  leaf.ecx = tsc_deadline ? leaf.ecx | kTscDeadline : leaf.ecx & ~kTscDeadline;
  leaf.edx &= ~(kHyperThreading | kDebugStore);
  if (cpu.vcpus > 1) leaf.edx |= kHyperThreading;
}

/// Leaf 4: caches. L1 and L2 belong to a core, what is above to the package.
void shape_cache(kvm_cpuid_entry2& leaf, const Topology& cpu) {
  if ((leaf.eax & 0x1f) == 0) return;
  const std::uint32_t level = (leaf.eax >> 5) & 7;
  const std::uint32_t sharing = level >= 3 ? bit(cpu.core_bits()) - 1 : 0;
  leaf.eax = (leaf.eax & 0x3fff) | (sharing << 14) | ((bit(cpu.core_bits()) - 1) << 26);
}

/// Leaf 0xB: one thread a core (sub-leaf 0), all cores in the package (sub-leaf 1).
kvm_cpuid_entry2 topology_leaf(const Topology& cpu, std::uint32_t sub_leaf) {
  constexpr std::uint32_t kThreadLevel = 1, kCoreLevel = 2;
  kvm_cpuid_entry2 leaf{};
  leaf.function = 0xb;
  leaf.index = sub_leaf;
  leaf.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
  leaf.edx = cpu.index;
  leaf.ecx = sub_leaf;
  if (sub_leaf == 0) {
    leaf.ebx = 1;
    leaf.ecx |= kThreadLevel << 8;
  } else {
    leaf.eax = cpu.core_bits();
    leaf.ebx = cpu.vcpus;
    leaf.ecx |= kCoreLevel << 8;
  }
  return leaf;
}

/// AMD's cores per package and APIC id size (8000_0008), compute unit (8000_001E).
void shape_amd_cores(kvm_cpuid_entry2& leaf, const Topology& cpu) {
  leaf.ecx = (leaf.ecx & ~0xf0ffU) | ((cpu.vcpus - 1) & 0xff) | (cpu.core_bits() << 12);
}

void shape_amd_unit(kvm_cpuid_entry2& leaf, const Topology& cpu) {
  leaf.eax = cpu.index;
  leaf.ebx = cpu.index & 0xff;
  leaf.ecx = 0;
}

void shape_leaf(kvm_cpuid_entry2& leaf, const Topology& cpu, bool tsc_deadline) {
  switch (leaf.function) {
    case 0x1:
      return shape_features(leaf, cpu, tsc_deadline);
    case 0x4:
      return shape_cache(leaf, cpu);
    case 0xa:
      leaf.eax = leaf.ebx = leaf.ecx = leaf.edx = 0;
      return;
    case 0x4000'0001:
      leaf.eax &= ~kAsyncPageFaults;
      return;
    case 0x8000'0001:
      leaf.ecx &= ~(kSvm | kPerfCounterCore | kPerfCounterNorthbridge);
      return;
    case 0x8000'0008:
      return shape_amd_cores(leaf, cpu);
    case 0x8000'001e:
      return shape_amd_unit(leaf, cpu);
    default:
      return;
  }
}

}  // namespace

std::vector<kvm_cpuid_entry2> shape_cpuid(std::vector<kvm_cpuid_entry2> supported,
                                          std::uint32_t index, std::uint32_t vcpus,
                                          bool tsc_deadline) {
  const Topology cpu{index, vcpus};
  constexpr std::uint32_t kExtendedTopologyV2 = 0x1f, kSvmFeatures = 0x8000'000a;
  std::erase_if(supported, [](const kvm_cpuid_entry2& leaf) {
    return leaf.function == 0xb || leaf.function == kExtendedTopologyV2 ||
           leaf.function == kSvmFeatures;
  });
  for (kvm_cpuid_entry2& leaf : supported) shape_leaf(leaf, cpu, tsc_deadline);
  supported.push_back(topology_leaf(cpu, 0));
  supported.push_back(topology_leaf(cpu, 1));
  const auto basic = std::find_if(supported.begin(), supported.end(),
                                  [](const kvm_cpuid_entry2& leaf) { return leaf.function == 0; });
  if (basic != supported.end()) basic->eax = std::max(basic->eax, 0xbU);
  return supported;
}

unsigned physical_address_bits(const std::vector<kvm_cpuid_entry2>& supported) {
  constexpr std::uint32_t kAddressSizes = 0x8000'0008;
  constexpr unsigned kWithoutTheLeaf = 36;
  const auto leaf =
      std::find_if(supported.begin(), supported.end(),
                   [](const kvm_cpuid_entry2& entry) { return entry.function == kAddressSizes; });
  return leaf == supported.end() ? kWithoutTheLeaf : leaf->eax & 0xff;
}

}  // namespace hive::kvm

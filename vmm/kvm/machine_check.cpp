#include "vmm/kvm/machine_check.h"

#include <algorithm>

namespace hive::kvm {
namespace {

constexpr std::uint64_t bit64(unsigned number) { return std::uint64_t{1} << number; }

// IA32_MCG_CAP (Intel SDM vol. 3B, 16.3.1.1): software can recover; there is IA32_MCG_CTL.
constexpr std::uint64_t kRecoverable = bit64(24), kHasControl = bit64(8);
/// As many as machines have had for long.
constexpr int kBanks = 10;

// IA32_MCG_STATUS (16.3.1.2).
constexpr std::uint64_t kCanGoOn = bit64(0), kInProgress = bit64(2);

// IA32_MCi_STATUS (16.3.2.2; AMD APM vol. 2, 9.3.2.2).
constexpr std::uint64_t kValid = bit64(63), kUncorrected = bit64(61), kEnabled = bit64(60),
                        kMiscValid = bit64(59), kAddressValid = bit64(58), kSignalled = bit64(56);
constexpr std::uint64_t kDeferred = bit64(44), kPoison = bit64(43);
/// Memory scrubbing, on no channel in particular (Intel SDM vol. 3B, 16.9.3.1).
constexpr std::uint64_t kScrubbing = 0xc0;
/// A bus error of memory, of no participant, level or kind in particular (AMD APM vol. 2, 9.3.3.1).
constexpr std::uint64_t kMemoryBus = 0xe03;

/// IA32_MCi_MISC (Intel SDM vol. 3B, 16.3.2.4): a physical address, that of a page.
constexpr std::uint64_t kPhysicalPage = 2U << 6 | 12U;

bool is_amd(const std::vector<kvm_cpuid_entry2>& supported) {
  constexpr std::uint32_t kAuthenticAmd = 0x6874'7541, kHygonGenuine = 0x6f67'7948;  // EBX.
  return std::any_of(supported.begin(), supported.end(), [](const kvm_cpuid_entry2& leaf) {
    return leaf.function == 0 && (leaf.ebx == kAuthenticAmd || leaf.ebx == kHygonGenuine);
  });
}

}  // namespace

MachineChecks choose_machine_checks(const std::vector<kvm_cpuid_entry2>& supported, int banks,
                                    std::uint64_t known) {
  MachineChecks checks;
  checks.style = is_amd(supported) ? MemoryErrorStyle::kLogged : MemoryErrorStyle::kException;
  if (banks < 1) return checks;
  checks.capability =
      static_cast<std::uint64_t>(std::min(banks, kBanks)) | (known & (kRecoverable | kHasControl));
  return checks;
}

kvm_x86_mce memory_error(MemoryErrorStyle style, unsigned bank, std::uint64_t address) {
  kvm_x86_mce error{};
  error.bank = static_cast<std::uint8_t>(bank);
  error.addr = address;
  error.misc = kPhysicalPage;
  error.status = kValid | kEnabled | kMiscValid | kAddressValid;
  if (style == MemoryErrorStyle::kLogged) {
    error.status |= kDeferred | kPoison | kMemoryBus;
    return error;
  }
  error.status |= kUncorrected | kSignalled | kScrubbing;
  error.mcg_status = kInProgress | kCanGoOn;
  return error;
}

kvm_x86_mce broadcast_error() {
  kvm_x86_mce error{};
  error.bank = 1;
  error.status = kValid | kUncorrected;
  error.mcg_status = kInProgress | kCanGoOn;
  return error;
}

}  // namespace hive::kvm

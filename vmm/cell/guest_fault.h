// Faults that a VMM does to its own guest, on its monitor's command.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vmm/cell/corruption.h"
#include "vmm/cell/device_fault.h"

namespace hive::cell {

enum class GuestFaultKind : std::uint8_t {
  kVcpuStop,       ///< vCPUs stand still outside the guest.
  kTripleFault,    ///< A vCPU meets an exception that it has no handler for.
  kNmi,            ///< A vCPU gets a non-maskable interrupt.
  kHang,           ///< vCPUs spin in the kernel with interrupts off.
  kCorrupt,        ///< Words of its memory change.
  kPageFail,       ///< Pages of its memory fail.
  kDiskError,      ///< A disk's requests end with errors.
  kDiskDelay,      ///< A disk's requests are late.
  kDiskTorn,       ///< A disk's writes are stored in part.
  kInterruptLoss,  ///< A device's interrupts are lost.
};

struct GuestFault {
  GuestFaultKind kind{};
  std::optional<unsigned> vcpu;  ///< Missing: all, or the first one where KIND is about one.
  /// From 1 ms to kLongestGuestFault; missing: for good.
  std::optional<std::chrono::milliseconds> duration;
  std::optional<Corruption> corruption;    ///< Of kCorrupt and kPageFail, and no other.
  std::optional<DeviceFault> device = {};  ///< Where is_in_device(kind).

  friend bool operator==(const GuestFault&, const GuestFault&) = default;
};

/// Whether faults of KIND are a device's.
constexpr bool is_in_device(GuestFaultKind kind) { return kind >= GuestFaultKind::kDiskError; }

inline constexpr std::chrono::milliseconds kLongestGuestFault = std::chrono::hours(24);

/// The packet of Command::kFault, such as
///
///   {"command": "fault", "fault": "vcpu-stop", "vcpu": 1, "for_ms": 500}
///
/// Of kCorrupt and kPageFail it has
///
///   "where": "physical", "change": "flip", "count": 1, "seed": 7, "ranges": [[4096, 8]]
///
/// as well, and of a device's the members of parse_device_fault(). Nothing when TEXT is not
/// well-formed.
std::optional<GuestFault> parse_guest_fault(std::string_view text);
std::string to_json(const GuestFault& fault);

}  // namespace hive::cell

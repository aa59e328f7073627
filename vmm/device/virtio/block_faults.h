// Injected faults of a disk: what becomes of its requests.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "vmm/device/fault_share.h"
#include "vmm/device/virtio/block_request.h"

namespace hive::device {

enum class DiskFaultKind : std::uint8_t {
  kError,  ///< Requests end with an error, and nothing is done for them.
  kDelay,  ///< Requests wait before anything is done for them.
  kTorn,   ///< Of a write of several sectors only the first few are stored.
};
inline constexpr unsigned kDiskFaultKinds = 3;

/// Which requests a fault is about. Identifications, and what is refused anyway, never are.
enum class DiskOperations : std::uint8_t {
  kAll,
  kRead,
  kWrite,  ///< Discards and zero-writes as well.
  kFlush,
};

/// By the names in which people and packets have them: "all".
std::string_view name_of(DiskOperations operations);
std::optional<DiskOperations> find_operations(std::string_view name);

struct DiskFault {
  DiskFaultKind kind{};
  DiskOperations of = DiskOperations::kAll;  ///< Of kError and kDelay.
  FaultShare share;
  std::chrono::milliseconds delay{0};  ///< Of kDelay; no longer than the fault lasts.
  bool reports_done = false;           ///< Of kTorn: the guest is told that all is well.
};

/// What is to become of one request.
struct BlockVerdict {
  bool fails = false;                   ///< It ends with an error, and nothing is done.
  std::chrono::milliseconds delay{0};   ///< Before that, or before it is done.
  std::optional<std::uint64_t> stored;  ///< A write: so many bytes alone, of whole sectors.
  bool reports_done = false;            ///< With `stored`: it is not told as an error.
};

/// The faults of one disk, at most one of each kind. Pure. The same faults, set anew, give the same
/// verdicts about the same requests.
class BlockFaults {
 public:
  /// FAULT begins at NOW, in the place of an earlier one of its kind.
  void set(const DiskFault& fault, FaultClock::time_point now);
  /// Whether there is any fault that may not have ended yet.
  [[nodiscard]] bool any() const { return any_; }
  /// About a request of KIND and LENGTH bytes that comes at NOW.
  BlockVerdict judge(BlockRequest::Kind kind, std::uint64_t length, FaultClock::time_point now);

 private:
  struct Stage {
    DiskFault fault;
    FaultDraw draw;
  };
  Stage& stage(DiskFaultKind kind) { return stages_.at(static_cast<std::size_t>(kind)); }
  static bool hits(Stage& stage, BlockRequest::Kind kind, FaultClock::time_point now);

  std::array<Stage, kDiskFaultKinds> stages_;
  bool any_ = false;
};

}  // namespace hive::device

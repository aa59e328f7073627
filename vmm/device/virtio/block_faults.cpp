#include "vmm/device/virtio/block_faults.h"

#include <algorithm>

#include "vmm/device/virtio/disk_image.h"

namespace hive::device {
namespace {

using Kind = BlockRequest::Kind;

/// In the order of DiskOperations.
constexpr std::array<std::string_view, 4> kOperationNames{"all", "read", "write", "flush"};

bool is_about(DiskOperations operations, Kind kind) {
  switch (kind) {
    case Kind::kRead:
      return operations == DiskOperations::kAll || operations == DiskOperations::kRead;
    case Kind::kWrite:
    case Kind::kDiscard:
    case Kind::kWriteZeroes:
      return operations == DiskOperations::kAll || operations == DiskOperations::kWrite;
    case Kind::kFlush:
      return operations == DiskOperations::kAll || operations == DiskOperations::kFlush;
    case Kind::kIdentify:
    case Kind::kRefused:
      return false;
  }
  return false;
}

}  // namespace

std::string_view name_of(DiskOperations operations) {
  return kOperationNames.at(static_cast<std::size_t>(operations));
}

std::optional<DiskOperations> find_operations(std::string_view name) {
  const auto* found = std::find(kOperationNames.begin(), kOperationNames.end(), name);
  if (found == kOperationNames.end()) return std::nullopt;
  return static_cast<DiskOperations>(found - kOperationNames.begin());
}

void BlockFaults::set(const DiskFault& fault, FaultClock::time_point now) {
  stage(fault.kind) = {fault, FaultDraw(fault.share, now)};
  any_ = true;
}

bool BlockFaults::hits(Stage& stage, Kind kind, FaultClock::time_point now) {
  return is_about(stage.fault.of, kind) && stage.draw.hits(now);
}

BlockVerdict BlockFaults::judge(Kind kind, std::uint64_t length, FaultClock::time_point now) {
  any_ = std::any_of(stages_.begin(), stages_.end(),
                     [now](const Stage& each) { return each.draw.lasts(now); });
  BlockVerdict verdict;
  verdict.fails = hits(stage(DiskFaultKind::kError), kind, now);
  Stage& delay = stage(DiskFaultKind::kDelay);
  if (hits(delay, kind, now)) verdict.delay = delay.draw.within(delay.fault.delay, now);
  Stage& torn = stage(DiskFaultKind::kTorn);
  const std::uint64_t sectors = length / DiskImage::kSectorSize;
  if (kind == Kind::kWrite && sectors > 1 && torn.draw.hits(now)) {
    verdict.stored = (1 + torn.draw.below(sectors - 1)) * DiskImage::kSectorSize;
    verdict.reports_done = torn.fault.reports_done;
  }
  return verdict;
}

}  // namespace hive::device

#include "vmm/boot/memory_map.h"

#include "vmm/memory/layout.h"

namespace hive::boot {

std::vector<MemoryMapEntry> make_memory_map(const memory::GuestMemory& memory,
                                            const Range& global) {
  namespace layout = memory::layout;
  constexpr Range kEbda{layout::kLowRam.end(), 0xa'0000 - layout::kLowRam.end()};
  const Range low = memory.regions().front().guest;

  std::vector<MemoryMapEntry> map{
      {layout::kLowRam, MemoryKind::kRam},
      {kEbda, MemoryKind::kReserved},
      {layout::kFirmware, MemoryKind::kReserved},
      {{layout::kHighRam, low.end() - layout::kHighRam}, MemoryKind::kRam},
      {layout::kEcam, MemoryKind::kReserved},
      {layout::kKvmReserved, MemoryKind::kReserved},
  };
  for (const memory::MemoryRegion& region : memory.regions().subspan(1)) {
    map.push_back({region.guest, MemoryKind::kRam});
  }
  if (global.size != 0) map.push_back({global, MemoryKind::kReserved});
  return map;
}

}  // namespace hive::boot

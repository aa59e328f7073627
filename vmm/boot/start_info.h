// The PVH boot ABI's structures (Xen: public/arch-x86/hvm/start_info.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace hive::boot {

inline constexpr std::uint32_t kStartInfoMagic = 0x336e'c578;

struct StartInfo {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t flags;
  std::uint32_t module_count;
  std::uint64_t modules;  ///< Guest-physical address of StartInfoModule[module_count].
  std::uint64_t cmdline;  ///< Guest-physical address of a string that ends with 0.
  std::uint64_t rsdp;
  std::uint64_t memory_map;  ///< Guest-physical address of StartInfoMapEntry[memory_map_count].
  std::uint32_t memory_map_count;
  std::uint32_t reserved;
};
static_assert(sizeof(StartInfo) == 56);
static_assert(offsetof(StartInfo, modules) == 16 && offsetof(StartInfo, rsdp) == 32 &&
              offsetof(StartInfo, memory_map_count) == 48);

struct StartInfoModule {
  std::uint64_t address;
  std::uint64_t size;
  std::uint64_t cmdline;
  std::uint64_t reserved;
};
static_assert(sizeof(StartInfoModule) == 32);

struct StartInfoMapEntry {
  std::uint64_t address;
  std::uint64_t size;
  std::uint32_t kind;  ///< As MemoryKind.
  std::uint32_t reserved;
};
static_assert(sizeof(StartInfoMapEntry) == 24);

}  // namespace hive::boot

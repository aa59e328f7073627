// What PVH hands over (Xen: public/arch-x86/hvm/start_info.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace hive::bare {

inline constexpr std::uint32_t kStartInfoMagic = 0x336e'c578;

/// The part of hvm_start_info and of its modules that matters here. Addresses are physical.
struct StartInfo {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t flags;
  std::uint32_t modules;
  std::uint64_t module_list;
  std::uint64_t command_line;  ///< 0: none; else it ends with a 0.
};
static_assert(offsetof(StartInfo, command_line) == 24);

struct Module {
  std::uint64_t address;
  std::uint64_t size;
};

}  // namespace hive::bare

/// The guest's: where the boot CPU arrives from entry.S.
extern "C" [[noreturn]] void start_boot_cpu(const hive::bare::StartInfo* info);

#include "vmm/boot/parameters.h"

#include <algorithm>
#include <cstring>

#include "vmm/base/error.h"
#include "vmm/boot/boot_data.h"
#include "vmm/boot/bzimage.h"
#include "vmm/boot/start_info.h"

namespace hive::boot {
namespace {

static_assert(sizeof(boot_params) == 4096, "zero page layout");
static_assert(offsetof(boot_params, acpi_rsdp_addr) == 0x70);
static_assert(offsetof(boot_params, e820_entries) == 0x1e8);
static_assert(offsetof(boot_params, hdr) == kSetupHeaderOffset);
static_assert(offsetof(boot_params, e820_table) == 0x2d0);

constexpr std::uint8_t kUnknownLoader = 0xff;
constexpr std::size_t kMaxMapEntries = 64;
constexpr std::uint64_t kModules = kParameters + sizeof(StartInfo);
constexpr std::uint64_t kMap = kModules + sizeof(StartInfoModule);
static_assert(kMap + kMaxMapEntries * sizeof(StartInfoMapEntry) <= kParameters + kPageSize);
static_assert(kMaxMapEntries <= E820_MAX_ENTRIES_ZEROPAGE);

void check_map(const std::vector<MemoryMapEntry>& map) {
  if (map.size() > kMaxMapEntries) throw Error("boot: the memory map has too many entries");
}

}  // namespace

Range write_cmdline(const memory::GuestMemory& memory, const LoadedKernel& kernel,
                    const std::string& cmdline) {
  const std::uint64_t limit = std::min(kernel.cmdline_max, kCmdlineRoom - 1);
  if (cmdline.size() > limit) {
    throw Error("kernel command line: " + std::to_string(cmdline.size()) +
                    " bytes, the kernel takes at most " + std::to_string(limit) + "; shorten it",
                Error::Kind::kUsage);
  }
  if (cmdline.find('\0') != std::string::npos) {
    throw Error("kernel command line: contains a byte of value 0; remove it", Error::Kind::kUsage);
  }
  const auto bytes = std::as_bytes(std::span(cmdline.c_str(), cmdline.size() + 1));
  if (!memory.write({kCmdline}, bytes)) throw Error("boot: the cell has no memory below 1 MiB");
  return {kCmdline, cmdline.size()};
}

memory::GuestAddress write_zero_page(const memory::GuestMemory& memory, const LoadedKernel& kernel,
                                     const BootInputs& inputs) {
  check_map(inputs.map);
  boot_params params{};
  params.hdr = kernel.header;
  params.hdr.type_of_loader = kUnknownLoader;
  params.hdr.cmd_line_ptr = static_cast<std::uint32_t>(inputs.cmdline.start);
  params.hdr.ramdisk_image = static_cast<std::uint32_t>(inputs.initrd.start);
  params.hdr.ramdisk_size = static_cast<std::uint32_t>(inputs.initrd.size);
  params.hdr.code32_start = static_cast<std::uint32_t>(kernel.memory.start);
  params.hdr.setup_data = 0;
  params.acpi_rsdp_addr = inputs.rsdp.value;
  params.e820_entries = static_cast<std::uint8_t>(inputs.map.size());
  std::size_t i = 0;
  for (const MemoryMapEntry& entry : inputs.map) {
    params.e820_table[i++] = {entry.range.start, entry.range.size,
                              static_cast<std::uint32_t>(entry.kind)};
  }
  put(memory, kParameters, params);
  return {kParameters};
}

memory::GuestAddress write_start_info(const memory::GuestMemory& memory, const BootInputs& inputs) {
  check_map(inputs.map);
  StartInfo info{};
  info.magic = kStartInfoMagic;
  info.version = 1;
  info.cmdline = inputs.cmdline.start;
  info.rsdp = inputs.rsdp.value;
  info.memory_map = kMap;
  info.memory_map_count = static_cast<std::uint32_t>(inputs.map.size());
  if (inputs.initrd.size != 0) {
    info.modules = kModules;
    info.module_count = 1;
    put(memory, kModules, StartInfoModule{inputs.initrd.start, inputs.initrd.size, 0, 0});
  }
  std::uint64_t at = kMap;
  for (const MemoryMapEntry& entry : inputs.map) {
    const StartInfoMapEntry out{entry.range.start, entry.range.size,
                                static_cast<std::uint32_t>(entry.kind), 0};
    put(memory, at, out);
    at += sizeof(out);
  }
  put(memory, kParameters, info);
  return {kParameters};
}

}  // namespace hive::boot

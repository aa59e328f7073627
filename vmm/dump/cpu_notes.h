// A core file's notes about vCPUs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "vmm/dump/core_file.h"

namespace hive::dump {

/// Appends an ELF note (gABI, chapter 5, "Note Section"): names and descriptors are padded to 4
/// bytes.
void append_note(std::vector<std::byte>& out, std::string_view name, std::uint32_t type,
                 std::span<const std::byte> descriptor);

/// Appends the note NT_PRSTATUS of the vCPU with this INDEX: who reads it takes INDEX + 1 for a
/// thread's number.
void append_status_note(std::vector<std::byte>& out, const Cpu& cpu, unsigned index);

/// Appends the note that QEMU's dumps have for each vCPU, of version 1.
void append_qemu_note(std::vector<std::byte>& out, const Cpu& cpu);

}  // namespace hive::dump

// The state of a vCPU as it enters a kernel.
#pragma once

#include <cstdint>

namespace hive::boot {

/// A segment register with its hidden part (Intel SDM 3A, 3.4.5 "Segment Descriptors").
struct Segment {
  std::uint16_t selector = 0;
  std::uint64_t base = 0;
  std::uint32_t limit = 0;  ///< In bytes, granularity applied.
  std::uint8_t type = 0;    ///< 4 bits.
  std::uint8_t dpl = 0;     ///< 0 to 3.
  bool present = false;
  bool code_or_data = false;  ///< S.
  bool long_mode = false;     ///< L.
  bool big = false;           ///< D/B.
  bool granular = false;      ///< G: the limit counts pages.
};

/// What LGDT or LIDT loads.
struct DescriptorTable {
  std::uint64_t base = 0;
  std::uint16_t limit = 0;
};

/// Everything that boot sets of the first vCPU; what is not here is as after INIT, the general
/// registers 0. `data` is for DS, ES, FS, GS and SS.
struct BootState {
  std::uint64_t rip = 0;
  std::uint64_t rbx = 0;
  std::uint64_t rsi = 0;
  std::uint64_t rflags = 2;
  std::uint64_t cr0 = 0;
  std::uint64_t cr3 = 0;
  std::uint64_t cr4 = 0;
  std::uint64_t efer = 0;
  Segment code;
  Segment data;
  Segment task;
  DescriptorTable gdt;
  DescriptorTable idt;
};

}  // namespace hive::boot

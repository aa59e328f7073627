#include "guests/bare/idt.h"

#include "guests/bare/layout.h"
#include "guests/bare/x86.h"

namespace hive::bare {
namespace {

/// An interrupt gate (Intel SDM 3A, 6.14.1).
struct Gate {
  std::uint16_t offset_low;
  std::uint16_t selector;
  std::uint16_t type;
  std::uint16_t offset_middle;
  std::uint32_t offset_high;
  std::uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

constexpr unsigned kVectors = 256;
constexpr std::uint64_t kStubSize = 16;
constexpr std::uint16_t kInterruptGate = 0x8e00;

Gate idt[kVectors];

}  // namespace

extern "C" const char vector_stubs[];

void build_idt() {
  for (unsigned vector = 0; vector < kVectors; ++vector) {
    const auto stub = reinterpret_cast<std::uint64_t>(vector_stubs) + vector * kStubSize;
    Gate& gate = idt[vector];
    gate.offset_low = static_cast<std::uint16_t>(stub);
    gate.selector = BARE_CODE_SELECTOR;
    gate.type = kInterruptGate;
    gate.offset_middle = static_cast<std::uint16_t>(stub >> 16);
    gate.offset_high = static_cast<std::uint32_t>(stub >> 32);
  }
}

void load_idt() { load_idt(TablePointer{sizeof(idt) - 1, reinterpret_cast<std::uint64_t>(idt)}); }

void triple_fault() {
  load_idt(TablePointer{0, 0});
  asm volatile("ud2");
  __builtin_unreachable();
}

}  // namespace hive::bare

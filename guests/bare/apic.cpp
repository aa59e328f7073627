#include "guests/bare/apic.h"

#include "guests/bare/x86.h"

namespace hive::bare {
namespace {

constexpr std::uint64_t kMmio = 0xfee0'0000;
constexpr std::uint32_t kX2apicMsrs = 0x800;
constexpr std::uint32_t kApicBaseMsr = 0x1b;
constexpr std::uint64_t kX2apicMode = 1U << 10;
constexpr std::uint64_t kApicEnabled = 1U << 11;

// Registers, as offsets in the MMIO page. Their MSRs are these divided by 16.
constexpr std::uint32_t kEoi = 0xb0;
constexpr std::uint32_t kSpurious = 0xf0;
constexpr std::uint32_t kCommandLow = 0x300;
constexpr std::uint32_t kCommandHigh = 0x310;
constexpr std::uint32_t kTimer = 0x320;
constexpr std::uint32_t kLint0 = 0x350;
constexpr std::uint32_t kInitialCount = 0x380;
constexpr std::uint32_t kDivide = 0x3e0;

constexpr std::uint32_t kSoftwareEnabled = 0x1ff;  // Spurious vector 0xff.
constexpr std::uint32_t kMasked = 0x1'0000;
constexpr std::uint32_t kInit = 0x4500;
constexpr std::uint32_t kStartup = 0x4600;
constexpr std::uint32_t kDivideByOne = 0xb;
constexpr std::uint64_t kSettleTicks = 100'000;

void write(const Apic& apic, std::uint32_t offset, std::uint32_t value) {
  if (apic.x2apic) {
    write_msr(kX2apicMsrs + offset / 16, value);
  } else {
    *reinterpret_cast<volatile std::uint32_t*>(kMmio + offset) = value;
  }
}

void settle() {
  const std::uint64_t start = read_tsc();
  while (read_tsc() - start < kSettleTicks) pause();
}

}  // namespace

void enable_apic(Apic& apic) {
  apic.x2apic = (read_msr(kApicBaseMsr) & kX2apicMode) != 0;
  write(apic, kLint0, kMasked);  // The legacy PIC stays out of it.
  write(apic, kSpurious, kSoftwareEnabled);
}

void switch_to_x2apic(Apic& apic) {
  write_msr(kApicBaseMsr, read_msr(kApicBaseMsr) | kApicEnabled | kX2apicMode);
  enable_apic(apic);
}

void end_of_interrupt(const Apic& apic) { write(apic, kEoi, 0); }

void send_ipi(const Apic& apic, std::uint32_t command, std::uint32_t apic_id) {
  if (apic.x2apic) {
    write_msr(kX2apicMsrs + kCommandLow / 16, std::uint64_t{apic_id} << 32 | command);
  } else {
    write(apic, kCommandHigh, apic_id << 24);
    write(apic, kCommandLow, command);
  }
}

void send_startup(const Apic& apic, std::uint32_t apic_id, std::uint32_t start) {
  constexpr std::uint32_t kPageShift = 12;
  send_ipi(apic, kInit, apic_id);
  settle();
  send_ipi(apic, kStartup | start >> kPageShift, apic_id);
  settle();
  send_ipi(apic, kStartup | start >> kPageShift, apic_id);
}

void start_timer(const Apic& apic, std::uint8_t vector, std::uint32_t ticks) {
  write(apic, kDivide, kDivideByOne);
  write(apic, kTimer, vector);
  write(apic, kInitialCount, ticks);
}

}  // namespace hive::bare

#include "guests/wax/timer.h"

#include "guests/bare/x86.h"

namespace hive::wax {
namespace {

constexpr std::uint8_t kVector = 0x40;
/// KVM's APICs count nanoseconds, in 32 bits. Were they to count faster or slower, a sleep would
/// take more turns, or be too long.
constexpr std::uint64_t kMostTicks = 1'000'000'000;

constinit bare::Apic apic{};

}  // namespace

const bare::Apic& own_apic() { return apic; }

void start_timers() { bare::enable_apic(apic); }

void sleep_until(const volatile hive_wax_registers& registers, std::uint64_t time) {
  for (;;) {
    const std::uint64_t now = registers.now_ns;
    if (now >= time) return;
    const std::uint64_t left = time - now < kMostTicks ? time - now : kMostTicks;
    bare::disable_interrupts();
    bare::start_timer(apic, kVector, static_cast<std::uint32_t>(left));
    // An interrupt that comes before the halt ends it: STI lets none in before HLT.
    asm volatile("sti; hlt; cli" : : : "memory");
  }
}

}  // namespace hive::wax

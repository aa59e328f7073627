// Interrupts and exceptions of Wax, and its end.
#include "guests/bare/apic.h"
#include "guests/bare/idt.h"
#include "guests/bare/serial.h"
#include "guests/bare/x86.h"
#include "guests/wax/fail.h"
#include "guests/wax/timer.h"

namespace hive::wax {
namespace {

constexpr std::uint16_t kPvpanicPort = 0x505;
constexpr std::uint8_t kPanicked = 1;

}  // namespace

void fail(const char* why) {
  bare::print("hive-wax: ");
  bare::print(why);
  bare::print("\r\n");
  bare::out8(kPvpanicPort, kPanicked);
  bare::halt_for_ever();
}

}  // namespace hive::wax

extern "C" {

[[noreturn]] void on_exception(const hive::bare::Frame* frame) {
  hive::bare::print("hive-wax: exception ", frame->vector);
  hive::bare::print(", error ", frame->error_code);
  hive::bare::print(", address ", hive::bare::read_cr2());
  hive::bare::print(", rip ", frame->rip);
  hive::bare::print("\r\n");
  hive::wax::fail("it cannot go on");
}

void on_interrupt(std::uint32_t vector) {
  if (vector != hive::bare::kSpuriousVector) hive::bare::end_of_interrupt(hive::wax::own_apic());
}

}  // extern "C"

// Wax: looks at all cells' state pages, asks its policy, and says what that advises, round by
// round, until its cell ends. It remembers nothing that the next incarnation would need.
#include <cstring>
#include <string_view>

#include "guests/abi/state_reading.h"
#include "guests/abi/wax.h"
#include "guests/bare/idt.h"
#include "guests/bare/start_info.h"
#include "guests/wax/command_line.h"
#include "guests/wax/device.h"
#include "guests/wax/fail.h"
#include "guests/wax/timer.h"
#include "policy/hint_words.h"
#include "policy/observer.h"
#include "policy/policy.h"

namespace hive::wax {
namespace {

constinit policy::Observer observer;
constinit policy::View view;
constinit policy::Hints hints;

const policy::Policy& policy_for(const bare::StartInfo& info) {
  if (info.magic != bare::kStartInfoMagic || info.command_line == 0) {
    fail("it has no command line; give it one with policy=NAME");
  }
  const char* text = reinterpret_cast<const char*>(info.command_line);
  const policy::Policy* found = policy::find(value_of(HIVE_WAX_POLICY, {text, strlen(text)}));
  if (found == nullptr) fail("its command line names no policy that it has; see docs/policy.md");
  return *found;
}

void look_at(const Device& device) {
  StateReading reading;
  for (policy::Cell cell = 0; cell < device.cells; ++cell) {
    const bool read = read_state_page(device.pages[cell], cell, reading);
    observer.see(cell, read ? &reading : nullptr);
  }
}

void do_round(const Device& device, policy::Rule decide) {
  volatile hive_wax_registers& registers = *device.registers;
  const policy::Author author{registers.epoch, registers.incarnation};
  look_at(device);
  observer.show({registers.now_ns, author.epoch, registers.cpus}, view);
  hints.clear();
  decide(view, hints);
  for (const policy::Hint& hint : hints) submit(registers, policy::words_of(hint, author));
}

[[noreturn]] void run(const Device& device, policy::Rule decide) {
  constexpr std::uint64_t kMillisecond = 1'000'000;
  const std::uint64_t round = device.round_ms * kMillisecond;
  volatile hive_wax_registers& registers = *device.registers;
  std::uint64_t next = registers.now_ns;
  for (std::uint64_t done = 1;; ++done) {
    do_round(device, decide);
    registers.heartbeat = done;
    const std::uint64_t now = registers.now_ns;
    // It rests even where rounds take longer than they should.
    next = next + round > now ? next + round : now + round;
    sleep_until(registers, next);
  }
}

}  // namespace
}  // namespace hive::wax

[[noreturn]] void start_boot_cpu(const hive::bare::StartInfo* info) {
  using namespace hive;
  bare::build_idt();
  bare::load_idt();
  const policy::Policy& policy = wax::policy_for(*info);
  wax::Device device;
  if (const char* fault = wax::find_device(device)) wax::fail(fault);
  wax::start_timers();
  wax::run(device, policy.decide);
}

// Where the micro guest's CPUs arrive in 64-bit mode, from entry.S and ap.S.
#include "guests/bare/start_info.h"
#include "guests/micro/bare.h"
#include "guests/micro/cpu.h"
#include "guests/micro/script.h"

namespace hive::micro {
namespace {

const hive_micro_header* header;

/// The script in the first module, or null when there is none in the right form.
const hive_micro_header* find_scripts(const StartInfo& info) {
  if (info.magic != kStartInfoMagic || info.modules == 0) return nullptr;
  const auto& module = *reinterpret_cast<const Module*>(info.module_list);
  if (module.size < sizeof(hive_micro_header)) return nullptr;
  const auto* found = reinterpret_cast<const hive_micro_header*>(module.address);
  const bool right = found->magic == HIVE_MICRO_MAGIC && found->version == HIVE_MICRO_VERSION &&
                     found->scripts <= HIVE_MICRO_MAX_CPUS;
  if (!right) return nullptr;
  const std::uint64_t actions = (module.size - sizeof(*found)) / sizeof(hive_micro_action);
  for (std::uint32_t i = 0; i < found->scripts; ++i) {
    const auto& script = found->script[i];
    if (script.count > HIVE_MICRO_MAX_ACTIONS) return nullptr;
    if (std::uint64_t{script.first} + script.count > actions) return nullptr;
  }
  return found;
}

[[noreturn]] void run_cpu(std::uint32_t index) {
  Cpu& cpu = this_cpu();
  cpu = Cpu{};
  cpu.index = index;
  cpu.results = &results_of(index);
  load_idt();
  if (header == nullptr || index >= header->scripts) {
    cpu.results->state = HIVE_MICRO_REFUSED;
    halt_for_ever();
  }
  cpu.script = reinterpret_cast<const hive_micro_action*>(header + 1) + header->script[index].first;
  cpu.script_length = header->script[index].count;
  enable_apic(cpu.apic);
  cpu.results->state = HIVE_MICRO_RUNNING;
  run_script(cpu);
  disable_interrupts();
  cpu.results->state = HIVE_MICRO_DONE;
  halt_for_ever();
}

}  // namespace

}  // namespace hive::micro

extern "C" {

extern const char ap_trampoline[];
extern const char ap_trampoline_end[];

[[noreturn]] void start_boot_cpu(const hive::bare::StartInfo* info) {
  hive::bare::build_idt();
  const char* from = ap_trampoline;
  auto* to = reinterpret_cast<volatile char*>(MICRO_TRAMPOLINE);
  while (from != ap_trampoline_end) *to++ = *from++;
  hive::micro::header = hive::micro::find_scripts(*info);
  hive::micro::run_cpu(0);
}

/// A CPU that START_CPU started; INDEX is its APIC id.
[[noreturn]] void start_other_cpu(std::uint32_t index) { hive::micro::run_cpu(index); }

}  // extern "C"

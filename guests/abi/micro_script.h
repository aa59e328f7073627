// Writes scripts for the micro guest, on the host.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <vector>

#include "guests/abi/micro.h"

namespace hive::micro {

using Action = hive_micro_action;

// One action each; see hive_micro_op for what they do and what becomes of their results.
constexpr Action out(unsigned width, std::uint16_t port, std::uint32_t value) {
  return {HIVE_MICRO_OUT, width, port, value, 0};
}
constexpr Action in(unsigned width, std::uint16_t port) {
  return {HIVE_MICRO_IN, width, port, 0, 0};
}
constexpr Action store(unsigned width, std::uint64_t address, std::uint64_t value) {
  return {HIVE_MICRO_STORE, width, address, value, 0};
}
constexpr Action load(unsigned width, std::uint64_t address) {
  return {HIVE_MICRO_LOAD, width, address, 0, 0};
}
constexpr Action fill(std::uint64_t address, std::uint8_t byte, std::uint64_t length) {
  return {HIVE_MICRO_FILL, 0, address, byte, length};
}
constexpr Action copy(std::uint64_t to, std::uint64_t from, std::uint64_t length) {
  return {HIVE_MICRO_COPY, 0, to, from, length};
}
constexpr Action add(unsigned width, std::uint64_t address, std::uint64_t addend) {
  return {HIVE_MICRO_ADD, width, address, addend, 0};
}
constexpr Action xchg(unsigned width, std::uint64_t address, std::uint64_t value) {
  return {HIVE_MICRO_XCHG, width, address, value, 0};
}
constexpr Action cmpxchg(unsigned width, std::uint64_t address, std::uint64_t expected,
                         std::uint64_t value) {
  return {HIVE_MICRO_CMPXCHG, width, address, expected, value};
}
constexpr Action cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
  return {HIVE_MICRO_CPUID, 0, leaf, subleaf, 0};
}
constexpr Action rdmsr(std::uint32_t index) { return {HIVE_MICRO_RDMSR, 0, index, 0, 0}; }
constexpr Action wrmsr(std::uint32_t index, std::uint64_t value) {
  return {HIVE_MICRO_WRMSR, 0, index, value, 0};
}
constexpr Action rdtsc() { return {HIVE_MICRO_RDTSC, 0, 0, 0, 0}; }
constexpr Action wait(unsigned width, std::uint64_t address, std::uint64_t value,
                      std::uint64_t ticks = 0) {
  return {HIVE_MICRO_WAIT, width, address, value, ticks};
}
constexpr Action halt() { return {HIVE_MICRO_HALT, 0, 0, 0, 0}; }
constexpr Action interrupts(bool on) { return {HIVE_MICRO_INTERRUPTS, 0, on ? 1U : 0U, 0, 0}; }
constexpr Action await(std::uint8_t vector, std::uint32_t count, std::uint64_t ticks = 0) {
  return {HIVE_MICRO_AWAIT, 0, vector, count, ticks};
}
constexpr Action ipi(std::uint32_t command, std::uint32_t apic_id) {
  return {HIVE_MICRO_IPI, 0, command, apic_id, 0};
}
constexpr Action x2apic() { return {HIVE_MICRO_X2APIC, 0, 0, 0, 0}; }
constexpr Action start_cpu(unsigned cpu, std::uint64_t ticks = 0) {
  return {HIVE_MICRO_START_CPU, 0, cpu, 0, ticks};
}
constexpr Action barrier(unsigned barrier, unsigned cpus, std::uint64_t ticks = 0) {
  return {HIVE_MICRO_BARRIER, 0, barrier, cpus, ticks};
}
/// The ACTIONS actions that follow are performed TIMES times.
constexpr Action loop(std::uint64_t times, std::uint64_t actions) {
  return {HIVE_MICRO_LOOP, 0, times, actions, 0};
}
constexpr Action map(std::uint64_t address) { return {HIVE_MICRO_MAP, 0, address, 0, 0}; }
constexpr Action undefined() { return {HIVE_MICRO_UNDEFINED, 0, 0, 0, 0}; }
constexpr Action triple_fault() { return {HIVE_MICRO_TRIPLE_FAULT, 0, 0, 0, 0}; }
constexpr Action spin() { return {HIVE_MICRO_SPIN, 0, 0, 0, 0}; }
constexpr Action trapped_store(std::uint64_t address, std::uint64_t value) {
  return {HIVE_MICRO_TRAPPED_STORE, 8, address, value, 0};
}
/// Into 8 bytes at each of COUNT addresses, STRIDE apart, the address itself.
constexpr Action sweep(std::uint64_t address, std::uint64_t stride, std::uint64_t count) {
  return {HIVE_MICRO_SWEEP, 8, address, stride, count};
}
/// TALK: address of a hive_micro_talk.
constexpr Action talk(std::uint64_t talk) { return {HIVE_MICRO_TALK, 0, talk, 0, 0}; }
/// WORK: address of a hive_micro_work.
constexpr Action fill_work(std::uint64_t work) { return {HIVE_MICRO_FILL_WORK, 0, work, 0, 0}; }
constexpr Action do_work(std::uint64_t work) { return {HIVE_MICRO_WORK, 0, work, 0, 0}; }
constexpr Action stamp_work(std::uint64_t work) { return {HIVE_MICRO_STAMP, 0, work, 0, 0}; }
constexpr Action end() { return {HIVE_MICRO_END, 0, 0, 0, 0}; }

/// The module to boot the micro guest with: script n is for CPU n. Throws std::invalid_argument
/// when there are too many scripts or actions.
inline std::vector<std::byte> make_module(const std::vector<std::vector<Action>>& scripts) {
  if (scripts.size() > HIVE_MICRO_MAX_CPUS) throw std::invalid_argument("micro: too many scripts");
  hive_micro_header header{};
  header.magic = HIVE_MICRO_MAGIC;
  header.version = HIVE_MICRO_VERSION;
  std::vector<Action> actions;
  for (const std::vector<Action>& script : scripts) {
    if (script.size() > HIVE_MICRO_MAX_ACTIONS) {
      throw std::invalid_argument("micro: too many actions in a script");
    }
    header.script[header.scripts++] = {static_cast<std::uint32_t>(actions.size()),
                                       static_cast<std::uint32_t>(script.size())};
    actions.insert(actions.end(), script.begin(), script.end());
  }
  const auto head = std::as_bytes(std::span(&header, 1));
  const auto body = std::as_bytes(std::span(actions));
  std::vector<std::byte> module(head.size() + body.size());
  std::copy(body.begin(), body.end(), std::copy(head.begin(), head.end(), module.begin()));
  return module;
}

/// Where CPU's results are in guest memory.
constexpr std::uint64_t results_address(unsigned cpu) {
  return HIVE_MICRO_RESULTS + cpu * sizeof(hive_micro_results);
}

/// Where the result of action ACTION of CPU's script is.
constexpr std::uint64_t result_address(unsigned cpu, unsigned action) {
  return results_address(cpu) + offsetof(hive_micro_results, result) +
         action * sizeof(hive_micro_result);
}

}  // namespace hive::micro

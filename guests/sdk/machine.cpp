#include "guests/sdk/machine.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "guests/sdk/careful_object.h"
#include "guests/sdk/events/uio_bell.h"
#include "guests/sdk/guard.h"
#include "vmm/base/units.h"

namespace hive::sdk {
namespace {

constexpr std::uint32_t kDefaultDeadlineMs = 5000;

Failure no_such_cell(std::uint32_t cell, std::uint32_t cells) {
  return {HIVE_NO_SUCH_CELL, "there is no cell " + std::to_string(cell) +
                                 "; the machine has cells 0 to " + std::to_string(cells - 1)};
}

/// Whether PATTERN has a run, and ends before 2^64.
bool is_pattern(const hive_pattern& pattern) {
  if (pattern.runs == 0 || pattern.pages == 0) return false;
  if (pattern.runs > 1 && pattern.stride < pattern.pages) return false;
  const std::uint64_t steps = pattern.runs - 1;
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  if (pattern.pages > kMost - pattern.first) return false;
  return steps == 0 || pattern.stride <= (kMost - pattern.first - pattern.pages) / steps;
}

}  // namespace

Result<std::unique_ptr<Machine>> Machine::open(const hive_options& options,
                                               const DevicePaths& paths) {
  if (options.mapping > HIVE_MAP_NONE || options.reserved != 0 ||
      (options.flags & ~HIVE_READ_ONLY) != 0) {
    return Failure{HIVE_INVALID, "the options have unknown values"};
  }
  if (const int error = install_guard(); error != 0) {
    return system_failure("cannot handle SIGSEGV and SIGBUS", error);
  }
  auto device = open_device(options, paths);
  if (!device.ok()) return device.failure();
  const std::uint32_t deadline =
      options.deadline_ms == 0 ? kDefaultDeadlineMs : options.deadline_ms;
  Device found = std::move(device).value();
  auto bell =
      std::make_unique<UioBell>(paths, found.function, Registers(found.registers.address()));
  return std::make_unique<Machine>(std::move(found), std::chrono::milliseconds(deadline),
                                   std::move(bell));
}

Machine::Machine(Device device, std::chrono::milliseconds deadline, std::unique_ptr<Bell> bell)
    : device_(std::move(device)),
      registers_(device_.registers.address()),
      channel_(registers_, device_.registers.descriptor(), deadline),
      events_(device_, std::move(bell),
              [this](Clock::time_point end) { return use_system_area(end); }) {}

hive_machine_info Machine::info() const {
  hive_machine_info info{};
  info.cell = device_.facts.cell;
  info.cells = device_.facts.cells;
  info.incarnation = device_.facts.incarnation;
  info.vectors = device_.facts.vectors;
  info.window_start = device_.facts.window_start;
  info.window_size = device_.facts.window_size;
  info.mapping = device_.mapping;
  info.flags = device_.read_only ? HIVE_READ_ONLY : 0;
  device_.function.copy(info.function, sizeof info.function - 1);
  return info;
}

Result<hive_cell> Machine::cell(std::uint32_t cell) {
  if (cell >= device_.facts.cells) return no_such_cell(cell, device_.facts.cells);
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_CELL;
  request.home = cell;
  const auto reply = channel_.ask(request);
  if (!reply.ok()) return reply.failure();
  hive_cell found{};
  found.cell = cell;
  found.offset = part(cell).offset;
  found.size = part(cell).size;
  std::memcpy(found.name, reply.value().name, sizeof found.name);
  return found;
}

Result<std::uint32_t> Machine::find_cell(std::string_view name) {
  std::string silent;
  for (std::uint32_t number = 0; number < device_.facts.cells; ++number) {
    const auto found = cell(number);
    if (found.ok() && name == found.value().name) return number;
    if (found.ok()) continue;
    if (found.status() != HIVE_HOME_GONE) return found.failure();
    silent += (silent.empty() ? "" : ", ") + std::to_string(number);
  }
  std::string message = "no cell has that name";
  if (!silent.empty()) message += "; cells that did not answer: " + silent;
  return Failure{HIVE_NOT_FOUND, std::move(message)};
}

hive_global_part Machine::part(std::uint32_t home) const {
  return home < device_.facts.cells ? device_.facts.parts[home] : hive_global_part{};
}

Result<unsigned char*> Machine::place(std::uint32_t home, std::uint64_t offset,
                                      std::uint64_t size) const {
  if (home >= device_.facts.cells) return no_such_cell(home, device_.facts.cells);
  if (device_.window.address() == nullptr) {
    return Failure{HIVE_NOT_MAPPED, "global memory is not mapped into this process"};
  }
  if (!lies_within(offset, size, part(home).size)) {
    return Failure{HIVE_OUT_OF_RANGE, std::to_string(size) + " bytes from offset " +
                                          std::to_string(offset) + " are not within the " +
                                          std::to_string(part(home).size) + " of cell " +
                                          std::to_string(home)};
  }
  return device_.window.address() + part(home).offset + offset;
}

unsigned char* Machine::address(std::uint32_t home, std::uint64_t offset,
                                std::uint64_t size) const {
  const auto found = place(home, offset, size);
  return found.ok() ? found.value() : nullptr;
}

Result<std::uint64_t> Machine::change(std::uint32_t operation, std::uint32_t cell,
                                      const hive_section* section, const hive_pattern& pattern) {
  hive_global_request request{};
  request.operation = operation;
  request.home = section != nullptr ? section->home : device_.facts.cell;
  request.cell = cell;
  request.section = section != nullptr ? section->number : 0;
  request.pages = pattern.pages;
  request.stride = pattern.runs == 1 ? std::max(pattern.stride, pattern.pages) : pattern.stride;
  if (!is_pattern(pattern)) return Failure{HIVE_INVALID, "that is no pattern of pages"};
  std::uint64_t changed = 0;
  for (std::uint64_t done = 0; done < pattern.runs; done += request.runs) {
    request.first = pattern.first + done * request.stride;
    request.runs = std::min<std::uint64_t>(pattern.runs - done, HIVE_GLOBAL_MAX_RUNS);
    const auto reply = channel_.ask(request);
    if (!reply.ok()) return reply.failure();
    changed += reply.value().pages;
  }
  return changed;
}

Result<std::uint64_t> Machine::grant(std::uint32_t cell, const hive_section* section,
                                     const hive_pattern& pattern) {
  return change(HIVE_GLOBAL_GRANT, cell, section, pattern);
}

Result<std::uint64_t> Machine::revoke(std::uint32_t cell, const hive_section* section,
                                      const hive_pattern& pattern) {
  return change(HIVE_GLOBAL_REVOKE, cell, section, pattern);
}

Result<hive_page> Machine::page(std::uint32_t home, const hive_section* section,
                                std::uint64_t page) {
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_PAGE;
  request.home = section != nullptr ? section->home : home;
  request.section = section != nullptr ? section->number : 0;
  request.first = page;
  const auto reply = channel_.ask(request);
  if (!reply.ok()) return reply.failure();
  return hive_page{reply.value().generation, reply.value().section, reply.value().writers};
}

Result<PageRun> Machine::written(std::uint32_t home, const hive_section* section,
                                 std::uint32_t cell, std::uint64_t from) {
  const std::uint64_t limit = section != nullptr ? section->pages : part(home).size / kPageSize;
  if (from >= limit) return Failure{HIVE_NOT_FOUND, "there are no pages any more"};
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_WRITTEN;
  request.home = section != nullptr ? section->home : home;
  request.section = section != nullptr ? section->number : 0;
  request.cell = cell;
  request.first = from;
  const auto reply = channel_.ask(request);
  if (!reply.ok()) return reply.failure();
  // The reply counts from the contribution's start.
  const std::uint64_t base = section != nullptr ? section->first : 0;
  const PageRun run{reply.value().first - base, reply.value().pages};
  if (run.first < from || run.pages == 0 || !lies_within(run.first, run.pages, limit)) {
    return Failure{HIVE_BROKEN, "the home named pages that it was not asked about"};
  }
  return run;
}

Result<Done> Machine::ring(std::uint32_t cell, std::uint32_t vector) const {
  if (cell >= device_.facts.cells) return no_such_cell(cell, device_.facts.cells);
  if (vector >= device_.facts.vectors) {
    return Failure{HIVE_INVALID, "there is no doorbell " + std::to_string(vector) +
                                     "; each cell has doorbells 0 to " +
                                     std::to_string(device_.facts.vectors - 1)};
  }
  registers_.store32(offsetof(hive_global_registers, doorbell), cell << 16 | vector);
  return Done{};
}

}  // namespace hive::sdk

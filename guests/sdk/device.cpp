#include "guests/sdk/device.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "guests/sdk/careful_object.h"
#include "guests/sdk/pci_function.h"
#include "vmm/base/units.h"

namespace hive::sdk {
namespace {

#define HIVE_AT(field) offsetof(hive_global_registers, field)

Failure broken(const std::string& what) {
  return {HIVE_BROKEN, "the device's " + what + " makes no sense; this library is of version " +
                           std::to_string(HIVE_GLOBAL_VERSION)};
}

bool is_part(const hive_global_part& part, std::uint64_t window) {
  return is_aligned(part.offset, kPageSize) && is_aligned(part.size, kPageSize) &&
         lies_within(part.offset, part.size, window);
}

struct Way {
  hive_mapping mapping;
  std::string path;
  std::uint64_t offset;
};

Result<Done> map_window(Device& device, const hive_options& options, const PciFunction& function,
                        const DevicePaths& paths) {
  if (options.mapping == HIVE_MAP_NONE || device.facts.window_size == 0) return Done{};
  const std::array<Way, 3> ways{
      Way{HIVE_MAP_WRITE_BACK, paths.physical_memory, device.facts.window_start},
      Way{HIVE_MAP_WRITE_COMBINING, function.folder + "/resource2_wc", 0},
      Way{HIVE_MAP_UNCACHED, function.folder + "/resource2", 0}};
  std::optional<Failure> failure;
  for (const Way& way : ways) {
    if (options.mapping != HIVE_MAP_BEST && options.mapping != way.mapping) continue;
    auto window =
        FileMapping::map(way.path, way.offset, device.facts.window_size, !device.read_only);
    if (window.ok()) {
      device.window = std::move(window).value();
      device.mapping = way.mapping;
      return Done{};
    }
    if (!failure) {
      failure = window.failure();
    } else {
      failure->message += "; " + window.failure().message;
    }
  }
  return *failure;
}

Failure nothing_found(const std::string& wanted) {
  const std::string what = wanted.empty() ? "no PCI function" : "PCI function " + wanted;
  return {HIVE_NO_DEVICE, what + (wanted.empty() ? " is" : " is not") +
                              " Hive's (1af4:1110, revision 1, with its magic number); is this a "
                              "cell, and does its plan have shared memory?"};
}

}  // namespace

Result<DeviceFacts> read_facts(const Registers& registers) {
  if (registers.load32(HIVE_AT(magic)) != HIVE_GLOBAL_MAGIC) return nothing_found({});
  if (registers.load32(HIVE_AT(version)) != HIVE_GLOBAL_VERSION) return broken("version");
  DeviceFacts facts;
  facts.cell = registers.load32(HIVE_AT(cell));
  facts.cells = registers.load32(HIVE_AT(cells));
  facts.incarnation = registers.load32(HIVE_AT(incarnation));
  facts.vectors = registers.load32(HIVE_AT(vectors));
  facts.window_start = registers.load64(HIVE_AT(window_start));
  facts.window_size = registers.load64(HIVE_AT(window_size));
  if (facts.cells > HIVE_GLOBAL_MAX_CELLS || facts.cell >= facts.cells)
    return broken("cell number");
  if (!is_aligned(facts.window_start, kPageSize) || !is_aligned(facts.window_size, kPageSize) ||
      facts.window_start + facts.window_size < facts.window_start) {
    return broken("window");
  }
  for (std::uint32_t cell = 0; cell < facts.cells; ++cell) {
    facts.parts[cell] =
        registers.load<hive_global_part>(HIVE_AT(parts) + cell * sizeof(hive_global_part));
    if (!is_part(facts.parts[cell], facts.window_size)) return broken("table of contributions");
  }
  return facts;
}

namespace {

/// HIVE_NO_DEVICE: it is QEMU's own ivshmem.
Result<Device> open_function(const PciFunction& function, const hive_options& options,
                             const DevicePaths& paths) {
  auto registers =
      FileMapping::map(function.folder + "/resource0", 0, sizeof(hive_global_registers), true);
  if (registers.status() == HIVE_OUT_OF_RANGE) return nothing_found(function.name);
  if (!registers.ok()) return registers.failure();
  if (const auto enabled = enable(function); !enabled.ok()) return enabled.failure();
  auto facts = read_facts(Registers(registers.value().address()));
  if (!facts.ok()) return facts.failure();
  Device device{function.name,
                facts.value(),
                std::move(registers).value(),
                {},
                HIVE_MAP_NONE,
                (options.flags & HIVE_READ_ONLY) != 0};
  if (const auto mapped = map_window(device, options, function, paths); !mapped.ok()) {
    return mapped.failure();
  }
  return device;
}

}  // namespace

Result<Device> open_device(const hive_options& options, const DevicePaths& paths) {
  const std::string wanted = options.function == nullptr ? "" : options.function;
  auto functions = find_functions(paths.functions, wanted);
  if (!functions.ok()) return functions.failure();
  std::optional<Failure> failure;
  for (const PciFunction& function : functions.value()) {
    auto opened = open_function(function, options, paths);
    if (opened.ok()) return opened;
    if (opened.status() != HIVE_NO_DEVICE && !failure) failure = opened.failure();
  }
  return failure ? *failure : nothing_found(wanted);
}

}  // namespace hive::sdk

// The device, found and mapped.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "guests/abi/global_memory.h"
#include "guests/sdk/file_mapping.h"
#include "guests/sdk/registers.h"
#include "guests/sdk/result.h"

namespace hive::sdk {

/// Where a guest keeps its devices.
struct DevicePaths {
  std::string functions = "/sys/bus/pci/devices";
  std::string physical_memory = "/dev/mem";
  std::string pci_bus = "/sys/bus/pci";
  std::string devices = "/dev";
  /// The first of them that is there loads modules.
  std::vector<std::string> modprobe{"/sbin/modprobe", "/usr/sbin/modprobe", "/bin/modprobe"};
};

/// What the registers say of the machine, checked. It does not change while the guest runs.
struct DeviceFacts {
  std::uint32_t cell = 0;
  std::uint32_t cells = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t vectors = 0;
  std::uint64_t window_start = 0;
  std::uint64_t window_size = 0;
  std::array<hive_global_part, HIVE_GLOBAL_MAX_CELLS> parts{};  ///< Each lies within the window.
};

/// HIVE_NO_DEVICE: they are not Hive's. HIVE_BROKEN: they make no sense.
Result<DeviceFacts> read_facts(const Registers& registers);

struct Device {
  std::string function;
  DeviceFacts facts;
  FileMapping registers;
  FileMapping window;  ///< All of global memory; none where `mapping` is HIVE_MAP_NONE.
  hive_mapping mapping = HIVE_MAP_NONE;
  bool read_only = false;
};

/// Finds the function, enables it and maps it. See hive_open().
Result<Device> open_device(const hive_options& options, const DevicePaths& paths);

}  // namespace hive::sdk

// Finding the device among the guest's PCI functions.
#pragma once

#include <string>
#include <vector>

#include "guests/sdk/result.h"

namespace hive::sdk {

/// One PCI function that may be Hive's or QEMU's own ivshmem: only its registers tell.
struct PciFunction {
  std::string name;    ///< "0000:00:05.0"
  std::string folder;  ///< In sysfs.
};

/// Those with ivshmem's ids below FOLDER ("/sys/bus/pci/devices"), by name. NAME, where it is not
/// empty, is the only one wanted.
Result<std::vector<PciFunction>> find_functions(const std::string& folder, const std::string& name);

/// Makes FUNCTION answer to accesses, where nothing has done so yet.
Result<Done> enable(const PciFunction& function);

}  // namespace hive::sdk

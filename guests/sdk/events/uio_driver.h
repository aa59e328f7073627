// The stock driver that hands a PCI function's interrupts to programs: uio_pci_generic.
#pragma once

#include <string>

#include "guests/sdk/device.h"
#include "guests/sdk/result.h"

namespace hive::sdk {

/// The name of FUNCTION's UIO device ("uio0"). Where no driver has the function, this has the
/// kernel's uio_pci_generic take it, loading the module where need be: that takes root.
/// HIVE_NOT_FOUND: there is none, and cannot be.
Result<std::string> find_uio(const DevicePaths& paths, const std::string& function);

}  // namespace hive::sdk

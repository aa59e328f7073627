// The stock driver that hands a PCI function's interrupts to programs: uio_pci_generic.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "guests/sdk/backoff.h"
#include "guests/sdk/device.h"
#include "guests/sdk/result.h"

namespace hive::sdk {

/// Has it take a function. Used by one thread at a time.
class UioDriver {
 public:
  UioDriver(DevicePaths paths, std::string function)
      : paths_(std::move(paths)), function_(std::move(function)) {}
  UioDriver(const UioDriver&) = delete;
  UioDriver& operator=(const UioDriver&) = delete;
  /// A modprobe that still runs is killed.
  ~UioDriver();

  /// The name of the function's UIO device ("uio0"). Where no driver has the function, this has the
  /// kernel's uio_pci_generic take it, loading the module where need be: that takes root.
  /// HIVE_DEADLINE: the module was not loaded by END, and goes on being loaded; ask again.
  /// HIVE_NOT_FOUND: there is none, and cannot be.
  Result<std::string> find(Clock::time_point end);

 private:
  void start_modprobe();
  bool await_modprobe(Clock::time_point end);

  const DevicePaths paths_;
  const std::string function_;
  pid_t modprobe_ = 0;  ///< That runs; else 0.
};

}  // namespace hive::sdk

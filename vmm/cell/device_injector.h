// Does faults to a guest's devices.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "vmm/cell/guest_fault.h"
#include "vmm/device/virtio/block.h"
#include "vmm/device/virtio/virtio_pci_device.h"

namespace hive::cell {

/// Belongs to the thread that runs the devices' loop.
class DeviceInjector {
 public:
  /// DISK is called "disk" and its number, from 0 on in the order in which they come; it outlives
  /// this object.
  void add(device::VirtioBlock& disk) { disks_.push_back(&disk); }
  /// The same with DEVICE, called NAME.
  void add(std::string name, device::VirtioPciDevice& device) {
    functions_.push_back({std::move(name), &device});
  }

  /// Does FAULT, which has a device, from now on. Returns what was done, for people. Throws Error,
  /// with nothing changed, where it cannot be done.
  std::string perform(const GuestFault& fault);

 private:
  [[nodiscard]] device::VirtioBlock& find_disk(const std::string& name) const;
  std::string spoil(const GuestFault& fault, device::DiskFaultKind kind);

  std::string lose_interrupts(const GuestFault& fault);

  struct Function {
    std::string name;
    device::VirtioPciDevice* device;
  };
  std::vector<device::VirtioBlock*> disks_;
  std::vector<Function> functions_;
};

}  // namespace hive::cell

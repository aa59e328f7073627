#include "vmm/cell/device_injector.h"

#include <fmt/format.h>

#include <string_view>

#include "vmm/base/error.h"

namespace hive::cell {
namespace {

using device::DiskFault;
using device::DiskFaultKind;
using device::DiskOperations;

std::string_view plural_of(DiskOperations operations) {
  switch (operations) {
    case DiskOperations::kAll:
      return "requests";
    case DiskOperations::kRead:
      return "reads";
    case DiskOperations::kWrite:
      return "writes";
    case DiskOperations::kFlush:
      return "flushes";
  }
  return "requests";
}

std::string describe(const DiskFault& fault) {
  switch (fault.kind) {
    case DiskFaultKind::kError:
      return fmt::format("{} end with errors", plural_of(fault.of));
    case DiskFaultKind::kDelay:
      return fmt::format("{} are late by {} ms", plural_of(fault.of), fault.delay.count());
    case DiskFaultKind::kTorn:
      return fmt::format("writes of several sectors are torn, and told as {}",
                         fault.reports_done ? "done" : "errors");
  }
  return {};
}

device::FaultShare share_of(const GuestFault& fault) {
  return {fault.device->share, fault.device->seed, fault.duration};
}

std::string describe(const device::FaultShare& share) {
  const std::string time =
      share.duration ? fmt::format("for {} ms", share.duration->count()) : "for good";
  return fmt::format("seed {}: {}, {} % of", share.seed, time, share.percent);
}

}  // namespace

std::string DeviceInjector::perform(const GuestFault& fault) {
  switch (fault.kind) {
    case GuestFaultKind::kDiskError:
      return spoil(fault, DiskFaultKind::kError);
    case GuestFaultKind::kDiskDelay:
      return spoil(fault, DiskFaultKind::kDelay);
    case GuestFaultKind::kDiskTorn:
      return spoil(fault, DiskFaultKind::kTorn);
    case GuestFaultKind::kInterruptLoss:
      return lose_interrupts(fault);
    default:
      throw Error("the VMM's devices have no such fault");
  }
}

device::VirtioBlock& DeviceInjector::find_disk(const std::string& name) const {
  for (std::size_t index = 0; index < disks_.size(); ++index) {
    if (name_of_disk(index) == name) return *disks_[index];
  }
  throw Error(fmt::format("there is no {}: the cell has {} disks", name, disks_.size()));
}

std::string DeviceInjector::spoil(const GuestFault& fault, DiskFaultKind kind) {
  const DeviceFault& asked = fault.device.value();
  device::VirtioBlock& disk = find_disk(asked.device);
  const bool writes = kind == DiskFaultKind::kTorn || asked.of == DiskOperations::kWrite ||
                      asked.of == DiskOperations::kFlush;
  if (writes && disk.read_only()) {
    throw Error(fmt::format("{} is read-only: nothing is written to it", asked.device));
  }
  const DiskFault made{kind, asked.of, share_of(fault), asked.delay, asked.reports_done};
  disk.set_fault(made);
  return fmt::format("{} {}'s {}", describe(made.share), asked.device, describe(made));
}

std::string DeviceInjector::lose_interrupts(const GuestFault& fault) {
  const std::string& name = fault.device.value().device;
  const bool all = name == kAllDevices;
  const device::FaultShare share = share_of(fault);
  std::string hit;
  std::string known;
  for (const Function& each : functions_) {
    known += (known.empty() ? "" : ", ") + each.name;
    if (!all && each.name != name) continue;
    each.device->lose_interrupts(share);
    hit += (hit.empty() ? "" : ", ") + each.name;
  }
  if (hit.empty()) {
    throw Error(fmt::format("there is no virtio device {}: the cell has {}", name, known));
  }
  return fmt::format("{} the interrupts of {} are lost", describe(share), hit);
}

}  // namespace hive::cell

// The devices' platform (interrupts, messages, doorbells) over KVM.
#pragma once

#include <cstdint>
#include <memory>

#include "vmm/base/unique_fd.h"
#include "vmm/device/platform.h"
#include "vmm/kvm/vm.h"

namespace hive::cell {

/// An IOAPIC pin, raised through an irqfd: one write(2), no ioctl.
class KvmInterruptLine : public device::InterruptLine {
 public:
  KvmInterruptLine(kvm::Vm& vm, std::uint32_t gsi);
  void raise() override;

 private:
  UniqueFd event_;
};

/// Message-signalled interrupts, raised through irqfds. Vectors must not outlive the VM.
class KvmMsiController : public device::MsiController {
 public:
  explicit KvmMsiController(kvm::Vm& vm) : vm_(vm) {}
  std::unique_ptr<device::MsiVector> allocate() override;

 private:
  kvm::Vm& vm_;
};

/// Doorbells as ioeventfds: the guest's store signals the device loop without leaving the kernel.
class KvmDoorbells : public device::DoorbellController {
 public:
  explicit KvmDoorbells(kvm::Vm& vm) : vm_(vm) {}
  bool attach(memory::GuestAddress address, int event_fd) override {
    return vm_.add_doorbell(address, event_fd);
  }
  void detach(memory::GuestAddress address, int event_fd) override {
    vm_.remove_doorbell(address, event_fd);
  }

 private:
  kvm::Vm& vm_;
};

}  // namespace hive::cell

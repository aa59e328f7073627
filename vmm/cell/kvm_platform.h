// The devices' platform (interrupts, messages, doorbells) over KVM.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/device/platform.h"
#include "vmm/kvm/vm.h"
#include "vmm/memory/global_places.h"

namespace hive::cell {

/// How often devices have raised an interrupt: any thread's.
using InterruptCount = std::atomic<std::uint64_t>;

/// An IOAPIC pin, raised through an irqfd: one write(2), no ioctl.
class KvmInterruptLine : public device::InterruptLine {
 public:
  /// COUNT outlives this object.
  KvmInterruptLine(kvm::Vm& vm, std::uint32_t gsi, InterruptCount& count);
  void raise() override;

 private:
  InterruptCount& count_;
  UniqueFd event_;
};

/// An IOAPIC pin that doorbells assert through irqfds, which KVM releases at the guest's end of
/// interrupt.
class KvmLevelLine : public device::LevelLine {
 public:
  KvmLevelLine(kvm::Vm& vm, std::uint32_t gsi);
  void connect(int event_fd) override { sources_.push_back(event_fd); }
  void enable(bool enabled) override;

 private:
  kvm::Vm& vm_;
  std::uint32_t gsi_;
  UniqueFd resample_;  ///< KVM wants one; nobody listens to it.
  std::vector<int> sources_;
  std::mutex mutex_;
  std::size_t attached_ = 0;  ///< The first so many sources are. Guarded by mutex_.
};

/// Message-signalled interrupts, raised through irqfds. Vectors must not outlive the VM, nor COUNT.
class KvmMsiController : public device::MsiController {
 public:
  KvmMsiController(kvm::Vm& vm, InterruptCount& count) : vm_(vm), count_(count) {}
  std::unique_ptr<device::MsiVector> allocate() override;

 private:
  kvm::Vm& vm_;
  InterruptCount& count_;
};

/// Doorbells as ioeventfds: the guest's store signals the device loop without leaving the kernel.
class KvmDoorbells : public device::DoorbellController {
 public:
  explicit KvmDoorbells(kvm::Vm& vm) : vm_(vm) {}
  bool attach(memory::GuestAddress address, int event_fd) override {
    return vm_.add_doorbell(address, std::nullopt, event_fd);
  }
  void detach(memory::GuestAddress address, int event_fd) override {
    vm_.remove_doorbell(address, std::nullopt, event_fd);
  }
  bool attach_value(memory::GuestAddress address, std::uint32_t value, int event_fd) override {
    return vm_.add_doorbell(address, value, event_fd);
  }
  void detach_value(memory::GuestAddress address, std::uint32_t value, int event_fd) override {
    vm_.remove_doorbell(address, value, event_fd);
  }

 private:
  kvm::Vm& vm_;
};

/// Global memory's second place, as a memory slot. Calls do not overlap.
class KvmGlobalAlias : public device::MemoryAlias {
 public:
  /// The memory is at HOST in this process; PLACES learns where the guest has it. Before vCPUs run.
  /// The references outlive the alias.
  KvmGlobalAlias(kvm::Vm& vm, memory::GlobalPlaces& places, std::byte* host)
      : vm_(vm), place_(vm.reserve_place()), places_(places), host_(host) {}
  void map(memory::GuestAddress address) override;
  void unmap() override;

 private:
  kvm::Vm& vm_;
  kvm::MemorySlots::Place place_;
  memory::GlobalPlaces& places_;
  std::byte* host_;
};

/// Memory that a BAR shows and the guest only reads: stores come to the device. Calls do not
/// overlap.
class KvmReadOnlyAlias : public device::MemoryAlias {
 public:
  /// The memory is at MEMORY in this process, which outlives the alias, as VM does. Before vCPUs
  /// run.
  KvmReadOnlyAlias(kvm::Vm& vm, std::span<const std::byte> memory)
      : vm_(vm), place_(vm.reserve_place()), memory_(memory) {}
  void map(memory::GuestAddress address) override;
  void unmap() override { vm_.empty_place(place_); }

 private:
  kvm::Vm& vm_;
  kvm::MemorySlots::Place place_;
  std::span<const std::byte> memory_;
};

}  // namespace hive::cell

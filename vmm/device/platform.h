// What devices ask of the machine around them. Implemented over KVM by the cell, and by plain
// in-process doubles in unit tests and fuzzers.
#pragma once

#include <cstdint>
#include <memory>

#include "vmm/base/unique_fd.h"
#include "vmm/memory/guest_address.h"

namespace hive::device {

/// An interrupt that a device can raise: a wire of the IOAPIC. Thread-safe.
class InterruptLine {
 public:
  virtual ~InterruptLine() = default;
  /// Pulses the wire (edge-triggered).
  virtual void raise() = 0;
};

/// A level-triggered wire of the IOAPIC, which eventfds assert. Thread-safe.
class LevelLine {
 public:
  virtual ~LevelLine() = default;
  /// EVENT_FD, an eventfd that outlives the line, is one of those that assert it. Before the guest
  /// runs.
  virtual void connect(int event_fd) = 0;
  /// From now on a signal of an eventfd asserts the wire until the guest's next end of interrupt,
  /// at once where it was signalled before; or none does: the wire is released, and what is
  /// signalled stays in the eventfd. What is asserted while the guest's IOAPIC masks the wire may
  /// be lost. Throws Error when the machine cannot.
  virtual void enable(bool enabled) = 0;
};

/// One message-signalled interrupt. Thread-safe.
class MsiVector {
 public:
  virtual ~MsiVector() = default;
  /// Sets what raise() sends, as the guest wrote it into the device's MSI-X table.
  virtual void set_message(std::uint64_t address, std::uint32_t data) = 0;
  /// Sends the message.
  virtual void raise() = 0;
  /// From now on EVENT_FD, an eventfd that outlives the vector, sends the message whenever it is
  /// signalled, and at once where it was signalled before; -1: none does. What is signalled while
  /// nobody listens stays in the eventfd. Throws Error when the machine cannot.
  virtual void listen(int event_fd) = 0;
};

/// Where PCI devices get their message-signalled interrupts.
class MsiController {
 public:
  virtual ~MsiController() = default;
  /// Throws Error when the machine has no more vectors.
  virtual std::unique_ptr<MsiVector> allocate() = 0;
};

/// Where devices ask for guest stores to be turned into eventfd signals, without a return to the
/// VMM's vCPU loop.
class DoorbellController {
 public:
  virtual ~DoorbellController() = default;
  /// From now on a guest store of any width to ADDRESS (memory space) signals EVENT_FD instead of
  /// reaching the bus. False when the machine cannot: the store then goes over the bus.
  virtual bool attach(memory::GuestAddress address, int event_fd) = 0;
  /// Ends what attach() started.
  virtual void detach(memory::GuestAddress address, int event_fd) = 0;

  /// The same for 4-byte stores of VALUE only; other stores go on as before.
  virtual bool attach_value(memory::GuestAddress address, std::uint32_t value, int event_fd) = 0;
  virtual void detach_value(memory::GuestAddress address, std::uint32_t value, int event_fd) = 0;
};

/// A place in the guest-physical address space for memory that a BAR shows; the guest may have it
/// elsewhere, too.
class MemoryAlias {
 public:
  virtual ~MemoryAlias() = default;
  /// From now on the guest has the memory at ADDRESS too, and nowhere where it was by the last
  /// call. Where the machine cannot, accesses there go to the bus.
  virtual void map(memory::GuestAddress address) = 0;
  /// Ends what map() started, if it did.
  virtual void unmap() = 0;
};

}  // namespace hive::device

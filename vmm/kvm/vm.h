// One virtual machine of KVM: memory slots, interrupt routing, doorbells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/uapi.h"
#include "vmm/memory/guest_address.h"
#include "vmm/memory/guest_memory.h"

namespace hive::kvm {

/// A virtual machine with KVM's in-kernel LAPICs, IOAPIC and PIC, and no PIT.
class Vm {
 public:
  /// Throws Error when KVM refuses (no memory, too many VMs).
  explicit Vm(const Kvm& kvm);

  [[nodiscard]] int fd() const { return fd_.get(); }

  /// Backs guest-physical REGION by its host mapping, writable. MEMORY outlives the VM. Throws
  /// Error.
  void add_memory(const memory::MemoryRegion& region);

  /// A memory slot whose place may change while vCPUs run. Before they do.
  std::uint32_t reserve_slot() { return next_slot_++; }
  /// Backs guest-physical REGION by its host mapping, which may be part of other slots too; not
  /// where SLOT had it before. False when KVM refuses: it overlaps another slot. Thread-safe.
  [[nodiscard]] bool place_slot(std::uint32_t slot, const memory::MemoryRegion& region);
  void clear_slot(std::uint32_t slot);

  /// Routes global system interrupt GSI to the IOAPIC pin of the same number, and EVENT_FD to it: a
  /// write to the eventfd is an edge on the pin. Throws Error.
  void route_pin(std::uint32_t gsi, int event_fd);

  /// A GSI for one message-signalled interrupt, which EVENT_FD raises. Nothing is delivered until
  /// set_message(). Thread-safe. Throws Error when KVM has no more routes.
  std::uint32_t add_message(int event_fd);
  /// From now on EVENT_FD too raises GSI, at once where it was signalled before; until
  /// remove_source(), after which what is signalled stays in the eventfd. Thread-safe. Throws
  /// Error.
  void add_source(std::uint32_t gsi, int event_fd);
  void remove_source(std::uint32_t gsi, int event_fd);
  /// Sets what message-signalled GSI sends. Thread-safe. Throws Error.
  void set_message(std::uint32_t gsi, std::uint64_t address, std::uint32_t data);

  /// Signals EVENT_FD on each guest store to ADDRESS, or on each 4-byte store of VALUE. False when
  /// KVM has no room for more. Thread-safe.
  [[nodiscard]] bool add_doorbell(memory::GuestAddress address, std::optional<std::uint32_t> value,
                                  int event_fd);
  void remove_doorbell(memory::GuestAddress address, std::optional<std::uint32_t> value,
                       int event_fd);

 private:
  void attach_irqfd(std::uint32_t gsi, int event_fd);
  void commit_routes();

  UniqueFd fd_;
  std::size_t max_routes_;
  std::uint32_t next_slot_ = 0;
  std::uint32_t next_message_gsi_;
  std::mutex routes_mutex_;
  std::vector<kvm_irq_routing_entry> routes_;  ///< Guarded by routes_mutex_.
};

}  // namespace hive::kvm

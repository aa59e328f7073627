// One virtual machine of KVM: memory slots, interrupt routing, doorbells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/memory_slots.h"
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
  void add_memory(const memory::MemoryRegion& region) { slots_.add(fd_.get(), region); }
  /// As MemorySlots::cut().
  void cut_memory(std::vector<const std::byte*> cuts) { slots_.cut(std::move(cuts)); }
  /// Has the guest find other memory in the place of a page, wherever it has that, until
  /// restore_pages(). No vCPU is in the guest from here to there, but one that is meant to. Throws
  /// Error; the guest's memory is then not whole.
  void substitute_page(const Substitute& substitute) { slots_.substitute(fd_.get(), substitute); }
  void restore_pages() { slots_.restore(fd_.get()); }
  /// The same for all of SUBSTITUTES until the next call, without a word of restore_pages(): the
  /// guest finds them also in what is added later. Not while a page has a substitute.
  void replace_memory(std::vector<Substitute> substitutes) {
    slots_.replace(fd_.get(), std::move(substitutes));
  }

  /// As MemorySlots::renew().
  void renew_memory() { slots_.renew(fd_.get()); }

  /// As MemorySlots has them. Thread-safe.
  MemorySlots::Place reserve_place() { return slots_.reserve(); }
  [[nodiscard]] bool fill_place(MemorySlots::Place place, const memory::MemoryRegion& region,
                                bool read_only = false) {
    return slots_.fill(fd_.get(), place, region, read_only);
  }
  void empty_place(MemorySlots::Place place) { slots_.empty(fd_.get(), place); }

  /// Routes global system interrupt GSI to the IOAPIC pin of the same number, and EVENT_FD to it: a
  /// write to the eventfd is an edge on the pin. Throws Error.
  void route_pin(std::uint32_t gsi, int event_fd);

  /// The same, for what add_level_source() adds.
  void route_level_pin(std::uint32_t gsi);
  /// From now on a write to EVENT_FD asserts pin GSI until the guest's next end of interrupt, of
  /// which RESAMPLE_FD is told; at once where it was signalled before. Until remove_source(), with
  /// which the pin is released. Thread-safe. Throws Error.
  void add_level_source(std::uint32_t gsi, int event_fd, int resample_fd);

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
  void add_pin_route(std::uint32_t gsi);
  void commit_routes();

  UniqueFd fd_;
  std::size_t max_routes_;
  MemorySlots slots_;
  std::uint32_t next_message_gsi_;
  std::mutex routes_mutex_;
  std::vector<kvm_irq_routing_entry> routes_;  ///< Guarded by routes_mutex_.
};

}  // namespace hive::kvm

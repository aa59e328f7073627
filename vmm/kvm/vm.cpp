#include "vmm/kvm/vm.h"

#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "vmm/base/error.h"
#include "vmm/memory/layout.h"

namespace hive::kvm {
namespace {

constexpr std::uint32_t kIoApicPins = 24;

UniqueFd create_vm(const Kvm& kvm) {
  // A signal that arrives meanwhile ends the call, whatever its handler says of restarts.
  UniqueFd fd;
  do {
    fd = UniqueFd(::ioctl(kvm.fd(), KVM_CREATE_VM, 0));
  } while (!fd && errno == EINTR);
  if (!fd) throw_errno("kvm: KVM_CREATE_VM", errno, "end other virtual machines");
  return fd;
}

/// After EVENT_FD was attached: KVM has sent for what was in there, and takes out only what comes
/// from then on.
void take_signals(int event_fd) {
  std::uint64_t count = 0;
  const iovec buffer{&count, sizeof count};
  (void)!::preadv2(event_fd, &buffer, 1, -1, RWF_NOWAIT);
}

kvm_ioeventfd doorbell(memory::GuestAddress address, std::optional<std::uint32_t> value,
                       int event_fd, std::uint32_t flags) {
  kvm_ioeventfd request{};
  request.addr = address.value;
  request.len = 0;  // Any width: KVM need not decode the store.
  request.fd = event_fd;
  request.flags = flags;
  if (value) {
    request.len = sizeof *value;
    request.datamatch = *value;
    request.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
  }
  return request;
}

}  // namespace

Vm::Vm(const Kvm& kvm)
    : fd_(create_vm(kvm)),
      max_routes_(static_cast<std::size_t>(std::max(kvm.extension(KVM_CAP_IRQ_ROUTING), 0))),
      next_message_gsi_(kIoApicPins) {
  using memory::layout::kKvmReserved;
  std::uint64_t identity_map = kKvmReserved.start;
  if (::ioctl(fd_.get(), KVM_SET_IDENTITY_MAP_ADDR, &identity_map) != 0) {
    throw_errno("kvm: KVM_SET_IDENTITY_MAP_ADDR");
  }
  if (::ioctl(fd_.get(), KVM_SET_TSS_ADDR, kKvmReserved.start + kPageSize) != 0) {
    throw_errno("kvm: KVM_SET_TSS_ADDR");
  }
  if (::ioctl(fd_.get(), KVM_CREATE_IRQCHIP, 0) != 0) throw_errno("kvm: KVM_CREATE_IRQCHIP");
}

void Vm::attach_irqfd(std::uint32_t gsi, int event_fd) {
  kvm_irqfd request{};
  request.fd = static_cast<std::uint32_t>(event_fd);
  request.gsi = gsi;
  if (::ioctl(fd_.get(), KVM_IRQFD, &request) != 0) throw_errno("kvm: KVM_IRQFD");
}

void Vm::commit_routes() {
  std::vector<std::byte> buffer(sizeof(kvm_irq_routing) +
                                routes_.size() * sizeof(kvm_irq_routing_entry));
  auto* table = reinterpret_cast<kvm_irq_routing*>(buffer.data());
  table->nr = static_cast<std::uint32_t>(routes_.size());
  std::memcpy(buffer.data() + sizeof(kvm_irq_routing), routes_.data(),
              routes_.size() * sizeof(kvm_irq_routing_entry));
  if (::ioctl(fd_.get(), KVM_SET_GSI_ROUTING, table) != 0) {
    throw_errno("kvm: KVM_SET_GSI_ROUTING");
  }
}

void Vm::add_pin_route(std::uint32_t gsi) {
  const std::scoped_lock lock(routes_mutex_);
  kvm_irq_routing_entry entry{};
  entry.gsi = gsi;
  entry.type = KVM_IRQ_ROUTING_IRQCHIP;
  entry.u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
  entry.u.irqchip.pin = gsi;
  routes_.push_back(entry);
  commit_routes();
}

void Vm::route_pin(std::uint32_t gsi, int event_fd) {
  add_pin_route(gsi);
  attach_irqfd(gsi, event_fd);
}

void Vm::route_level_pin(std::uint32_t gsi) { add_pin_route(gsi); }

void Vm::add_level_source(std::uint32_t gsi, int event_fd, int resample_fd) {
  kvm_irqfd request{};
  request.fd = static_cast<std::uint32_t>(event_fd);
  request.gsi = gsi;
  request.flags = KVM_IRQFD_FLAG_RESAMPLE;
  request.resamplefd = static_cast<std::uint32_t>(resample_fd);
  if (::ioctl(fd_.get(), KVM_IRQFD, &request) != 0) throw_errno("kvm: KVM_IRQFD");
  take_signals(event_fd);
}

std::uint32_t Vm::add_message(int event_fd) {
  const std::scoped_lock lock(routes_mutex_);
  if (next_message_gsi_ >= max_routes_) {
    throw Error("kvm: no interrupt route is left; give the cell fewer devices");
  }
  const std::uint32_t gsi = next_message_gsi_++;
  attach_irqfd(gsi, event_fd);
  return gsi;
}

void Vm::add_source(std::uint32_t gsi, int event_fd) {
  attach_irqfd(gsi, event_fd);
  take_signals(event_fd);
}

void Vm::remove_source(std::uint32_t gsi, int event_fd) {
  kvm_irqfd request{};
  request.fd = static_cast<std::uint32_t>(event_fd);
  request.gsi = gsi;
  request.flags = KVM_IRQFD_FLAG_DEASSIGN;
  (void)::ioctl(fd_.get(), KVM_IRQFD, &request);
}

void Vm::set_message(std::uint32_t gsi, std::uint64_t address, std::uint32_t data) {
  const std::scoped_lock lock(routes_mutex_);
  auto entry = std::find_if(routes_.begin(), routes_.end(),
                            [gsi](const auto& route) { return route.gsi == gsi; });
  const std::vector<kvm_irq_routing_entry> before = routes_;
  if (entry == routes_.end()) entry = routes_.insert(entry, kvm_irq_routing_entry{});
  entry->gsi = gsi;
  entry->type = KVM_IRQ_ROUTING_MSI;
  entry->u.msi.address_lo = static_cast<std::uint32_t>(address);
  entry->u.msi.address_hi = static_cast<std::uint32_t>(address >> 32);
  entry->u.msi.data = data;
  try {
    commit_routes();
  } catch (const Error&) {
    routes_ = before;
    throw;
  }
}

bool Vm::add_doorbell(memory::GuestAddress address, std::optional<std::uint32_t> value,
                      int event_fd) {
  kvm_ioeventfd request = doorbell(address, value, event_fd, 0);
  return ::ioctl(fd_.get(), KVM_IOEVENTFD, &request) == 0;
}

void Vm::remove_doorbell(memory::GuestAddress address, std::optional<std::uint32_t> value,
                         int event_fd) {
  kvm_ioeventfd request = doorbell(address, value, event_fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
  // Fails only when the doorbell is gone already, which is what the caller wants.
  (void)::ioctl(fd_.get(), KVM_IOEVENTFD, &request);
}

}  // namespace hive::kvm

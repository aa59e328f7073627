#include "vmm/cell/kvm_platform.h"

#include <sys/eventfd.h>

#include "vmm/base/error.h"

namespace hive::cell {
namespace {

UniqueFd make_eventfd() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) throw_errno("eventfd");
  return fd;
}

void signal(const UniqueFd& event) {
  // Fails only when the counter is full, and then the interrupt is pending anyway.
  (void)!::eventfd_write(event.get(), 1);
}

class KvmMsiVector : public device::MsiVector {
 public:
  explicit KvmMsiVector(kvm::Vm& vm)
      : vm_(vm), event_(make_eventfd()), gsi_(vm.add_message(event_.get())) {}

  void set_message(std::uint64_t address, std::uint32_t data) override {
    vm_.set_message(gsi_, address, data);
  }
  void raise() override { signal(event_); }

 private:
  kvm::Vm& vm_;
  UniqueFd event_;
  std::uint32_t gsi_;
};

}  // namespace

KvmInterruptLine::KvmInterruptLine(kvm::Vm& vm, std::uint32_t gsi) : event_(make_eventfd()) {
  vm.route_pin(gsi, event_.get());
}

void KvmInterruptLine::raise() { signal(event_); }

std::unique_ptr<device::MsiVector> KvmMsiController::allocate() {
  return std::make_unique<KvmMsiVector>(vm_);
}

}  // namespace hive::cell

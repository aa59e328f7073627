#include "vmm/cell/kvm_platform.h"

#include <sys/eventfd.h>

#include <optional>
#include <utility>

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
  KvmMsiVector(kvm::Vm& vm, InterruptCount& count)
      : vm_(vm), count_(count), event_(make_eventfd()), gsi_(vm.add_message(event_.get())) {}

  void set_message(std::uint64_t address, std::uint32_t data) override {
    vm_.set_message(gsi_, address, data);
  }
  void raise() override {
    count_.fetch_add(1, std::memory_order_relaxed);
    signal(event_);
  }
  void listen(int event_fd) override {
    if (source_ >= 0) vm_.remove_source(gsi_, std::exchange(source_, -1));
    if (event_fd < 0) return;
    vm_.add_source(gsi_, event_fd);
    source_ = event_fd;
  }

 private:
  kvm::Vm& vm_;
  InterruptCount& count_;
  UniqueFd event_;
  std::uint32_t gsi_;
  int source_ = -1;
};

}  // namespace

KvmInterruptLine::KvmInterruptLine(kvm::Vm& vm, std::uint32_t gsi, InterruptCount& count)
    : count_(count), event_(make_eventfd()) {
  vm.route_pin(gsi, event_.get());
}

void KvmInterruptLine::raise() {
  count_.fetch_add(1, std::memory_order_relaxed);
  signal(event_);
}

KvmLevelLine::KvmLevelLine(kvm::Vm& vm, std::uint32_t gsi)
    : vm_(vm), gsi_(gsi), resample_(make_eventfd()) {
  vm_.route_level_pin(gsi_);
}

void KvmLevelLine::enable(bool enabled) {
  const std::lock_guard lock(mutex_);
  while (enabled && attached_ < sources_.size()) {
    vm_.add_level_source(gsi_, sources_[attached_], resample_.get());
    ++attached_;
  }
  while (!enabled && attached_ > 0) vm_.remove_source(gsi_, sources_[--attached_]);
}

std::unique_ptr<device::MsiVector> KvmMsiController::allocate() {
  return std::make_unique<KvmMsiVector>(vm_, count_);
}

void KvmGlobalAlias::map(memory::GuestAddress address) {
  // A stopped store may be shown as one to a device as soon as the slot is there: by then PLACES
  // knows whose it is.
  vm_.empty_place(place_);
  places_.set_alias(address);
  if (vm_.fill_place(place_, {{address.value, places_.size()}, host_})) return;
  places_.set_alias(std::nullopt);
}

void KvmGlobalAlias::unmap() {
  vm_.empty_place(place_);
  places_.set_alias(std::nullopt);
}

void KvmReadOnlyAlias::map(memory::GuestAddress address) {
  // A slot is told of memory that could be written; this one is not.
  auto* host = const_cast<std::byte*>(memory_.data());
  (void)vm_.fill_place(place_, {{address.value, memory_.size()}, host}, true);
}

}  // namespace hive::cell

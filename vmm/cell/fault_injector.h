// Does faults to a guest.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vmm/cell/device_injector.h"
#include "vmm/cell/guest_fault.h"
#include "vmm/cell/page_failure.h"
#include "vmm/cell/vcpu_thread.h"
#include "vmm/memory/guest_memory.h"

namespace hive::cell {

/// Belongs to the thread that runs LOOP.
class FaultInjector {
 public:
  using Vcpus = std::vector<std::unique_ptr<VcpuThread>>;

  /// The references outlive this object.
  FaultInjector(boost::asio::io_context& loop, const memory::GuestMemory& memory, kvm::Vm& vm,
                Vcpus& vcpus, DeviceInjector& devices, kvm::MachineChecks checks)
      : loop_(loop),
        memory_(memory),
        vm_(vm),
        vcpus_(vcpus),
        devices_(devices),
        pages_(memory, vcpus, checks) {}

  /// Does FAULT while all vCPUs are outside the guest, their last accesses completed, and stay
  /// there. Returns what was done, for people. Throws Error, with nothing changed, where it cannot
  /// be done.
  std::string perform(const GuestFault& fault);

 private:
  /// The vCPUs that FAULT is about: those that it names, or else ALL.
  [[nodiscard]] std::vector<unsigned> choose(const GuestFault& fault, bool all) const;
  std::string stop(const GuestFault& fault);
  std::string triple_fault(unsigned vcpu);
  std::string raise_nmi(unsigned vcpu);
  std::string corrupt_memory(const GuestFault& fault);
  std::string fail_pages(const GuestFault& fault);
  std::string hang(const std::vector<unsigned>& vcpus);
  /// Where the vCPU can spin in the kernel, having left the program in which it is.
  struct Spot {
    std::uint64_t virtual_address = 0;
    memory::GuestAddress place;
    kvm_regs regs;
    kvm_sregs sregs;
  };
  [[nodiscard]] Spot find_spot(unsigned vcpu) const;

  boost::asio::io_context& loop_;
  const memory::GuestMemory& memory_;
  kvm::Vm& vm_;
  Vcpus& vcpus_;
  DeviceInjector& devices_;
  PageFailure pages_;
  /// When vCPUs that stand still go on; one for each vCPU, made at the first such fault.
  std::vector<boost::asio::steady_timer> ends_;
};

}  // namespace hive::cell

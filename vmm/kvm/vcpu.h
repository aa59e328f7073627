// One virtual CPU of KVM.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/uapi.h"
#include "vmm/kvm/vm.h"
#include "vmm/memory/guest_address.h"

namespace hive::kvm {

/// Why a vCPU left the guest.
enum class ExitReason {
  kPortRead,     ///< Fill `data`, `unit` bytes at a time, from port `address`.
  kPortWrite,    ///< Consume `data`, `unit` bytes at a time, for port `address`.
  kMemoryRead,   ///< Fill `data` from guest-physical `address`, which is not RAM.
  kMemoryWrite,  ///< Consume `data` for guest-physical `address`, which is not RAM.
  kInterrupted,  ///< A signal or kick() came.
  kStepped,      ///< What set_guest_debug() asked for has come.
  kShutdown,     ///< Triple fault.
  kRefused,      ///< The host lets this process not make the guest's access to its memory; the
                 ///< guest is at the instruction that makes it.
  kFailed,       ///< KVM cannot go on with this vCPU; describe_failure() says why.
};

struct Exit {
  ExitReason reason{};
  std::uint64_t address = 0;
  std::span<std::byte> data;  ///< Within the vCPU's shared area: valid until the next run().
  std::size_t unit = 0;       ///< Width of one access; `data` holds one or more (string I/O).
};

/// A vCPU. All methods but kick() belong to one thread, the one that calls run().
class Vcpu {
 public:
  /// Throws Error when KVM refuses.
  Vcpu(const Kvm& kvm, const Vm& vm, unsigned index);
  Vcpu(const Vcpu&) = delete;
  Vcpu& operator=(const Vcpu&) = delete;
  ~Vcpu();

  void set_cpuid(const std::vector<kvm_cpuid_entry2>& entries);
  void set_msrs(std::span<const kvm_msr_entry> msrs);
  /// The MSR INDEX.
  [[nodiscard]] std::uint64_t msr(std::uint32_t index) const;
  [[nodiscard]] kvm_regs regs() const;
  void set_regs(const kvm_regs& regs);
  [[nodiscard]] kvm_sregs sregs() const;
  void set_sregs(const kvm_sregs& sregs);
  /// What KVM is about to deliver to the guest: exceptions, interrupts.
  [[nodiscard]] kvm_vcpu_events events() const;
  void set_events(const kvm_vcpu_events& events);
  [[nodiscard]] kvm_debugregs debug_registers() const;
  void set_debug_registers(const kvm_debugregs& registers);
  /// Debugs the guest from the host.
  void set_guest_debug(const kvm_guest_debug& debug);
  /// Where the guest has linear ADDRESS, as it is running now; nothing where it is not mapped.
  [[nodiscard]] std::optional<memory::GuestAddress> translate(std::uint64_t address) const;
  /// Whether it runs, or would but for a HLT: not an application processor that was not started.
  [[nodiscard]] bool is_started() const;
  /// Whether it is in a HLT.
  [[nodiscard]] bool is_halted() const;
  /// Ends a HLT that the guest is in, as an interrupt would.
  void wake();
  /// Has the guest take an NMI, before its next instruction where it takes any.
  void raise_nmi();
  /// Gives it machine checks, with CAPABILITY as its IA32_MCG_CAP. Before the guest runs.
  void set_up_machine_checks(std::uint64_t capability);
  /// Puts ERROR into its bank; where that says that it is uncorrected, the guest has a machine
  /// check before its next instruction, or a triple fault where it can take none at present.
  void log(const kvm_x86_mce& error);
  /// Wires the LAPIC's LINT pins as the MADT tells the guest: LINT0 ExtINT, LINT1 NMI.
  void set_local_interrupts();

  /// Runs the guest until it needs the VMM. Emulated reads complete at the next run().
  Exit run();

  /// Completes the emulated access that run() returned, without entering the guest. Returns the
  /// next part of the same access where KVM has split it, or kInterrupted: registers are then those
  /// after it.
  Exit finish_access();
  /// Raises #GP(0) in the guest, before its next instruction.
  void raise_general_protection();
  /// The same with #UD.
  void raise_invalid_opcode();

  /// Tells the guest that it has not run for a while, so that its watchdogs take no long time
  /// without progress for a lockup (KVM_KVMCLOCK_CTRL). Nothing where it has no kvmclock.
  void tell_of_pause();

  /// For KVM's statistics of it.
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// Makes run() return kInterrupted, now or at its next call, until accept_kick().
  /// Async-signal-safe and callable from any thread.
  void kick();
  /// Lets run() enter the guest again.
  void accept_kick();

  /// The registers and KVM's own words after kFailed or kShutdown, for a log.
  [[nodiscard]] std::string describe_failure() const;
  /// Whether run() ended since KVM could not carry out the guest's instruction itself.
  [[nodiscard]] bool met_its_limits() const;

 private:
  /// One of KVM_MP_STATE_*.
  [[nodiscard]] std::uint32_t activity() const;
  void raise(std::uint8_t exception, std::optional<std::uint32_t> error_code);
  [[nodiscard]] Exit decode();

  UniqueFd fd_;
  unsigned index_;
  std::size_t run_size_;
  kvm_run* run_;
  int run_error_ = 0;
};

}  // namespace hive::kvm

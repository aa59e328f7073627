// One instruction of a guest at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vmm/kvm/vcpu.h"
#include "vmm/memory/guest_address.h"
#include "vmm/memory/guest_memory.h"

namespace hive::cell {

/// While it lives, the vCPU's run() returns kStepped after one instruction, or one turn of a
/// repeated one, or at the first instruction of an exception's handler; interrupts wait. What the
/// guest does with its own trap flag goes on; breakpoints of its own on what the instruction
/// accesses do not trap.
///
/// The step is by the trap flag, which an exception of the instruction saves on the handler's
/// stack, and which would come back from there. So handlers are met by a breakpoint (INT3, in the
/// guest's memory for the time being), and the flag is taken out of what was saved. This is for
/// long mode; elsewhere handlers run until somebody interrupts them. Belongs to the vCPU's thread,
/// with all of the cell's vCPUs outside the guest.
class SingleStep {
 public:
  /// Throws Error when KVM refuses; MEMORY outlives this object.
  SingleStep(kvm::Vcpu& vcpu, const memory::GuestMemory& memory);
  SingleStep(const SingleStep&) = delete;
  SingleStep& operator=(const SingleStep&) = delete;
  ~SingleStep();

  /// Whether EXIT, which run() has just returned, is the end of a step: the guest is then past the
  /// instruction, or past one turn, or at the start of a handler.
  [[nodiscard]] bool ended_by(const kvm::Exit& exit);
  /// Lets the vCPU run on as it would have without. Throws Error when KVM refuses.
  void end();

  /// Where the guest was when this object was made.
  [[nodiscard]] std::uint64_t start() const { return start_; }

 private:
  using Code = std::array<std::byte, 2>;
  /// A handler with a store to the port.
  struct Watched {
    std::uint8_t vector;
    std::uint64_t handler;
    memory::GuestAddress place;
    Code replaced;
  };

  void watch(std::uint8_t vector, const kvm_sregs& sregs);
  [[nodiscard]] bool copy_linear(std::uint64_t address, std::span<std::byte> out) const;
  /// Takes the trap flag out of the flags that delivery of VECTOR has saved.
  void clean_frame(std::uint8_t vector, std::uint64_t stack);
  void unwatch();
  /// The guest has come to the store in the handler EACH.
  void stop_in(const Watched& each);
  /// Gives the guest back its trap flag, and the trap.
  void give_back_trap();

  kvm::Vcpu& vcpu_;
  const memory::GuestMemory& memory_;
  std::uint64_t start_;
  bool guest_steps_;  ///< The guest had its trap flag set.
  bool stepped_ = false;
  bool in_handler_ = false;
  bool ended_ = false;
  std::vector<Watched> watched_;
};

/// The handler in an interrupt gate of long mode (Intel SDM 3A, 6.14.1), given its 16 bytes;
/// nothing where the gate is not present.
std::optional<std::uint64_t> handler_in(std::span<const std::byte, 16> gate);

/// Whether delivery of exception VECTOR pushes an error code (Intel SDM 3A, table 6-1).
bool pushes_error_code(std::uint8_t vector);

}  // namespace hive::cell

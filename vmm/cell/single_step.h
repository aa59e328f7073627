// One instruction of a guest at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vmm/kvm/vcpu.h"
#include "vmm/memory/guest_memory.h"

namespace hive::cell {

/// While it lives, the vCPU's run() returns kStepped after one instruction, or one turn of a
/// repeated one, or at the first instruction of an exception's handler; interrupts wait. What the
/// guest does with its own trap flag goes on. Its own breakpoints do not trap meanwhile.
///
/// The step is by the trap flag, which an exception of the instruction saves on the handler's
/// stack, where after_step() takes it out again. Belongs to the vCPU's thread, outside the guest.
class SingleStep {
 public:
  /// Throws Error when KVM refuses; MEMORY outlives this object.
  SingleStep(kvm::Vcpu& vcpu, const memory::GuestMemory& memory);
  SingleStep(const SingleStep&) = delete;
  SingleStep& operator=(const SingleStep&) = delete;
  ~SingleStep();

  /// After run() returned kStepped.
  void after_step();
  /// Lets the vCPU run on as it would have without. Once; throws Error when KVM refuses.
  void end();

  /// Where the guest was when this object was made.
  [[nodiscard]] std::uint64_t start() const { return start_; }

 private:
  /// An exception whose handler's first instruction is watched.
  struct Watched {
    std::uint8_t vector;
    std::uint64_t handler;
  };

  void watch(std::uint8_t vector, const kvm_sregs& sregs);
  [[nodiscard]] bool copy_linear(std::uint64_t address, std::span<std::byte> out) const;
  /// Takes the trap flag out of the flags that delivery of VECTOR has saved.
  void clean_frame(std::uint8_t vector, std::uint64_t stack);

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

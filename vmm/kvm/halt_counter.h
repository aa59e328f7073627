// How often a vCPU halts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "vmm/kvm/stats.h"

namespace hive::kvm {

/// A vCPU's HLT instructions, which mostly end inside KVM, by KVM's own statistics. Opens its file
/// when it is made: a sandboxed process may read it later.
class HaltCounter {
 public:
  /// Of the vCPU with descriptor VCPU.
  explicit HaltCounter(int vcpu);

  /// How many there were; always 0 where KVM does not count them.
  [[nodiscard]] std::uint64_t read();

 private:
  std::optional<Stats> stats_;
  std::size_t index_ = 0;
};

}  // namespace hive::kvm

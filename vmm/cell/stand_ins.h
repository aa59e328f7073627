// Copies that stand in for pages of global memory that the guest may not write.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vmm/kvm/vm.h"
#include "vmm/memory/global_window.h"

namespace hive::cell {

/// A few private pages, any of which can take the place of a page of global memory in the guest's
/// map, so that what the guest writes there is written nowhere else. Belongs to the vCPU thread
/// that is alone behind the gate.
class StandIns {
 public:
  /// How many pages one instruction may write: a scatter of 16 elements, each across two pages.
  static constexpr unsigned kMax = 32;

  /// VM and WINDOW outlive this object. Throws Error.
  StandIns(kvm::Vm& vm, const memory::GlobalWindow& window);
  StandIns(const StandIns&) = delete;
  StandIns& operator=(const StandIns&) = delete;
  ~StandIns();

  /// Puts a copy in the place of the page at OFFSET of the window, which has none yet, unless that
  /// is closed. False where kMax are in use. Throws Error, as does remove_all(), when KVM refuses.
  [[nodiscard]] bool put(std::uint64_t offset);
  void remove_all();

 private:
  kvm::Vm& vm_;
  const memory::GlobalWindow& window_;
  std::byte* copies_;
  unsigned used_ = 0;
};

}  // namespace hive::cell

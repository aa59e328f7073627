// What becomes of a vCPU's writes to global memory that its home stops.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "vmm/cell/config.h"
#include "vmm/cell/denials.h"
#include "vmm/cell/vcpu_gate.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/memory/bounce_file.h"
#include "vmm/memory/global_places.h"
#include "vmm/memory/global_window.h"

namespace hive::cell {

/// A write that the firewall stopped.
struct Violation {
  int home = 0;              ///< Index of the cell whose page it is, or -1: no cell's.
  std::uint64_t offset = 0;  ///< Of the page within its home's contribution, in bytes.
  int vcpu = 0;              ///< Index, or -1: a device.
  std::uint64_t rip = 0;     ///< 0 where a device wrote.
};

/// The violation that is a write at OFFSET within WINDOW; the rest as in Violation.
Violation violation_at(const memory::GlobalWindow& window, std::uint64_t offset, int vcpu,
                       std::uint64_t rip);

/// Global memory as a cell's vCPUs have it in common.
struct GlobalAccess {
  memory::GlobalWindow& window;
  Denials& denials;
  const memory::GlobalPlaces& places;
  OnViolation policy;
  /// Told of each violation, on the vCPU's thread.
  std::function<void(const Violation&)> on_violation;
};

/// A vCPU's view of global memory; belongs to the vCPU's thread, and is made there.
class ForeignWrites {
 public:
  /// What handle() did with an exit.
  enum class Handled {
    kNotOurs,  ///< The exit is not about global memory.
    kGoOn,     ///< Run the guest again.
    kStop,     ///< It was a violation for which the cell is stopped.
  };

  /// GATE is the one that this thread passes: a write that waits while it closes stays unfinished.
  /// KICK gets this thread out of the guest; thread-safe. Throws Error.
  ForeignWrites(const GlobalAccess& access, const VcpuGate& gate, Denials::Kick kick);
  ForeignWrites(const ForeignWrites&) = delete;
  ForeignWrites& operator=(const ForeignWrites&) = delete;
  ~ForeignWrites();

  Handled handle(kvm::Vcpu& vcpu, unsigned index, const kvm::Exit& exit);
  /// Whether an instruction that the guest is past has yet to write: finish() comes before the
  /// guest's next one.
  [[nodiscard]] bool unfinished() const { return !parts_.empty(); }
  Handled finish(kvm::Vcpu& vcpu, unsigned index);

  /// The thread will not write until resume(): no denial need wait for it.
  void suspend();
  void resume();

 private:
  /// A contiguous part of an emulated store.
  struct Part {
    std::uint64_t offset;
    std::vector<std::byte> data;
  };

  /// EXIT's offset within the window, where it is a write there.
  [[nodiscard]] std::optional<std::uint64_t> target_of(const kvm::Exit& exit) const;
  Handled store(kvm::Vcpu& vcpu, unsigned index, const kvm::Exit& first);
  Handled answer(kvm::Vcpu& vcpu, unsigned index, std::uint64_t offset, std::uint64_t rip);

  const GlobalAccess& access_;
  const VcpuGate& gate_;
  Denials::Kick kick_;
  std::vector<Part> parts_;  ///< Of an instruction, that are still to be written.
  memory::BounceFile bounce_;
};

}  // namespace hive::cell

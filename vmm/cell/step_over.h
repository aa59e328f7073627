// Instructions whose forbidden writes are dropped.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "vmm/cell/denials.h"
#include "vmm/cell/monitor_protocol.h"
#include "vmm/cell/single_step.h"
#include "vmm/cell/stand_ins.h"
#include "vmm/cell/vcpu_gate.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/memory/guest_memory.h"

namespace hive::cell {

/// What dropping writes takes, for all vCPUs of a cell.
struct DropAccess {
  DropAccess(kvm::Vm& vm, const memory::GlobalWindow& window, const memory::GuestMemory& ram)
      : stand_ins(vm, window), memory(ram) {}

  StandIns stand_ins;
  const memory::GuestMemory& memory;
};

/// Has a vCPU perform an instruction that writes to pages that it may not write, as if those writes
/// had been made, without making them: the vCPU is alone in the guest for one step, with copies in
/// the place of the pages. A repeated string instruction goes on for some turns. Belongs to the
/// vCPU's thread.
class StepOver {
 public:
  /// What the vCPU's thread does with exits under way.
  struct Owner {
    /// The page of the write that has just failed, where it was denied to this thread.
    std::function<std::optional<std::uint64_t>()> denied;
    /// Serves an access to a device. The cell's end, if it came to that.
    std::function<std::optional<Report>(const kvm::Exit&)> serve;
  };

  StepOver(DropAccess& access, const memory::GlobalWindow& window, Denials& denials, VcpuGate& gate)
      : access_(access), window_(window), denials_(denials), gate_(gate) {}

  /// The instruction that the guest is at has been denied the page at OFFSET of the window.
  void add(std::uint64_t offset) { pages_.push_back(offset); }
  /// Whether there is such an instruction, which perform() must let the guest get past.
  [[nodiscard]] bool pending() const { return !pages_.empty(); }
  /// Performs it, unless the gate is wanted otherwise or another cell's monitor does not answer: it
  /// is pending still then. The cell's end, if it came to that. Throws Error when KVM refuses.
  std::optional<Report> perform(kvm::Vcpu& vcpu, const Owner& owner);

  /// Whether a step that is under way should end.
  [[nodiscard]] bool hurried() { return gate_.wanted() || Denials::Clock::now() >= deadline_; }

  /// How long one step may take. Longer, and it waits for a home that hangs, or is in a handler
  /// that waits for a vCPU that is kept out.
  static constexpr std::chrono::milliseconds kStepLimit{100};
  /// How long the others run before it is tried again.
  static constexpr std::chrono::milliseconds kPause{20};
  /// How many turns of a string instruction are made before the others, and interrupts, come in.
  static constexpr unsigned kMaxTurns = 4096;

 private:
  enum class Next {
    kAgain,  ///< Run the guest on.
    kPast,   ///< The guest is past the step.
    kLater,  ///< The gate is wanted, or time is up.
    kFull,   ///< There is no room for another page's copy: the guest tries by itself.
  };

  [[nodiscard]] bool await_others();
  void step(kvm::Vcpu& vcpu, const Owner& owner);
  /// One turn, in which SINGLE is in force.
  [[nodiscard]] Next turn(kvm::Vcpu& vcpu, const Owner& owner, SingleStep& single);
  [[nodiscard]] Next serve(kvm::Vcpu& vcpu, const Owner& owner, const kvm::Exit& exit);
  [[nodiscard]] Next refused(kvm::Vcpu& vcpu, const Owner& owner, const kvm::Exit& exit);
  [[nodiscard]] Next put(std::uint64_t page, std::uint64_t rip);

  DropAccess& access_;
  const memory::GlobalWindow& window_;
  Denials& denials_;
  VcpuGate& gate_;
  std::vector<std::uint64_t> pages_;  ///< That the instruction has been denied.
  std::uint64_t instruction_ = 0;     ///< Where it is, in a step.
  Denials::Clock::time_point deadline_;
  std::uint64_t mark_ = 0;  ///< Of the last entry into the guest.
  std::optional<Report> end_;
};

}  // namespace hive::cell

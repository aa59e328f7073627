// What becomes of a vCPU's writes to global memory that its home stops.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "vmm/cell/config.h"
#include "vmm/cell/denials.h"
#include "vmm/cell/monitor_protocol.h"
#include "vmm/cell/step_over.h"
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
  /// It was to a home that is closed. Where `home` is -1, it is not known to which, nor to which
  /// page.
  bool closed = false;
};

/// The violation that is a write at OFFSET within WINDOW; the rest as in Violation.
Violation violation_at(const memory::GlobalWindow& window, std::uint64_t offset, int vcpu,
                       std::uint64_t rip);
/// The violation that is a write somewhere in the homes that are closed.
Violation violation_of_closed(int vcpu, std::uint64_t rip);

/// Global memory as a cell's vCPUs have it in common.
struct GlobalAccess {
  memory::GlobalWindow& window;
  Denials& denials;
  const memory::GlobalPlaces& places;
  OnViolation policy;
  /// Told of each violation, on the vCPU's thread.
  std::function<void(const Violation&)> on_violation;
  DropAccess* drop = nullptr;  ///< Where `policy` is kIgnore.
};

/// A vCPU's view of global memory; belongs to the vCPU's thread, and is made there.
class ForeignWrites {
 public:
  /// What handle() did with an exit.
  enum class Handled {
    kNotOurs,  ///< The exit is not about global memory.
    kGoOn,     ///< Run the guest again.
    kStop,     ///< It was a violation for which the cell is stopped.
    kEnded,    ///< The cell has ended otherwise: take_end() says how.
  };
  using Serve = std::function<std::optional<Report>(const kvm::Exit&)>;

  /// GATE is the one that this thread passes: a write that waits while it closes stays unfinished.
  /// KICK gets this thread out of the guest; thread-safe. SERVE serves accesses to devices, and
  /// tells of the cell's end. Throws Error.
  ForeignWrites(const GlobalAccess& access, VcpuGate& gate, Denials::Kick kick, Serve serve);
  ForeignWrites(const ForeignWrites&) = delete;
  ForeignWrites& operator=(const ForeignWrites&) = delete;
  ~ForeignWrites();

  /// The vCPU is about to enter the guest.
  void before_run() { mark_ = access_.denials.now(); }
  Handled handle(kvm::Vcpu& vcpu, unsigned index, const kvm::Exit& exit);
  /// Whether an instruction that the guest is past has yet to write, or one that it is at must be
  /// got past: finish() comes before the guest's next one.
  [[nodiscard]] bool unfinished() const { return !parts_.empty() || (step_ && step_->pending()); }
  Handled finish(kvm::Vcpu& vcpu, unsigned index);
  [[nodiscard]] std::optional<Report> take_end() { return std::exchange(end_, std::nullopt); }

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
  Handled write_parts(kvm::Vcpu& vcpu, unsigned index);
  Handled answer(kvm::Vcpu& vcpu, unsigned index, std::uint64_t offset, std::uint64_t rip);
  /// The guest's instruction cannot be gone on with, since it writes to a home that is closed.
  Handled answer_closed(kvm::Vcpu& vcpu, unsigned index, std::uint64_t rip);
  /// The page that the vCPU, whose guest KVM could not go on with, was denied.
  std::optional<std::uint64_t> claim(unsigned index, std::uint64_t rip);
  void report(unsigned index, std::uint64_t offset, std::uint64_t rip);
  /// Lets the guest get past the instruction without the writes that were denied.
  Handled drop(kvm::Vcpu& vcpu, unsigned index);
  [[nodiscard]] StepOver::Owner step_owner(kvm::Vcpu& vcpu, unsigned index);
  /// Whether this thread may go on at a write that has failed.
  [[nodiscard]] bool may_wait();

  const GlobalAccess& access_;
  VcpuGate& gate_;
  Denials::Kick kick_;
  Serve serve_;
  std::optional<StepOver> step_;
  bool alone_ = false;      ///< In a step.
  std::uint64_t mark_ = 0;  ///< Of the last entry into the guest.
  std::optional<Report> end_;
  std::vector<Part> parts_;  ///< Of an instruction, that are still to be written.
  memory::BounceFile bounce_;
};

}  // namespace hive::cell

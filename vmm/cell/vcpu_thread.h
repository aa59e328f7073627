// The thread that runs one vCPU and serves its exits.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "vmm/cell/foreign_writes.h"
#include "vmm/cell/monitor_protocol.h"
#include "vmm/cell/progress.h"
#include "vmm/cell/vcpu_gate.h"
#include "vmm/device/bus.h"
#include "vmm/dump/core_file.h"
#include "vmm/kvm/halt_counter.h"
#include "vmm/kvm/vcpu.h"

namespace hive::cell {

/// Where a vCPU's accesses outside RAM go.
struct Buses {
  device::Bus& ports;
  device::Bus& memory;
};

/// Owns a vCPU and its thread. The thread ends when the gate ends, or when the vCPU cannot go on,
/// which it tells ON_END (on its own thread) as kTripleFault or kFailed.
class VcpuThread {
 public:
  using OnEnd = std::function<void(const Report&)>;

  /// GLOBAL is null where there is no global memory. PROGRESS outlives this object.
  VcpuThread(std::unique_ptr<kvm::Vcpu> vcpu, VcpuProgress& progress, Buses buses,
             const GlobalAccess* global, VcpuGate& gate, OnEnd on_end);
  VcpuThread(const VcpuThread&) = delete;
  VcpuThread& operator=(const VcpuThread&) = delete;
  /// The gate must have ended.
  ~VcpuThread();

  /// Starts the thread, on HOST_CPU only when given. Throws Error when that CPU cannot be had.
  void start(unsigned index, std::optional<unsigned> host_cpu);

  /// Gets the vCPU out of the guest. Thread-safe.
  void kick();
  /// Gets the vCPU to note where it is, once it is in the guest. Thread-safe.
  void look();

  /// Keeps the vCPU out of the guest from its next exit on, or lets it in again. Devices and the
  /// gate go on: for both, a vCPU that is kept out is outside. Thread-safe.
  void keep_out(bool out);
  /// Whether the vCPU is to complete what its last exit began before it waits outside, so that its
  /// registers are those between two instructions. To be said before the gate is closed.
  /// Thread-safe.
  void settle(bool wanted) { settles_.store(wanted); }
  /// While the gate is closed and all vCPUs are outside.
  [[nodiscard]] kvm::Vcpu& vcpu() { return *vcpu_; }

  /// Once the thread has ended.
  [[nodiscard]] dump::Cpu registers() const { return {vcpu_->regs(), vcpu_->sregs()}; }

  /// Blocks the signal that kick() uses, in the calling thread and those that it starts later, and
  /// installs its handler. Call once before any vCPU thread starts.
  static void prepare_kicks();

 private:
  void loop();
  void run_guest(ForeignWrites* foreign);
  /// Lets the guest run up to its next exit, and serves that.
  [[nodiscard]] std::optional<Report> enter(ForeignWrites* foreign);
  /// Goes on with a write that the guest is past or at. The vCPU's end, if it came to that.
  [[nodiscard]] std::optional<Report> finish_counted(ForeignWrites& foreign);
  /// Serves EXIT, which the TSC was LEFT at. The vCPU's end, if it came to that.
  [[nodiscard]] std::optional<Report> serve_counted(ForeignWrites* foreign, const kvm::Exit& exit,
                                                    std::uint64_t left);
  /// The same, and changes KIND, which EXIT is of, where the firewall is concerned.
  [[nodiscard]] std::optional<Report> serve(ForeignWrites* foreign, const kvm::Exit& exit,
                                            ExitKind& kind);
  /// As settle() has it. The vCPU's end, if it came to that.
  [[nodiscard]] std::optional<Report> complete_access(ForeignWrites* foreign);
  /// Waits at the gate. False when the vCPU must end.
  [[nodiscard]] bool wait_outside(ForeignWrites* foreign);
  /// The vCPU's end, where a write came to HANDLED, if it is one.
  [[nodiscard]] std::optional<Report> end_after(ForeignWrites& foreign,
                                                ForeignWrites::Handled handled) const;
  /// The guest was left for EXIT: counts it, and takes the look that it may be for.
  void note_exit(const kvm::Exit& exit);
  void take_look();
  [[nodiscard]] std::optional<Report> serve_device(const kvm::Exit& exit);

  std::unique_ptr<kvm::Vcpu> vcpu_;
  kvm::HaltCounter halts_;
  VcpuProgress& progress_;
  std::atomic<bool> look_wanted_{false};
  std::atomic<bool> kept_out_{false};
  std::atomic<bool> settles_{false};
  Buses buses_;
  const GlobalAccess* global_;
  unsigned index_ = 0;
  VcpuGate& gate_;
  OnEnd on_end_;
  std::thread thread_;
};

}  // namespace hive::cell

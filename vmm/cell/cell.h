// One cell's guest: its machine, kernel and vCPUs, from start to end.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "vmm/cell/config.h"
#include "vmm/cell/denials.h"
#include "vmm/cell/device_writes.h"
#include "vmm/cell/fault_injector.h"
#include "vmm/cell/foreign_writes.h"
#include "vmm/cell/kvm_statistics.h"
#include "vmm/cell/machine.h"
#include "vmm/cell/monitor_protocol.h"
#include "vmm/cell/progress.h"
#include "vmm/cell/vcpu_gate.h"
#include "vmm/cell/vcpu_thread.h"

namespace hive::cell {

/// A cell, from its construction (all files opened, the kernel loaded) to its end. All methods
/// belong to the thread that runs LOOP; reports come on it too.
class Cell {
 public:
  /// Builds the cell. Throws Error when anything that CONFIG names cannot be had.
  Cell(boost::asio::io_context& loop, const CellConfig& config, Machine::ReportSink on_report);
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;
  /// Gets the vCPUs out of the guest for good.
  ~Cell();

  /// Starts the vCPUs and reports kStarted. Before that it gives the guards of foreign
  /// contributions to the monitor, where CONFIG has a link for that. BEFORE_GUEST, when given, is
  /// called when all threads of the cell exist and no vCPU has entered the guest: from there on the
  /// cell opens no file, starts no thread and maps no memory. Throws Error when the guards cannot
  /// be given or a vCPU cannot be pinned, and what BEFORE_GUEST throws.
  void start(const std::function<void()>& before_guest = {});

  /// How long the vCPUs may take to leave the guest, and then the devices to get quiet, when the
  /// cell is paused.
  static constexpr std::chrono::milliseconds kVcpuLimit{1000};
  static constexpr std::chrono::milliseconds kQuietLimit{3000};

  /// Gets all vCPUs out of the guest and the devices quiet, then reports kPaused. Reports it again
  /// when the cell is paused already. Where vCPUs take longer than kVcpuLimit, or devices than
  /// QUIET_LIMIT, the guest goes on and the report is kNotPaused.
  void pause(std::chrono::milliseconds quiet_limit = kQuietLimit);
  /// Undoes pause() and reports kResumed.
  void resume();

  /// Has the guest and its devices find all-ones in the place of what the cells in HOMES contribute
  /// to global memory (bit n: cell n), and what they contribute in the place of all others'; then
  /// tells the monitor so. A guest that runs goes on after it. Again later where vCPUs take longer
  /// than kVcpuLimit to leave the guest. Only with global memory. Throws Error; the guest's memory
  /// is then not whole.
  void close_homes(std::uint64_t homes);

  /// What this cell gives the monitor of another one, to govern its writes to that one's pages.
  struct HomeLink {
    memory::HomeGuard guard;
    UniqueFd denials;  ///< See vmm/memory/denial.h.
  };
  /// One for each foreign contribution. Once, before start(); none without global memory. Not where
  /// CONFIG has a link to the monitor: start() takes them then.
  std::vector<HomeLink> take_home_links();
  /// Keeps the vCPUs out of the guest from now on. Does not wait for them.
  void stop_vcpus();
  /// Ends the cell: waits, at most for LIMIT, until the vCPUs have ended and no request to a disk
  /// is in flight, and then a second at most for the reader of the serial port. Runs the loop
  /// meanwhile. False when a vCPU or a request has not ended: the host's kernel may still use the
  /// guest's memory, and this object must not be destroyed; it goes with the process.
  [[nodiscard]] bool shut_down(std::chrono::milliseconds limit);

  /// After shut_down(): writes the guest's memory and registers to FILE, an empty regular file that
  /// can be written, as a core file, and flushes it. Throws Error, as when a vCPU has not ended.
  void write_core(int file);

  /// Lets each vCPU note, in the page that the monitor sees, where it is.
  void look();

  /// Does FAULT to the guest and reports kFaultDone, or kFaultNotDone. Before the guest goes on.
  void inject(const GuestFault& fault);

  /// The guest is to have PAGES pages of 4 KiB in its balloon: see device::VirtioBalloon.
  void set_balloon(std::uint32_t pages) { machine_.set_balloon(pages); }

  /// The guest is to have BYTES of its spare memory plugged in: see device::VirtioMem.
  void set_spare(std::uint64_t bytes) { machine_.set_spare(bytes); }

  void press_power_button() { machine_.power().press_power_button(); }

  [[nodiscard]] const memory::GuestMemory& memory() const { return machine_.memory(); }
  /// Global memory, or null.
  [[nodiscard]] const memory::GlobalWindow* global() { return machine_.global(); }
  /// See Machine.
  [[nodiscard]] std::optional<int> first_kept() const { return machine_.first_kept(); }

 private:
  enum class State { kReady, kRunning, kPausing, kPaused, kEnded };

  void add_vcpus(const CellConfig& config);
  void open_global_memory(const CellConfig& config);
  void on_violation(const Violation& violation);
  static std::string describe(const Violation& violation);
  /// Gives WAIT, which waits for the vCPUs at most for the time that it is given, up to LIMIT, and
  /// makes writes fail meanwhile that wait for another cell's monitor.
  bool await_vcpus(const std::function<bool(std::chrono::milliseconds)>& wait,
                   std::chrono::milliseconds limit);
  void on_quiet();
  void give_up_pause();
  void go_on();
  /// What came of FAULT, while all vCPUs are outside.
  Report try_fault(const GuestFault& fault);
  [[nodiscard]] bool await_quiet(std::chrono::steady_clock::time_point deadline);

  boost::asio::io_context& loop_;
  std::vector<unsigned> host_cpus_;
  Machine::ReportSink on_report_;
  ProgressPage progress_;
  Machine machine_;
  std::optional<KvmStatistics> statistics_;    ///< Where a monitor looks at `progress_`.
  std::optional<Denials> denials_;             ///< With global memory.
  std::optional<DeviceWrites> device_writes_;  ///< With global memory.
  std::optional<DropAccess> drop_;             ///< Where violations are ignored.
  std::optional<GlobalAccess> global_;         ///< With global memory.
  VcpuGate gate_;
  std::vector<std::unique_ptr<VcpuThread>> vcpus_;
  kvm::MachineChecks machine_checks_;  ///< Those of each vCPU.
  FaultInjector faults_;
  State state_ = State::kReady;
  static constexpr unsigned kMaxViolationsPosted = 64;
  std::atomic<unsigned> violations_posted_{0};     ///< Reports on their way to the loop.
  std::atomic<std::uint64_t> memory_failures_{0};  ///< Writes to closed homes.
  boost::asio::steady_timer quiet_limit_;
  unsigned pauses_ = 0;  ///< Tells an attempt's callbacks from those of a later one.
  boost::asio::steady_timer closing_retry_;
  std::optional<std::uint64_t> closing_;  ///< What close_homes() has yet to do.
  bool resume_wanted_ = false;            ///< resume() came while devices were still getting quiet.
};

}  // namespace hive::cell

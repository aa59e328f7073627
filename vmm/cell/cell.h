// One cell's guest: its machine, kernel and vCPUs, from start to end.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "vmm/cell/config.h"
#include "vmm/cell/denials.h"
#include "vmm/cell/foreign_writes.h"
#include "vmm/cell/machine.h"
#include "vmm/cell/monitor_protocol.h"
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

  /// Starts the vCPUs and reports kStarted. Throws Error when a vCPU cannot be pinned.
  void start();

  /// Gets all vCPUs out of the guest and the devices quiet, then reports kPaused. Reports it again
  /// when the cell is paused already.
  void pause();
  /// Undoes pause() and reports kResumed.
  void resume();

  /// What this cell gives the monitor of another one, to govern its writes to that one's pages.
  struct HomeLink {
    memory::HomeGuard guard;
    UniqueFd denials;  ///< See vmm/memory/denial.h.
  };
  /// One for each foreign contribution. Once, before start(); none without global memory.
  std::vector<HomeLink> take_home_links();

  void press_power_button() { machine_.power().press_power_button(); }

  [[nodiscard]] const memory::GuestMemory& memory() const { return machine_.memory(); }

 private:
  enum class State { kReady, kRunning, kPausing, kPaused };

  void add_vcpus(const CellConfig& config);
  void open_global_memory(const CellConfig& config);
  void on_violation(const Violation& violation);
  void on_quiet();

  boost::asio::io_context& loop_;
  std::vector<unsigned> host_cpus_;
  Machine::ReportSink on_report_;
  Machine machine_;
  std::optional<Denials> denials_;      ///< With global memory.
  std::optional<GlobalAccess> global_;  ///< With global memory.
  VcpuGate gate_;
  std::vector<std::unique_ptr<VcpuThread>> vcpus_;
  State state_ = State::kReady;
  static constexpr unsigned kMaxViolationsPosted = 64;
  std::atomic<unsigned> violations_posted_{0};  ///< Reports on their way to the loop.
  bool resume_wanted_ = false;  ///< resume() came while devices were still getting quiet.
};

}  // namespace hive::cell

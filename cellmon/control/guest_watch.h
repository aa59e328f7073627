// How a cell's guest does: its agent's answers, its vCPUs' progress, and whether it hangs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/agree/evidence.h"
#include "cellmon/control/cell_machine.h"
#include "cellmon/control/guest_counts.h"
#include "cellmon/control/thread_times.h"
#include "cellmon/control/vmm_instance.h"
#include "cellmon/detect/watchdog.h"
#include "cellmon/member/state_page.h"
#include "vmm/base/unique_fd.h"
#include "vmm/cell/progress.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Asks the agent whether it is there, and samples the vCPUs, each half second. Single-threaded.
class GuestWatch {
 public:
  /// What the guest gives of its memory and takes of others', in bytes, as its VMM says: anything.
  /// Each target is read before what follows from it.
  struct MemoryReport {
    std::uint64_t balloon_target = 0;
    std::uint64_t ballooned = 0;
    std::uint64_t plug_target = 0;
    std::uint64_t plugged = 0;
  };

  /// They may not call this object.
  struct Handlers {
    /// What there is to say against the guest has changed; DETAIL is for people.
    std::function<void(agree::EvidenceSet evidence, const std::string& detail)> on_hang;
    /// The agent has become silent, or answers again.
    std::function<void(bool silent, const std::string& detail)> on_silence;
    std::function<void(const member::GuestFigures&)> on_figures;
    /// The guest has no agent's port open, so that what an agent said counts no more.
    std::function<void()> on_port_closed;
  };

  /// MACHINE outlives this object, and tells when the guest can be expected to do anything.
  GuestWatch(boost::asio::io_context& loop, const plan::Cell& cell, const CellMachine& machine,
             Handlers handlers);

  void start();
  /// A page for a VMM that is about to be launched; its file, for cell::CellConfig::progress_fd.
  /// Throws Error.
  int prepare();
  /// VMM was launched with that page. It lives until detach().
  void attach(VmmInstance& vmm);
  void detach();

  /// How long the agent has been silent, less what is not its fault.
  [[nodiscard]] std::uint64_t silent_ms() const;
  /// CPU time that the vCPUs use, in percent of one CPU.
  [[nodiscard]] std::uint64_t load() const { return static_cast<std::uint64_t>(load_ * 100); }
  /// CPU time of all vCPUs of the VMM, in nanoseconds, and for how long they were ready and had no
  /// CPU; half a second old at most.
  [[nodiscard]] std::uint64_t ran() const { return ran_; }
  [[nodiscard]] std::uint64_t waited() const { return waited_; }
  /// What the VMM has counted; nothing where none runs.
  [[nodiscard]] std::optional<GuestCounts> counts() const;
  /// Nothing where no VMM runs.
  [[nodiscard]] std::optional<MemoryReport> memory_report() const;
  /// Pages of 4 KiB in the guest's balloon, as its VMM has it: any number; 0 where there is none.
  [[nodiscard]] std::uint64_t balloon_pages() const;
  /// Bytes of spare memory that the guest has plugged in, in the same way.
  [[nodiscard]] std::uint64_t plugged_bytes() const;

 private:
  using Time = detect::Time;

  void beat();
  void look(Time late, Time now);
  /// The guest does not run at present.
  void look_at_held(const detect::GuestSample& sample, Time now);
  [[nodiscard]] detect::GuestSample sample();
  [[nodiscard]] detect::VcpuSample sample_vcpu(unsigned index);
  void publish(const detect::GuestSample& sample, Time now);
  void judge();
  [[nodiscard]] std::string describe(const detect::Hang& hang) const;

  Handlers handlers_;
  const CellMachine& machine_;
  boost::asio::steady_timer timer_;
  Time next_beat_ = 0;
  unsigned beats_ = 0;
  Time limit_;
  unsigned vcpus_;
  detect::Watchdog watchdog_;
  UniqueFd file_;
  std::optional<cell::ProgressPage> page_;
  VmmInstance* vmm_ = nullptr;
  std::optional<ThreadTimes> loop_times_;  ///< Of the VMM's first thread, which carries answers.
  std::vector<std::optional<ThreadTimes>> vcpu_times_;
  bool silent_ = false;  ///< As was told.
  Time sampled_ = 0;
  Time ran_ = 0;
  Time waited_ = 0;
  double load_ = 0;
};

}  // namespace hive::control

// A cell's monitor: carries out what the cell's machine wants, and tells an observer what happens.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/control/balloon.h"
#include "cellmon/control/cell_machine.h"
#include "cellmon/control/console.h"
#include "cellmon/control/core_file.h"
#include "cellmon/control/cpu/cpu_share.h"
#include "cellmon/control/cpu/cpu_ways.h"
#include "cellmon/control/deadline.h"
#include "cellmon/control/event_log.h"
#include "cellmon/control/faults.h"
#include "cellmon/control/global_memory.h"
#include "cellmon/control/guest_watch.h"
#include "cellmon/control/launch.h"
#include "cellmon/control/members.h"
#include "cellmon/control/mover.h"
#include "cellmon/control/placement.h"
#include "cellmon/control/replacements.h"
#include "cellmon/control/sharing.h"
#include "cellmon/control/siblings.h"
#include "cellmon/control/spare.h"
#include "cellmon/control/vmm_instance.h"
#include "cellmon/control/vsock/vsock.h"
#include "cellmon/control/wax/wax_host.h"
#include "cellmon/wire/cell_status.h"
#include "vmm/plan/plan.h"

namespace hive::control {

struct CellSettings {
  plan::Machine machine;
  unsigned own = 0;  ///< The cell's place in the machine.
  /// Starts a VMM; throws where that cannot be done.
  std::function<LaunchedVmm(cell::CellConfig config, bool with_agent)> launch;
  std::string folder;  ///< Where the cell's files are; exists.
  std::string log_file;
  /// Of this process, of all that have been this cell's monitor: agree::kFounder where the machine
  /// is started with it.
  agree::Life life = agree::kFounder;
  Replacements::Start start_monitor;  ///< Starts monitors of other cells; null: that cannot be.
  std::string cgroup = kNoCgroup;     ///< As find_cpu_ways() takes it.

  [[nodiscard]] bool is_later() const { return life != agree::kFounder; }
  /// What becomes of the cell's files that are there already.
  [[nodiscard]] BoundedFile::Begin begin() const {
    return is_later() ? BoundedFile::Begin::kAtEnd : BoundedFile::Begin::kAnew;
  }
  [[nodiscard]] const plan::Cell& cell() const { return machine.cells[own]; }
};

/// Who is told what happens in a cell.
class CellObserver {
 public:
  virtual ~CellObserver() = default;
  virtual void on_event(const wire::Event& event) = 0;
  /// Something in status() has changed.
  virtual void on_change() = 0;
  virtual void on_console(ConsoleId console, std::string_view bytes) = 0;
  virtual void on_exec_output(std::uint32_t session, AgentPeer::Output output,
                              std::string_view bytes) = 0;
  virtual void on_exec_exit(std::uint32_t session, int status) = 0;
  virtual void on_exec_input_taken(std::uint32_t session) = 0;
  /// The agent is gone, and all sessions with it.
  virtual void on_exec_lost(const std::string& why) = 0;
  /// The cell is down. The last call.
  virtual void on_finished() = 0;
};

/// Owns everything of one cell on the monitor's side. Single-threaded.
class CellMonitor {
 public:
  using Milliseconds = CellMachine::Milliseconds;

  /// HERITAGE is what a monitor that has ended leaves to this one. Throws Error when the cell's
  /// files cannot be made.
  CellMonitor(boost::asio::io_context& loop, CellSettings settings, spdlog::logger& log,
              Heritage heritage = {});

  /// Starts the cell; OBSERVER outlives this object.
  void start(CellObserver& observer);

  [[nodiscard]] wire::CellStatus status() const;
  [[nodiscard]] const CellMachine& machine() const { return machine_; }
  [[nodiscard]] const EventLog& events() const { return events_; }
  [[nodiscard]] const Console& console(ConsoleId id) const;
  /// False when there is no VMM or the guest does not read.
  [[nodiscard]] bool write_console(ConsoleId id, std::string_view bytes);
  /// The guest's agent, or null when none can be asked.
  AgentPeer* agent();

  /// The monitor's part in global memory, or null when the machine has none.
  GlobalMemory* global() { return global_.get(); }
  /// Null where the machine has no global memory.
  Mover* mover() { return mover_.get(); }
  [[nodiscard]] const Mover* mover() const { return mover_.get(); }
  Vsock& vsock() { return *vsock_; }
  [[nodiscard]] const GlobalMemory* global() const { return global_.get(); }
  [[nodiscard]] const GuestWatch& watch() const { return watch_; }
  /// What the guest's agent has said last of its memory; its total is 0 where it has not yet.
  [[nodiscard]] const hive_agent_load& load() const { return load_; }
  [[nodiscard]] const Members& members() const { return *members_; }
  [[nodiscard]] const Sharing& sharing() const { return *sharing_; }
  /// Null in a cell that does not run Wax.
  [[nodiscard]] const WaxHost* wax() const { return wax_.get(); }
  [[nodiscard]] const Siblings& siblings() const { return siblings_; }

  /// As CellMachine's requests; the result is the refusal, empty when there is none.
  std::string request_down(bool force, Milliseconds grace);
  std::string request_reboot(bool force, Milliseconds grace);
  std::string request_pause();
  std::string request_resume();
  [[nodiscard]] Faults& faults() { return *faults_; }

  /// As Balloon::set(), and has the guest do it: this one, and those after it.
  std::string set_balloon(std::uint64_t bytes);
  [[nodiscard]] const Balloon& balloon() const { return balloon_; }
  /// What the guest has given back, in bytes.
  [[nodiscard]] std::uint64_t ballooned() const;

  /// As Spare::set(), and has the guest do it: this one, and those after it.
  std::string set_spare(std::uint64_t bytes);
  [[nodiscard]] const Spare& spare() const { return spare_; }
  /// What the guest has plugged in, in bytes.
  [[nodiscard]] std::uint64_t plugged() const;

  /// As CpuShare::set_usual(), by hand, and an event: hints, which are many, are none.
  std::string set_cpu_weight(std::uint32_t weight);
  [[nodiscard]] const CpuShare& cpu() const { return *cpu_; }

  /// Leaves the consoles' files behind when this object ends. Returns their paths.
  std::vector<std::string> keep_files();

 private:
  void note_load(const hive_agent_load& load);
  void apply(const Step& step);
  void add_event(const EventText& text);
  void act(Action action);
  void start_vmm();
  void launch_vmm();
  /// Launches the VMM if all that it waits for is there.
  void try_launch();
  void await_siblings();
  void replace_monitor(CellId cell, int process, bool has_ended);
  /// A monitor that was started in place of another one ends where nobody is there to let it in.
  void watch_for_company();
  Members::Handlers members_handlers();
  GuestWatch::Handlers watch_handlers();
  void stop_with_machine(CellId cell);
  /// Tells the membership how the cell is, by way of the loop.
  void note_cell();
  /// The VMM is gone: all that it was joined with is told.
  void detach();
  void kill_vmm();
  void dump_vmm();
  void keep_dump();
  Vsock::Handlers vsock_handlers();
  WaxHost::Handlers wax_handlers();
  Sharing::Handlers sharing_handlers();
  Mover::Handlers mover_handlers();
  VmmInstance::Handlers vmm_handlers();
  AgentPeer::Handlers agent_handlers();
  void note_state();
  void shut_guest_down();
  Faults::Handlers fault_handlers();
  [[nodiscard]] cell::CellConfig vmm_config();
  std::unique_ptr<CpuShare> make_cpu_share();
  [[nodiscard]] std::uint64_t milliseconds_since(std::chrono::steady_clock::time_point time) const;

  boost::asio::io_context& loop_;
  CellSettings settings_;
  spdlog::logger& log_;
  CellObserver* observer_ = nullptr;
  CellMachine machine_;
  EventLog events_;
  Console serial_;
  Console virtio_;
  Deadline deadline_;
  std::unique_ptr<CpuShare> cpu_;  ///< Ends after the VMM, whose group it removes.
  Siblings siblings_;
  std::unique_ptr<GlobalMemory> global_;
  std::unique_ptr<Vsock> vsock_;
  std::unique_ptr<VmmInstance> vmm_;
  std::unique_ptr<Members> members_;
  std::unique_ptr<Sharing> sharing_;
  std::unique_ptr<Placement> placement_;  ///< Where there is global memory.
  std::unique_ptr<Mover> mover_;          ///< The same.
  std::unique_ptr<WaxHost> wax_;          ///< Null in a cell that does not run Wax.
  std::unique_ptr<Faults> faults_;
  std::optional<CoreFile> core_file_;  ///< While the VMM writes it.
  GuestWatch watch_;
  Balloon balloon_;
  Spare spare_;
  Replacements replacements_;
  Deadline company_;
  bool start_waits_ = false;  ///< For the other cells' monitors, or for the cell to be a member.
  bool siblings_awaited_ = false;
  bool stops_with_machine_ = false;
  bool cell_noted_ = false;  ///< note_cell() is under way.
  CellState noted_state_ = CellState::kStarting;
  std::chrono::steady_clock::time_point state_since_;
  std::chrono::steady_clock::time_point vmm_since_;
  std::uint64_t boot_ms_ = 0;
  std::string kernel_;
  hive_agent_load load_{};
  std::string hang_;  ///< Of the guest, as was found last.
  std::uint64_t malformed_reports_ = 0;
};

}  // namespace hive::control

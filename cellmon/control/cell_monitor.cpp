#include "cellmon/control/cell_monitor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "cellmon/wire/text.h"
#include "vmm/base/units.h"

namespace hive::control {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMaxLogText = 1024;
/// How long a guest may take to shut down with the machine.
constexpr CellMachine::Milliseconds kStopGrace{30'000};

/// What a guest's word is worth: a question to the sibling's monitor.
agree::EvidenceSet evidence_of(hive_monitor_hint hint) {
  return hint == HIVE_HINT_DEADLINE ? agree::Evidence::kRpcTimeout : agree::Evidence::kCarefulRead;
}

}  // namespace

CellMonitor::CellMonitor(boost::asio::io_context& loop, CellSettings settings, spdlog::logger& log,
                         Heritage heritage)
    : loop_(loop),
      settings_(std::move(settings)),
      log_(log),
      machine_(settings_.cell().agent, !settings_.cell().crash_dump.empty()),
      events_(settings_.cell().name),
      serial_(settings_.folder + "/" + settings_.cell().name + ".console", settings_.begin()),
      virtio_(settings_.folder + "/" + settings_.cell().name + ".hvc", settings_.begin()),
      deadline_(loop),
      siblings_(loop, settings_.machine, settings_.own, log_),
      watch_(loop, settings_.cell(), machine_, watch_handlers()),
      balloon_(settings_.cell()),
      spare_(settings_.cell()),
      replacements_(
          loop, settings_.machine, std::move(settings_.start_monitor),
          [this](CellId cell) { members_->not_replaced(cell); },
          [this](const std::string& kind, const std::string& detail) {
            add_event({kind, detail});
          }),
      company_(loop),
      state_since_(steady_clock::now()),
      vmm_since_(state_since_) {
  if (GlobalMemory::is_in(settings_.machine)) {
    const auto on_violation = [this](CellId cell, const std::string& detail) {
      apply({{}, {{"violation", detail}}});
      members_->doubt(cell, agree::Evidence::kViolation);
    };
    global_ = std::make_unique<GlobalMemory>(loop_, settings_.machine, siblings_, on_violation,
                                             log_, std::move(heritage));
  }
  cpu_ = make_cpu_share();
  vsock_ = std::make_unique<Vsock>(loop_, settings_.machine, siblings_, vsock_handlers(), log_);
  members_ = std::make_unique<Members>(loop_, settings_.machine, siblings_, settings_.life,
                                       global_.get(), members_handlers(), log_);
  faults_ = std::make_unique<Faults>(loop_, settings_.machine, settings_.own,
                                     Faults::Parts{machine_, *members_, global_.get(), *vsock_},
                                     fault_handlers());
  if (global_) {
    global_->set_advised_home([this] { return sharing_->placement(); });
    placement_ =
        std::make_unique<Placement>(loop_, settings_.machine.cells.size(), *global_, *members_);
    mover_ =
        std::make_unique<Mover>(loop_, siblings_, *global_, settings_.life, mover_handlers(), log_);
  }
  sharing_ = std::make_unique<Sharing>(loop_, settings_.machine, settings_.own, siblings_,
                                       *members_, sharing_handlers(), log_);
  if (settings_.cell().is_policy()) {
    wax_ =
        std::make_unique<WaxHost>(loop_, settings_.machine.cells.size(), *members_, wax_handlers());
  }
  std::vector<int> files = global_ ? global_->files() : std::vector<int>{};
  files.push_back(members_->file());
  siblings_.start(settings_.cell().shared, std::move(files), settings_.life);
}

void CellMonitor::start(CellObserver& observer) {
  observer_ = &observer;
  members_->start();
  watch_.start();
  sharing_->start();
  if (placement_) placement_->start();
  if (wax_) wax_->start();
  if (settings_.is_later()) watch_for_company();
  apply(machine_.start());
}

void CellMonitor::apply(const Step& step) {
  note_state();
  for (const EventText& text : step.events) add_event(text);
  note_cell();
  for (const Action action : step.actions) act(action);
  observer_->on_change();
}

void CellMonitor::add_event(const EventText& text) {
  const wire::Event& event = events_.add(text);
  log_.info("{}{}{}", event.kind, event.detail.empty() ? "" : ": ", event.detail);
  if (observer_ != nullptr) observer_->on_event(event);
  if (faults_) faults_->note_event(text.kind);
}

void CellMonitor::note_cell() {
  if (std::exchange(cell_noted_, true)) return;
  boost::asio::post(loop_, [this] {
    cell_noted_ = false;
    // Wax's end costs nobody anything but advice: the others need not agree on it.
    if (!wax_) members_->set_own_evidence(machine_.evidence());
    if (members_->is_suspending() && (machine_.is_still() || start_waits_)) members_->suspended();
    try_launch();
  });
}

Members::Handlers CellMonitor::members_handlers() {
  Members::Handlers handlers;
  handlers.suspend = [this] {
    if (cpu_) cpu_->await();
    apply(machine_.suspend());
    return machine_.is_still() || start_waits_;
  };
  handlers.resume = [this] {
    apply(machine_.end_suspension());
    if (cpu_) cpu_->ease();
  };
  handlers.left = [this] {
    // A start that waits has nothing that could end, and asks to be let in.
    if (!start_waits_) apply(machine_.on_evicted());
  };
  handlers.give_up = [this](const std::string& why) { apply(machine_.give_up(why)); };
  handlers.start_anew = [this] { apply(machine_.start_anew()); };
  handlers.replace = [this](CellId cell, int process, bool has_ended) {
    replace_monitor(cell, process, has_ended);
  };
  handlers.stop_machine = [this](CellId cell) { stop_with_machine(cell); };
  handlers.tell = [this](const std::string& kind, const std::string& detail) {
    add_event({kind, detail});
  };
  handlers.changed = [this] {
    try_launch();
    if (observer_ != nullptr) observer_->on_change();
  };
  return handlers;
}

Faults::Handlers CellMonitor::fault_handlers() {
  Faults::Handlers handlers;
  handlers.vmm = [this] { return vmm_.get(); };
  handlers.agent = [this] { return agent(); };
  handlers.tell = [this](const std::string& kind, const std::string& detail) {
    add_event({kind, detail});
  };
  handlers.changed = [this] {
    if (observer_ != nullptr) observer_->on_change();
  };
  if (settings_.cell().is_policy()) {
    handlers.replace_wax = [this](const WaxHost::Rogue& rogue, const auto& duration) {
      wax_->set_rogue(rogue, duration);
    };
  }
  return handlers;
}

GuestWatch::Handlers CellMonitor::watch_handlers() {
  GuestWatch::Handlers handlers;
  handlers.on_hang = [this](agree::EvidenceSet evidence, const std::string& detail) {
    hang_ = detail;
    const Step step = machine_.note_hang(evidence, detail);
    if (!step.events.empty()) apply(step);
  };
  handlers.on_silence = [this](bool silent, const std::string& detail) {
    apply(machine_.note_silence(silent, detail));
  };
  handlers.on_figures = [this](const auto& figures) { members_->set_guest(figures); };
  handlers.on_port_closed = [this] {
    if (load_.total != 0) note_load({});
  };
  return handlers;
}

void CellMonitor::stop_with_machine(CellId cell) {
  if (std::exchange(stops_with_machine_, true)) return;
  add_event({"stop-machine", fmt::format("cell {} has failed, which takes the machine down",
                                         siblings_.names()[static_cast<std::size_t>(cell)])});
  request_down(false, kStopGrace);
}

void CellMonitor::note_state() {
  const CellState now = machine_.state();
  if (now == CellState::kRunning && boot_ms_ == 0) {
    boot_ms_ = std::max<std::uint64_t>(milliseconds_since(vmm_since_), 1);
  }
  if (now == noted_state_) return;
  noted_state_ = now;
  state_since_ = steady_clock::now();
}

void CellMonitor::act(Action action) {
  switch (action) {
    case Action::kStartVmm:
      return start_vmm();
    case Action::kKillVmm:
      return kill_vmm();
    case Action::kQuitVmm:
      return vmm_->command(cell::Command::kQuit);
    case Action::kPauseVmm:
      return vmm_->command(cell::Command::kPause);
    case Action::kResumeVmm:
      return vmm_->command(cell::Command::kResume);
    case Action::kDumpVmm:
      // After the others are told that the guest has failed: a folder may be slow.
      return boost::asio::post(loop_, [this] { dump_vmm(); });
    case Action::kKeepDump:
      return keep_dump();
    case Action::kDropDump:
      return core_file_.reset();
    case Action::kShutDownGuest:
      return shut_guest_down();
    case Action::kRebootGuest:
      return vmm_->agent().reboot();
    case Action::kArmDeadline:
      return deadline_.arm(machine_.deadline(), [this] { apply(machine_.on_deadline()); });
    case Action::kDisarmDeadline:
      return deadline_.disarm();
    case Action::kFinish:
      return observer_->on_finished();
  }
}

void CellMonitor::shut_guest_down() {
  if (machine_.agent_up()) return vmm_->agent().power_off();
  vmm_->command(cell::Command::kPowerButton);
}

Vsock::Handlers CellMonitor::vsock_handlers() {
  Vsock::Handlers handlers;
  handlers.on_hint = [this](const CellHint& hint, const std::string& detail) {
    apply({{}, {{"hint", detail}}});
    members_->doubt(static_cast<CellId>(hint.cell), evidence_of(hint.hint));
  };
  handlers.on_counters = [this] { observer_->on_change(); };
  return handlers;
}

VmmInstance::Handlers CellMonitor::vmm_handlers() {
  VmmInstance::Handlers handlers;
  handlers.on_report = [this](const cell::Report& report) {
    if (faults_->take(report)) return;
    apply(machine_.on_report(report));
    // Not before: a VMM that has just begun passes over what it finds in its rings.
    if (machine_.has_started()) siblings_.tell_start();
    cpu_->started();  // The first word of a VMM is that its guest runs, or that it cannot.
  };
  handlers.on_malformed_report = [this] { ++malformed_reports_; };
  handlers.on_exit = [this](const std::string& how) {
    log_.info("VMM {} ended: {}", vmm_->pid(), how);
    vmm_->agent().lose("the VMM ended");
    vmm_.reset();
    detach();
    apply(machine_.on_vmm_exit(how, Milliseconds(milliseconds_since(vmm_since_))));
  };
  handlers.on_console = [this](ConsoleId id, std::string_view bytes) {
    (id == ConsoleId::kSerial ? serial_ : virtio_).append(bytes);
    observer_->on_console(id, bytes);
  };
  handlers.on_log_line = [this](const std::string& line) {
    log_.info("VMM says: {}", wire::printable(line, kMaxLogText));
  };
  handlers.agent = agent_handlers();
  return handlers;
}

AgentPeer::Handlers CellMonitor::agent_handlers() {
  AgentPeer::Handlers handlers;
  handlers.on_hello = [this](std::string kernel) {
    kernel_ = std::move(kernel);
    vmm_->agent().tell_cells(vsock_->list_cells());
    apply(machine_.on_agent_up());
  };
  handlers.on_output = [this](std::uint32_t session, AgentPeer::Output output,
                              std::string_view bytes) {
    observer_->on_exec_output(session, output, bytes);
  };
  handlers.on_exit = [this](std::uint32_t session, int status) {
    observer_->on_exec_exit(session, status);
  };
  handlers.on_input_taken = [this](std::uint32_t session) {
    observer_->on_exec_input_taken(session);
  };
  handlers.on_located = [this](std::uint32_t request, const auto& ranges) {
    faults_->take_located(request, ranges);
  };
  handlers.on_wrote = [this](std::uint32_t request, const hive_agent_wrote& wrote) {
    faults_->take_wrote(request, wrote);
  };
  handlers.on_load = [this](const hive_agent_load& load) { note_load(load); };
  handlers.on_refused = [this](std::uint32_t request, const std::string& why) {
    faults_->take_refusal(request, why);
  };
  handlers.on_lost = [this](const std::string& why) {
    observer_->on_exec_lost(why);
    note_load({});
    faults_->lose_agent();
    apply(machine_.on_agent_lost(why));
  };
  return handlers;
}

std::uint64_t CellMonitor::milliseconds_since(steady_clock::time_point time) const {
  const auto passed = std::chrono::duration_cast<Milliseconds>(steady_clock::now() - time);
  return static_cast<std::uint64_t>(passed.count());
}

wire::CellStatus CellMonitor::status() const {
  wire::CellStatus status;
  status.machine = settings_.machine.name;
  status.cell = settings_.cell().name;
  status.state = machine_.state();
  status.cause = wire::printable(machine_.cause(), EventLog::kMaxDetail);
  status.incarnation = machine_.incarnation();
  status.state_ms = milliseconds_since(state_since_);
  status.boot_ms = boot_ms_;
  status.monitor_pid = ::getpid();
  status.vmm_pid = vmm_ ? vmm_->pid() : 0;
  status.vcpus = settings_.cell().vcpus;
  status.memory = settings_.cell().memory;
  status.lent = sharing_->totals().lent * policy::kBlockBytes;
  status.borrowed = sharing_->totals().borrowed * policy::kBlockBytes;
  status.policy = settings_.cell().policy;
  status.kernel = kernel_;
  status.agent = machine_.agent_up();
  status.silent_ms = watch_.silent_ms();
  status.hang = hang_;
  status.load = watch_.load();
  status.cpu = cpu_->status();
  status.console_line = serial_.last_line();
  status.log_file = settings_.log_file;
  status.console_file = serial_.path();
  status.ignored_reports = machine_.ignored_reports() + malformed_reports_;
  status.pending_faults = faults_->pending_count();
  for (const plan::Cell& each : settings_.machine.cells) status.cells.push_back(each.name);
  status.view = members_->status();
  return status;
}

const Console& CellMonitor::console(ConsoleId id) const {
  return id == ConsoleId::kSerial ? serial_ : virtio_;
}

bool CellMonitor::write_console(ConsoleId id, std::string_view bytes) {
  return vmm_ && vmm_->write_console(id, bytes);
}

AgentPeer* CellMonitor::agent() { return vmm_ && machine_.agent_up() ? &vmm_->agent() : nullptr; }

std::string CellMonitor::request_down(bool force, Milliseconds grace) {
  members_->go_down();
  // Wax has nothing to put in order, and knows of no button.
  apply(machine_.request_down(force || wax_ != nullptr, grace));
  return machine_.refusal();
}

std::string CellMonitor::request_reboot(bool force, Milliseconds grace) {
  apply(machine_.request_reboot(force, grace));
  return machine_.refusal();
}

std::string CellMonitor::request_pause() {
  apply(machine_.request_pause());
  return machine_.refusal();
}

std::string CellMonitor::request_resume() {
  apply(machine_.request_resume());
  return machine_.refusal();
}

std::vector<std::string> CellMonitor::keep_files() {
  serial_.keep_file();
  virtio_.keep_file();
  return {serial_.path(), virtio_.path()};
}

}  // namespace hive::control

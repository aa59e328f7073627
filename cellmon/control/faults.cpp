#include "cellmon/control/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "cellmon/control/guest_fault_request.h"
#include "cellmon/control/self_stop.h"
#include "cellmon/wire/cell_status.h"

namespace hive::control {
namespace {

using inject::Fault;
using inject::FaultKind;
using std::chrono::milliseconds;

/// Until who asked for a fault of this process has its answer.
constexpr milliseconds kFaultDelay{100};

milliseconds now() {
  return std::chrono::duration_cast<milliseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
}

bool hits_monitor(FaultKind kind) {
  return kind == FaultKind::kMonitorKill || kind == FaultKind::kMonitorStop ||
         kind == FaultKind::kMonitorSlow;
}

bool hits_vmm(FaultKind kind) {
  return kind == FaultKind::kVmmKill || kind == FaultKind::kVmmStop ||
         kind == FaultKind::kVmmSlow || kind == FaultKind::kHomeFail;
}

DutyCycle::Settings cycle_of(const Fault& fault) {
  return {fault.share.value(), fault.period.value_or(inject::kUsualPeriod), fault.duration};
}

}  // namespace

Faults::Faults(boost::asio::io_context& loop, const plan::Machine& machine, unsigned own,
               Parts parts, Handlers handlers)
    : machine_(machine),
      own_(own),
      parts_(parts),
      handlers_(std::move(handlers)),
      next_(loop),
      answer_limit_(loop),
      end_(loop),
      delay_(loop),
      packets_(loop, parts.vsock),
      vmm_cycle_(loop),
      own_cycle_(loop) {}

void Faults::inject(const Fault& fault, const Done& done) {
  if (!machine_.faults) {
    return done({"the plan does not allow faults; say `faults: enabled` in it"});
  }
  const unsigned vcpus = machine_.cells[own_].vcpus;
  if (fault.vcpu && *fault.vcpu >= vcpus) {
    return done(
        {fmt::format("there is no vCPU {}: the cell has {}, from 0 on", *fault.vcpu, vcpus)});
  }
  if (const std::string why = missing_device(fault, machine_.cells[own_]); !why.empty()) {
    return done({why});
  }
  if (fault.timing.is_now()) return begin(fault, done);
  const std::string refusal = schedule_.add(fault, now());
  arm_schedule();
  done({refusal});
}

std::string Faults::check_vmm(const Fault& fault) const {
  const bool wants_guest = is_in_guest(fault.kind);
  if (!wants_guest && !hits_vmm(fault.kind) && !is_in_packets(fault.kind)) return {};
  if (handlers_.vmm() == nullptr) {
    return fmt::format("the cell, which is {}, has no VMM", to_string(parts_.cell.state()));
  }
  if (!wants_guest) return {};
  if (asked_) {
    return fmt::format("the {} has not answered to the fault before; try again",
                       asked_->locates ? "guest's agent" : "VMM");
  }
  if (!parts_.cell.guest_runs()) {
    return fmt::format("the cell, which is {}, has no guest that runs{}",
                       to_string(parts_.cell.state()),
                       parts_.cell.is_suspended() ? " while its monitors agree; try again" : "");
  }
  if (!wants_agent(fault) || handlers_.agent() != nullptr) return {};
  return fmt::format(
      "the guest has no agent that could be asked: {}",
      machine_.cells[own_].agent ? "it is not up; try again" : "the plan gives the cell none");
}

std::string Faults::check(const Fault& fault) const {
  if (std::string refusal = check_vmm(fault); !refusal.empty()) return refusal;
  if (fault.kind == FaultKind::kFalseAccusation && !parts_.members.may_accuse(*fault.cell)) {
    return "the accusation would come to nothing: this monitor has to be one of three members or "
           "more, and the accused cell another; `hive status` lists them";
  }
  if (fault.kind == FaultKind::kWildWrites) {
    if (writes_) return "the wild writes before are not over";
    if (parts_.global == nullptr) {
      return "the machine has no global memory; give cells some by `shared:` in the plan";
    }
  }
  if (fault.kind == FaultKind::kHomeFail &&
      (parts_.global == nullptr || !parts_.global->is_home())) {
    return "the cell contributes no global memory; give it some by `shared:` in the plan";
  }
  if (fault.kind == FaultKind::kMeshCut) return check_cut(fault);
  if (inject::replaces_wax(fault.kind) && !handlers_.replace_wax) {
    return "the cell does not run Wax; name the one that has `role: policy` in the plan";
  }
  if (is_in_packets(fault.kind)) return packets_.check(fault);
  if (hits_monitor(fault.kind) && is_due_) return "the monitor is about to have another fault";
  return {};
}

std::string Faults::check_cut(const Fault& fault) const {
  if (parts_.members.is_linked(*fault.cell)) return {};
  if (!parts_.members.is_cut(*fault.cell)) {
    return "there is no link to that cell's monitor that could be cut; `hive status` shows who is "
           "there";
  }
  if (fault.duration) return {};  // The end of a cut that is there already.
  return "there is no link to that cell's monitor: it is cut already; `for` says when that ends";
}

void Faults::begin(const Fault& fault, const Done& done) {
  const std::string refusal = check(fault);
  if (!refusal.empty()) return done({refusal});
  if (fault.kind == FaultKind::kPanic) return ask_for_panic(fault, done);
  if (fault.kind == FaultKind::kWildWrites) return ask_for_writes(fault, done);
  if (is_in_packets(fault.kind)) return spoil_packets(fault, done);
  if (inject::replaces_wax(fault.kind)) return replace_wax(fault, done);
  if (is_in_guest(fault.kind)) return ask(fault, done);
  handlers_.tell("fault", fault.text);
  perform(fault);
  done({});
}

void Faults::perform(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kVmmKill:
      return handlers_.vmm()->kill();
    case FaultKind::kHomeFail:
      return fail_home();
    case FaultKind::kVmmStop:
      return stop_vmm(fault.duration);
    case FaultKind::kVmmSlow:
      return slow_vmm(fault);
    case FaultKind::kMonitorKill:
    case FaultKind::kMonitorStop:
    case FaultKind::kMonitorSlow:
      is_due_ = true;
      return delay_.arm(kFaultDelay, [this, fault] {
        is_due_ = false;
        hit_self(fault);
      });
    case FaultKind::kHeartbeatFreeze:
      return parts_.members.freeze_heartbeat(fault.duration);
    case FaultKind::kFalseAccusation:
      return parts_.members.accuse(fault.cell.value(), agree::Evidence::kNoAnswer);
    case FaultKind::kMeshCut:
      return parts_.members.cut_link(fault.cell.value(), fault.duration);
    default:
      return;  // The VMM does it.
  }
}

void Faults::fail_home() {
  (void)parts_.global->lose_all();
  handlers_.vmm()->kill();
}

void Faults::ask(const Fault& fault, const Done& done) {
  asked_ = Asked{fault, done, std::nullopt};
  const auto words = question_of(fault);
  if (words.empty()) return ask_vmm(ranges_of(fault));
  answer_limit_.arm(kAnswerLimit, [this] { give_up_waiting(); });
  asked_->locates = handlers_.agent()->locate(words);
  if (asked_ && !asked_->locates) end_asked({"the agent does not read"});
}

void Faults::give_up_waiting() {
  const auto limit = kAnswerLimit.count() / 1000;
  // What only the agent has been asked for need not be done any more.
  if (asked_->locates) {
    if (AgentPeer* agent = handlers_.agent()) agent->forget(*asked_->locates);
    return end_asked({fmt::format("the guest's agent has not answered within {} s", limit)});
  }
  answer({fmt::format("the VMM has not answered within {} s, and may do it later: an event tells "
                      "of an answer that still comes",
                      limit),
          false});
}

void Faults::ask_vmm(std::vector<Range> ranges) {
  asked_->locates.reset();
  // The VMM has the whole time, however long the agent took.
  answer_limit_.arm(kAnswerLimit, [this] { give_up_waiting(); });
  handlers_.vmm()->inject(guest_fault(asked_->fault, std::move(ranges)));
}

void Faults::ask_for_panic(const Fault& fault, const Done& done) {
  if (panic_) handlers_.agent()->forget(*panic_);
  panic_ = handlers_.agent()->panic();
  if (!panic_) return done({"the agent does not read"});
  handlers_.tell("fault", fault.text);
  done({});
}

void Faults::ask_for_writes(const Fault& fault, const Done& done) {
  const hive_agent_wild_writes writes = wild_writes(fault);
  const auto request = handlers_.agent()->write_wildly(writes);
  if (!request) return done({"the agent does not read"});
  writes_ = Writes{*request, fmt::format("{}: seed {}", fault.text, writes.seed)};
  handlers_.tell("fault", writes_->text);
  done({});
}

void Faults::replace_wax(const Fault& fault, const Done& done) {
  const WaxHost::Rogue rogue{fault.kind == FaultKind::kWaxFlood, seed_of(fault)};
  handlers_.tell("fault",
                 rogue.floods ? fault.text : fmt::format("{}: seed {}", fault.text, rogue.seed));
  handlers_.replace_wax(rogue, fault.duration);
  done({});
}

void Faults::spoil_packets(const Fault& fault, const Done& done) {
  const std::uint64_t seed = seed_of(fault);
  if (!packets_.begin(fault, seed)) return done({"the VMM does not read"});
  handlers_.tell("fault", fmt::format("{}: seed {}", fault.text, seed));
  done({});
}

void Faults::take_wrote(std::uint32_t request, const hive_agent_wrote& wrote) {
  if (!writes_ || writes_->request != request) return;
  const Writes over = *std::exchange(writes_, std::nullopt);
  handlers_.tell("fault-over", fmt::format("{}: {} words stored, {} stores denied", over.text,
                                           wrote.done, wrote.denied));
}

void Faults::take_located(std::uint32_t request, const std::vector<hive_agent_range>& located) {
  if (!asked_ || asked_->locates != request || handlers_.vmm() == nullptr) return;
  std::vector<Range> ranges;
  for (const hive_agent_range& range : located) ranges.push_back({range.start, range.size});
  ask_vmm(std::move(ranges));
}

void Faults::take_refusal(std::uint32_t request, const std::string& why) {
  if (panic_ == request) {
    panic_.reset();
    return handlers_.tell("fault-not-done", "panic: " + why);
  }
  if (writes_ && writes_->request == request) {
    const Writes refused = *std::exchange(writes_, std::nullopt);
    return handlers_.tell("fault-not-done", refused.text + ": " + why);
  }
  if (asked_ && asked_->locates == request) end_asked({"the agent: " + why});
}

void Faults::lose_agent() {
  panic_.reset();
  if (asked_ && asked_->locates) end_asked({"the agent does not answer any more"});
  if (!writes_) return;
  const Writes lost = *std::exchange(writes_, std::nullopt);
  handlers_.tell("fault-over", lost.text + ": the agent is gone, and has told no counts");
}

void Faults::end_asked(const Outcome& outcome) {
  answer_limit_.disarm();
  answer(outcome);
  asked_.reset();
}

void Faults::answer(const Outcome& outcome) {
  const Done done = std::exchange(asked_->done, {});
  if (!done) return;
  done(outcome);
  handlers_.changed();
}

bool Faults::take(const cell::Report& report) {
  const bool is_done = report.kind == cell::ReportKind::kFaultDone;
  const bool is_answer = is_done || report.kind == cell::ReportKind::kFaultNotDone;
  if (!is_answer || !asked_ || asked_->locates) return false;
  if (is_done) handlers_.tell("fault", asked_->fault.text + ": " + report.detail);
  end_asked({is_done ? std::string() : report.detail});
  return true;
}

void Faults::detach() {
  end_.disarm();
  vmm_cycle_.cancel();
  packets_.detach();
  panic_.reset();
  // A VMM may well end of the fault before it has told.
  if (asked_) end_asked({"the VMM has ended", asked_->locates.has_value()});
}

std::vector<std::string> Faults::pending() const { return schedule_.list(now()); }

std::size_t Faults::cancel() {
  const std::size_t count = schedule_.cancel();
  arm_schedule();
  if (count != 0) handlers_.tell("faults-cancelled", fmt::format("{}", count));
  return count;
}

void Faults::note_event(const std::string& kind) {
  schedule_.note_event(kind, now());
  arm_schedule();
}

void Faults::arm_schedule() {
  const auto next = schedule_.next();
  if (!next) return next_.disarm();
  next_.arm(std::max(*next - now(), milliseconds(0)), [this] { do_due(); });
}

void Faults::do_due() {
  for (const Fault& fault : schedule_.take_due(now())) {
    begin(fault, [this, text = fault.text](const Outcome& outcome) {
      if (outcome.refusal.empty()) return;
      handlers_.tell(outcome.is_certain ? "fault-not-done" : "fault-unknown",
                     text + ": " + outcome.refusal);
    });
  }
  arm_schedule();
}

std::function<void()> Faults::vmm_continuer() {
  return [this, pid = handlers_.vmm()->pid()] {
    VmmInstance* vmm = handlers_.vmm();
    if (vmm != nullptr && vmm->pid() == pid) vmm->signal(SIGCONT);
  };
}

void Faults::stop_vmm(std::optional<milliseconds> duration) {
  vmm_cycle_.cancel();
  handlers_.vmm()->signal(SIGSTOP);
  end_.disarm();
  if (duration) end_.arm(*duration, vmm_continuer());
}

void Faults::slow_vmm(const Fault& fault) {
  end_.disarm();  // Of an earlier stop: the last word counts.
  const auto stop = [this](milliseconds) {
    if (handlers_.vmm() == nullptr) return false;
    handlers_.vmm()->signal(SIGSTOP);
    return true;
  };
  (void)vmm_cycle_.begin(cycle_of(fault), {stop, vmm_continuer()});
}

void Faults::hit_self(const Fault& fault) {
  own_cycle_.cancel();
  bool done = true;
  if (fault.kind == FaultKind::kMonitorSlow) {
    done = own_cycle_.begin(cycle_of(fault), {stop_self_for, [] {}});
  } else if (fault.duration) {
    done = stop_self_for(*fault.duration);
  } else {
    (void)::kill(::getpid(), fault.kind == FaultKind::kMonitorKill ? SIGKILL : SIGSTOP);
  }
  if (!done) handlers_.tell("fault-not-done", fault.text + ": the host has no timer to end it");
}

}  // namespace hive::control

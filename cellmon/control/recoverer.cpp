#include "cellmon/control/recoverer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cellmon/control/dump_limit.h"
#include "cellmon/member/story.h"
#include "vmm/base/error.h"

namespace hive::control {
namespace {

using agree::kNever;
using agree::Time;
using recover::Order;
using recover::Step;

constexpr Time kComing = recover::ReturnTimes().coming;
constexpr auto kDump = static_cast<Time>(std::chrono::nanoseconds(kDumpLimit).count());

recover::OnFailure verdict_of(plan::OnFailure wanted) {
  switch (wanted) {
    case plan::OnFailure::kReboot:
      return recover::OnFailure::kReboot;
    case plan::OnFailure::kStopMachine:
      return recover::OnFailure::kStopMachine;
    case plan::OnFailure::kLeave:
      break;
  }
  return recover::OnFailure::kLeave;
}

recover::Settings settings_of(const plan::Machine& machine, CellId self) {
  recover::Settings settings;
  settings.self = self;
  // Links lose nothing, and a peer that stands still must not be buried under what is repeated.
  settings.times.retry = 25'000'000;
  settings.times.patience = 2'000'000'000;
  for (const plan::Cell& cell : machine.cells) {
    // Who keeps its memory first comes as much later.
    if (!cell.crash_dump.empty()) settings.times.coming = kComing + kDump;
    settings.restart[agree::index_of(cell.id)].on_failure = verdict_of(cell.on_failure);
  }
  if (machine.witness) {  // It has nothing to lose.
    settings.restart.at(machine.cells.size()).on_failure = recover::OnFailure::kReboot;
  }
  return settings;
}

recover::Recovery make_recovery(const plan::Machine& machine, const member::Membership& membership,
                                Time now, recover::Port& port) {
  const recover::Settings settings = settings_of(machine, membership.self());
  if (!membership.is_member()) return {settings, port};
  return {settings, membership.view(), now, port};
}

/// Of those steps that are told; else null.
const char* name_of(Step step) {
  switch (step) {
    case Step::kSuspend:
      return "suspend";
    case Step::kStop:
      return "stop";
    case Step::kClose:
      return "close";
    case Step::kRevoke:
      return "revoke";
    case Step::kDiscard:
      return "discard";
    case Step::kGenerations:
      return "generations";
    case Step::kResume:
      return "resume";
    default:
      return nullptr;
  }
}

bool waits_for_vmm(Step step) {
  return step == Step::kSuspend || step == Step::kClose || step == Step::kAdmit;
}

}  // namespace

Recoverer::Recoverer(const plan::Machine& machine, const member::Membership& membership,
                     GlobalMemory* memory, Hooks hooks)
    : membership_(membership),
      memory_(memory),
      hooks_(std::move(hooks)),
      recovery_(make_recovery(machine, membership, hooks_.now(), *this)) {
  if (memory_ != nullptr) memory_->set_on_closed(hooks_.changed);
}

void Recoverer::follow() {
  take_view();
  carry_on();
}

void Recoverer::take_view() {
  const agree::View& view = membership_.view();
  if (view.epoch <= recovery_.epoch()) return;
  order_.reset();
  stop_limit_ = kNever;
  recovers_ = false;
  view_since_ = hooks_.now();
  if (memory_ != nullptr) memory_->note_view(view);
  recovery_.view(view, membership_.life(), view_since_);
  for (auto& early : early_) {
    if (!early || early->epoch > view.epoch) continue;
    const recover::Message message = *std::exchange(early, std::nullopt);
    recovery_.receive(message.from, message, hooks_.now());
  }
}

void Recoverer::set_running(bool running) {
  running_ = running;
  hooks_.changed();
}

void Recoverer::receive(CellId from, const recover::Message& message) {
  if (from != message.from || !agree::is_cell(from)) return;
  const bool is_word = message.kind == recover::Kind::kReport || message.kind == recover::Kind::kGo;
  if (is_word && message.epoch > recovery_.epoch()) {
    early_[agree::index_of(from)] = message;
    return;
  }
  recovery_.receive(from, message, hooks_.now());
  hooks_.changed();
}

void Recoverer::monitor_ended(CellId cell) {
  recovery_.monitor_ended(cell, hooks_.now());
  hooks_.changed();
}

void Recoverer::tick() {
  const Time now = hooks_.now();
  recovery_.tick(now);
  if (now >= stop_limit_) {
    stop_limit_ = kNever;
    const bool stops = order_ && order_->step == Step::kSuspend;
    hooks_.give_up(fmt::format(
        "its VMM has not {} within {} s; the other cells wait for that to recover",
        stops ? "stopped the guest" : "closed or opened failed cells' pages to the guest",
        kStopLimit / 1'000'000'000));
  }
  hooks_.changed();
}

Time Recoverer::deadline() const { return std::min(recovery_.deadline(), stop_limit_); }

void Recoverer::perform(const Order& order) {
  order_ = order;
  began_ = hooks_.now();
  stop_limit_ = waits_for_vmm(order.step) ? began_ + kStopLimit : kNever;
  recovers_ = recovers_ || !order.casualties.empty();
  hooks_.changed();
}

void Recoverer::leave() {
  leaving_ = true;
  order_.reset();
  stop_limit_ = kNever;
  hooks_.changed();
}

void Recoverer::carry_on() {
  if (leaving_ && !running_) {
    leaving_ = false;
    if (memory_ != nullptr) memory_->discard_all();
    recovery_.left(hooks_.now());
  }
  while (order_) {
    std::string what;
    const Order order = *order_;
    if (!carry_out(order, what)) return;
    order_.reset();
    stop_limit_ = kNever;
    tell(order, what);
    if (recovers_ && order.step == Step::kResume) times_.record(hooks_.now() - view_since_);
    recovery_.done(order.epoch, order.step, hooks_.now());
  }
}

bool Recoverer::carry_out(const Order& order, std::string& what) {
  const agree::CellSet failed = order.casualties.cells;
  switch (order.step) {
    case Step::kSuspend:
      return membership_.is_still();
    case Step::kStop:
      what = member::describe(failed, membership_.names()) + " can do nothing here any more; ";
      return stop(failed);
    case Step::kRevoke:
      if (memory_ == nullptr) return true;
      what = fmt::format("{} pages are to be discarded; ", memory_->condemn(failed));
      return true;
    case Step::kDiscard:
      return discard();
    case Step::kGenerations:
      if (memory_ != nullptr) memory_->renew(failed, order.epoch);
      return true;
    case Step::kAdmit:
      hooks_.admit();
      return close_homes();
    case Step::kClose:
      if (memory_ == nullptr) return true;
      what = "reads as all-ones here: " + member::describe(failed, membership_.names()) + "; ";
      return close_homes();
    case Step::kLocks:
      if (memory_ != nullptr) memory_->abandon_locks(failed);
      return true;
    case Step::kCalls:
    case Step::kAgents:
    case Step::kResume:
      return true;
  }
  return true;
}

bool Recoverer::stop(agree::CellSet failed) {
  const agree::CellSet self = agree::CellSet::of(membership_.self());
  hooks_.cut_off(failed - self);
  if (!failed.meets(self) || !running_) return true;
  hooks_.end_guest();
  return false;  // Until it has.
}

bool Recoverer::discard() {
  if (memory_ == nullptr || memory_->discard()) return true;
  // Nobody may read what is left there: this home fails as well, and all of it goes.
  static constexpr const char* kWhy = "the host cannot discard what a failed cell has written";
  if (!running_) throw Error(kWhy);  // Without a VMM it is the monitor that fails.
  order_.reset();
  hooks_.give_up(kWhy);
  return false;
}

void Recoverer::tell(const Order& order, const std::string& what) {
  const char* name = name_of(order.step);
  if (name == nullptr || !recovers_) return;
  const Time now = hooks_.now();
  hooks_.tell("recovery", fmt::format("epoch {}, {}: {}took {}, done {} after the view",
                                      order.epoch, name, what, member::describe_time(now - began_),
                                      member::describe_time(now - view_since_)));
}

void Recoverer::recovered(std::uint64_t epoch) {
  if (!recovers_) return;
  hooks_.tell("recovered", fmt::format("epoch {}: all guests may go on; {} after the view", epoch,
                                       member::describe_time(hooks_.now() - view_since_)));
}

void Recoverer::late(agree::CellSet late) {
  late.for_each([this](CellId cell) { hooks_.doubt(cell); });
}

}  // namespace hive::control

#include "cellmon/cli/campaign/exec_workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace hive::cli {
namespace {

using campaign::Work;

constexpr Milliseconds kPump{10};

}  // namespace

ExecWorkload::ExecWorkload(const campaign::ExecWork& work, const plan::Machine& plan,
                           ReferenceCopies references, Milliseconds limit)
    : work_(work), references_(std::move(references)), limit_(limit) {
  for (const plan::Cell& cell : plan.cells) {
    Guest guest;
    guest.name = cell.name;
    guest.takes_part =
        !cell.is_policy() && (work.cells.empty() || std::find(work.cells.begin(), work.cells.end(),
                                                              cell.name) != work.cells.end());
    guests_.push_back(std::move(guest));
  }
}

void ExecWorkload::reset() {
  for (Guest& guest : guests_) {
    Guest fresh;
    fresh.name = guest.name;
    fresh.takes_part = guest.takes_part;
    guest = std::move(fresh);
  }
}

void ExecWorkload::connected(std::size_t cell) {
  for (GuestCommand* command :
       {&guests_[cell].prepare, &guests_[cell].work, &guests_[cell].check}) {
    command->lose("the connection to its cell's monitor was lost");
  }
}

void ExecWorkload::take(std::size_t cell, const Message& message) {
  for (GuestCommand* command :
       {&guests_[cell].prepare, &guests_[cell].work, &guests_[cell].check}) {
    command->take(message);
  }
}

void ExecWorkload::note(std::size_t cell, const wire::Event& event) {
  if (event.kind != "starting") return;
  guests_[cell].fresh = true;
  guests_[cell].worked = false;
}

std::string ExecWorkload::run(Monitors& machine, std::size_t cell, GuestCommand& command,
                              const std::string& line) {
  command.start(machine, cell, line);
  const auto deadline = std::chrono::steady_clock::now() + limit_;
  while (!command.has_ended() && std::chrono::steady_clock::now() < deadline) machine.pump(kPump);
  if (!command.has_ended()) {
    throw Error(
        fmt::format("cell {}: \"{}\" has not ended before the fault within {} ms, the `limit` "
                    "of the campaign",
                    guests_[cell].name, line, limit_.count()));
  }
  if (!command.problem().empty()) {
    throw Error(fmt::format("cell {}: \"{}\" fails before the fault: {}", guests_[cell].name, line,
                            command.problem()));
  }
  std::string output = command.output();
  command.forget();
  return output;
}

void ExecWorkload::make_references(Monitors& machine, std::size_t cell) {
  Guest& guest = guests_[cell];
  if (!work_.work.line.empty() && !references_.find(guest.name, "work")) {
    references_.keep(guest.name, "work", run(machine, cell, guest.work, work_.work.line));
  }
  if (!references_.find(guest.name, "check")) {
    references_.keep(guest.name, "check", run(machine, cell, guest.check, work_.check.line));
  }
}

void ExecWorkload::prepare(Monitors& machine) {
  for (std::size_t cell = 0; cell < guests_.size(); ++cell) {
    Guest& guest = guests_[cell];
    if (guest.work.runs()) {
      throw Error(fmt::format("cell {}: \"{}\" has not ended", guest.name, guest.work.line()));
    }
    if (!guest.takes_part || !guest.fresh) continue;
    if (!work_.prepare.empty()) run(machine, cell, guest.prepare, work_.prepare);
    make_references(machine, cell);
    guest.fresh = false;
  }
}

void ExecWorkload::begin(Monitors& machine, const campaign::Draw& drawn) {
  for (std::size_t cell = 0; cell < guests_.size(); ++cell) {
    Guest& guest = guests_[cell];
    guest.check.forget();
    guest.work.forget();
    guest.judged = drawn.meanwhile.empty() || guest.name != drawn.cell;
    const std::string& line = guest.judged ? work_.work.line : drawn.meanwhile;
    guest.worked = guest.takes_part && !line.empty();
    if (guest.worked) guest.work.start(machine, cell, line);
  }
}

void ExecWorkload::ask(Monitors& machine, const std::vector<bool>& expected) {
  for (std::size_t cell = 0; cell < guests_.size(); ++cell) {
    Guest& guest = guests_[cell];
    guest.asked = expected[cell] && guest.takes_part;
    guest.again = guest.prepare.runs() || guest.check.runs();
    if (!guest.again) {
      guest.prepare.forget();
      guest.check.forget();
    }
    if (guest.asked) advance(machine, cell);
  }
}

bool ExecWorkload::awaits_work(const Guest& guest) {
  return guest.worked && guest.judged && !guest.work.has_ended();
}

bool ExecWorkload::advance(Monitors& machine, std::size_t cell) {
  Guest& guest = guests_[cell];
  if (guest.prepare.runs() || guest.check.runs() || awaits_work(guest)) return false;
  if (guest.again) {
    guest.again = false;
    guest.prepare.forget();
    guest.check.forget();
  }
  if (guest.fresh && !work_.prepare.empty() && !guest.prepare.has_ended()) {
    guest.prepare.start(machine, cell, work_.prepare);
    return false;
  }
  guest.fresh = guest.fresh && !guest.prepare.problem().empty();
  if (guest.check.has_ended()) return true;
  guest.check.start(machine, cell, work_.check.line);
  return false;
}

bool ExecWorkload::has_answers(Monitors& machine) {
  bool all = true;
  for (std::size_t cell = 0; cell < guests_.size(); ++cell) {
    if (guests_[cell].asked) all = advance(machine, cell) && all;
  }
  return all;
}

campaign::CellLook ExecWorkload::look_at(const Guest& guest) const {
  campaign::CellLook look;
  look.cell = guest.name;
  if (!guest.takes_part) {
    look.work = Work::kUnchecked;
    return look;
  }
  if (!guest.asked || !guest.check.has_ended() || awaits_work(guest)) {
    look.why = awaits_work(guest) ? "its work has not ended" : "its check has not ended";
    return look;
  }
  const auto fault_of = [&](const GuestCommand& command, const std::string& name) {
    if (!command.problem().empty()) return name + ": " + command.problem();
    const std::string how =
        difference(command.output(), references_.find(guest.name, name).value_or(""));
    return how.empty() ? how : name + ": " + how;
  };
  if (!guest.prepare.problem().empty()) look.why = "prepare: " + guest.prepare.problem();
  if (look.why.empty() && guest.worked && guest.judged) look.why = fault_of(guest.work, "work");
  if (look.why.empty()) look.why = fault_of(guest.check, "check");
  look.work = look.why.empty() ? Work::kRight : Work::kWrong;
  return look;
}

std::vector<campaign::CellLook> ExecWorkload::looks() const {
  std::vector<campaign::CellLook> looks;
  for (const Guest& guest : guests_) looks.push_back(look_at(guest));
  return looks;
}

}  // namespace hive::cli

#include "cellmon/cli/campaign/micro_workload.h"

#include <fmt/format.h>

#include <algorithm>

#include "cellmon/wire/base64.h"
#include "cellmon/wire/text.h"
#include "guests/abi/micro_places.h"

namespace hive::cli {
namespace {

using campaign::Work;
using std::chrono::steady_clock;

constexpr std::size_t kMaxLine = 1024;
constexpr Milliseconds kLostAfter{3'000};
constexpr Milliseconds kFirstLimit{30'000};

/// What a console takes at a time, by far.
constexpr std::uint64_t kMaxRequests = 32;

std::string input(char byte, std::size_t count = 1) {
  return wire::encode_base64(std::string(count, byte));
}

}  // namespace

MicroWorkload::MicroWorkload(const campaign::MicroWork& work, const plan::Machine& plan) {
  shares_ = std::all_of(plan.cells.begin(), plan.cells.end(),
                        [](const plan::Cell& cell) { return cell.is_policy() || cell.shared > 0; });
  for (const plan::Cell& cell : plan.cells) {
    Guest guest;
    guest.name = cell.name;
    if (!cell.is_policy()) {
      guest.seed = work.seed + workers_.size();
      guest.words = campaign::words_of(work, shares_);
      workers_.push_back(guests_.size());
    }
    guests_.push_back(std::move(guest));
  }
}

void MicroWorkload::reset() {
  for (Guest& guest : guests_) {
    const std::string name = guest.name;
    const std::uint64_t seed = guest.seed;
    const std::uint64_t words = guest.words;
    guest = Guest{};
    guest.name = name;
    guest.seed = seed;
    guest.words = words;
  }
}

void MicroWorkload::connected(std::size_t cell) { guests_[cell].attach = true; }

void MicroWorkload::attach_consoles(Monitors& machine) {
  for (std::size_t cell = 0; cell < guests_.size(); ++cell) {
    if (!guests_[cell].attach || !machine.has_monitor(cell)) continue;
    guests_[cell].attach = false;
    machine.send(cell, "console.attach", {{"console", "serial"}, {"replay", false}});
  }
}

void MicroWorkload::note(std::size_t cell, const wire::Event& event) {
  if (event.kind != "starting") return;
  Guest& guest = guests_[cell];
  guest.fresh = true;
  guest.reports.restart();
  guest.line.clear();
  guest.noise.clear();
}

void MicroWorkload::take(std::size_t cell, const Message& message) {
  const auto* notification = std::get_if<wire::RpcNotification>(&message);
  if (notification == nullptr || notification->method != "console.output") return;
  const auto bytes = wire::decode_base64(wire::text_member(notification->params, "data"));
  if (bytes) read(guests_[cell], *bytes);
}

void MicroWorkload::read(Guest& guest, std::string_view bytes) {
  for (const char byte : bytes) {
    if (byte == '\n') {
      take_line(guest);
      guest.line.clear();
    } else if (byte != '\r' && guest.line.size() < kMaxLine) {
      guest.line += byte;
    }
  }
}

void MicroWorkload::take_line(Guest& guest) {
  const auto report = campaign::parse_report(guest.line);
  if (!report) {
    guest.noise = "it wrote: " + wire::printable(guest.line, 100);
    return;
  }
  guest.reports.note_report(report->check);
  guest.fault = campaign::fault_of(*report, guest.seed, guest.words);
}

void MicroWorkload::request(Monitors& machine, std::size_t cell) {
  Guest& guest = guests_[cell];
  guest.sent_at = steady_clock::now();
  const std::uint64_t count = std::min(guest.reports.missing(), kMaxRequests);
  if (machine.send(cell, "console.input",
                   {{"console", "serial"}, {"data", input(HIVE_MICRO_WORK_VERIFY, count)}})) {
    guest.reports.note_sent(count);
  }
}

void MicroWorkload::ask(Monitors& machine, const std::vector<bool>& expected) {
  attach_consoles(machine);
  for (const std::size_t cell : workers_) {
    Guest& guest = guests_[cell];
    guest.asked = expected[cell];
    guest.fault.clear();
    guest.reports.ask();
    if (guest.asked) request(machine, cell);
  }
}

bool MicroWorkload::has_answers(Monitors& machine) {
  attach_consoles(machine);
  bool all = true;
  for (std::size_t cell = 0; cell < guests_.size(); ++cell) {
    Guest& guest = guests_[cell];
    if (!guest.asked || guest.reports.is_answered()) continue;
    all = false;
    if (steady_clock::now() - guest.sent_at < kLostAfter) continue;
    if (!guest.reports.is_asked()) guest.reports.ask();  // It has started anew meanwhile.
    request(machine, cell);
  }
  return all;
}

std::vector<campaign::CellLook> MicroWorkload::looks() const {
  std::vector<campaign::CellLook> looks;
  for (const Guest& guest : guests_) {
    campaign::CellLook look;
    look.cell = guest.name;
    if (guest.words == 0) {
      look.work = Work::kUnchecked;
      looks.push_back(std::move(look));
      continue;
    }
    const bool answered = guest.asked && guest.reports.is_answered();
    const std::string& fault = guest.fault.empty() ? guest.noise : guest.fault;
    look.work = !answered ? Work::kSilent : fault.empty() ? Work::kRight : Work::kWrong;
    look.why = answered ? fault : "no report of its memory came";
    looks.push_back(std::move(look));
  }
  return looks;
}

void MicroWorkload::grant(Monitors& machine, std::size_t cell, std::size_t home) {
  machine.call(home, "firewall.grant",
               {{"cell", guests_[cell].name},
                {"first", micro::kStampedPage},
                {"pages", micro::kStampedPages}});
  machine.send(cell, "console.input",
               {{"console", "serial"}, {"data", input(HIVE_MICRO_WORK_STAMP)}});
}

void MicroWorkload::prepare(Monitors& machine) {
  attach_consoles(machine);
  const std::size_t count = workers_.size();
  bool any = false;
  for (std::size_t index = 0; index < count; ++index) {
    const std::size_t cell = workers_[index];
    const std::size_t home = workers_[(index + 1) % count];
    any = any || guests_[cell].fresh;
    if (!shares_ || count < 2) continue;
    if (guests_[cell].fresh || guests_[home].fresh) grant(machine, cell, home);
  }
  for (Guest& guest : guests_) guest.fresh = false;
  if (any) await_right(machine);
}

void MicroWorkload::await_right(Monitors& machine) {
  ask(machine, std::vector<bool>(guests_.size(), true));
  const auto deadline = steady_clock::now() + kFirstLimit;
  while (!has_answers(machine)) {
    machine.pump(Milliseconds(5));
    if (steady_clock::now() < deadline) continue;
    throw Error(
        "the guests do not report before the fault; do they run the workload's script? See "
        "docs/campaigns.md");
  }
  for (const campaign::CellLook& look : looks()) {
    if (look.work == Work::kRight || look.work == Work::kUnchecked) continue;
    throw WrongWork(fmt::format("cell {} is wrong before the fault: {}", look.cell, look.why));
  }
}

}  // namespace hive::cli

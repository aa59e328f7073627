// The methods about vsock.
#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "cellmon/control/methods.h"
#include "cellmon/control/vsock/report.h"
#include "cellmon/wire/text.h"

namespace hive::control {
namespace {

constexpr std::uint64_t kLongestDelay = 1'000'000;  // Microseconds.
constexpr std::size_t kMaxQuoted = 64;

std::uint32_t rate(Params& params, const char* name) {
  return static_cast<std::uint32_t>(params.number(name, 0, cell::kPathFaultScale));
}

cell::PathFaults path_faults(Params& params) {
  cell::PathFaults faults;
  faults.drop = rate(params, "drop");
  faults.duplicate = rate(params, "duplicate");
  faults.reorder = rate(params, "reorder");
  faults.corrupt = rate(params, "corrupt");
  faults.delay = rate(params, "delay");
  faults.delay_us = static_cast<std::uint32_t>(params.number("delay_us", 0, kLongestDelay));
  faults.seed = params.number("seed", 0, kAnyNumber);
  return faults;
}

}  // namespace

void Methods::rpc(Call& call) {
  if (!check(call)) return;
  const std::uint32_t question = monitor_.vsock().ask_counters();
  wait(call, [this, question]() -> std::optional<Answer> {
    const auto counts = monitor_.vsock().counters(question);
    if (!counts) return std::nullopt;
    return Answer{describe_vsock(monitor_.vsock(), monitor_.siblings(), *counts), {}};
  });
}

void Methods::set_path_faults(Call& call) {
  const std::string name = call.params.required_text("cell");
  const cell::PathFaults faults = path_faults(call.params);
  if (!check(call)) return;
  Vsock& vsock = monitor_.vsock();
  if (!vsock.machine().faults) {
    return refuse(call, "the plan does not allow faults; say `faults: enabled` in it");
  }
  for (const plan::Cell& each : vsock.machine().cells) {
    const auto number = static_cast<CellId>(&each - vsock.machine().cells.data());
    if (each.name != name || !vsock.routes().is_pair(number)) continue;
    if (vsock.set_faults(number, faults)) return reply(call, wire::Json::object());
    return refuse(call, "the cell has no VMM, or it does not read");
  }
  refuse(call, fmt::format("no packets come from a cell \"{}\"; `hive rpc` lists those that may",
                           wire::printable(name, kMaxQuoted)));
}

}  // namespace hive::control

#include "cellmon/control/vsock/report.h"

#include <utility>

namespace hive::control {
namespace {

using wire::Json;

Json describe_counters(const cell::VsockCounters& counters) {
  return {{"packets_out", counters.packets_out},
          {"bytes_out", counters.bytes_out},
          {"packets_in", counters.packets_in},
          {"bytes_in", counters.bytes_in},
          {"delay_us", counters.delay_us},
          {"malformed", counters.malformed},
          {"stale", counters.stale},
          {"refused", counters.refused},
          {"over_credit", counters.over_credit},
          {"overflows", counters.overflows},
          {"throttled", counters.throttled},
          {"resets", counters.resets},
          {"faults", counters.faults},
          {"connections", counters.connections}};
}

Json describe_guest(const cell::VsockGuestCounters& counters) {
  return {{"malformed", counters.malformed},
          {"host_connections", counters.host.connections},
          {"host_expired", counters.host.expired},
          {"host_cut", counters.host.cut}};
}

Json describe_peer(const Vsock& vsock, const Siblings& siblings, CellId cell) {
  const plan::Machine& machine = vsock.machine();
  const plan::Cell& planned = machine.cells[static_cast<std::size_t>(cell)];
  const auto own = static_cast<CellId>(siblings.own());
  const RingRoutes::Life& life = vsock.routes().life(cell);
  return {{"cell", planned.name},
          {"cid", planned.cid},
          {"state", to_string(siblings.state(cell))},
          {"up", life.up},
          {"incarnation", life.incarnation},
          {"may_call", plan::may_call(machine, own, cell)},
          {"may_be_called", plan::may_call(machine, cell, own)}};
}

}  // namespace

Json describe_vsock(const Vsock& vsock, const Siblings& siblings,
                    const CounterDesk::Answer& counts) {
  const plan::Machine& machine = vsock.machine();
  Json peers = Json::array();
  for (unsigned cell = 0; cell < machine.cells.size(); ++cell) {
    if (cell == siblings.own()) continue;
    Json peer = describe_peer(vsock, siblings, static_cast<CellId>(cell));
    const auto found = counts.counts.find(cell);
    if (found != counts.counts.end()) peer["counters"] = describe_counters(found->second);
    peers.push_back(std::move(peer));
  }
  const plan::Cell& own = machine.cells[siblings.own()];
  Json report{{"cell", own.name},
              {"cid", own.cid},
              {"packets_per_second", machine.rpc.packets_per_second},
              {"faults", machine.faults},
              {"answered", counts.in_time},
              {"hints", vsock.hints()},
              {"failed_calls", vsock.failed_calls()},
              {"malformed_by_vmm", vsock.malformed()},
              {"peers", std::move(peers)}};
  if (counts.guest) report["guest"] = describe_guest(*counts.guest);
  return report;
}

}  // namespace hive::control

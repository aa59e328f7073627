#include "cellmon/control/packet_faults.h"

#include <fmt/format.h>

#include <vector>

namespace hive::control {
namespace {

using inject::Fault;
using inject::FaultKind;

constexpr std::uint32_t kPercent = cell::kPathFaultScale / 100;

/// The rate of faults of KIND in FAULTS.
std::uint32_t& rate_of(FaultKind kind, cell::PathFaults& faults) {
  switch (kind) {
    case FaultKind::kRpcDrop:
      return faults.drop;
    case FaultKind::kRpcDuplicate:
      return faults.duplicate;
    case FaultKind::kRpcReorder:
      return faults.reorder;
    case FaultKind::kRpcCorrupt:
      return faults.corrupt;
    default:
      return faults.delay;
  }
}

/// The cells whose packets FAULT is about.
std::vector<CellId> senders(const Fault& fault, const Vsock& vsock) {
  std::vector<CellId> found;
  for (const plan::Cell& each : vsock.machine().cells) {
    const CellId cell = each.id;
    if (!vsock.routes().is_pair(cell)) continue;
    if (!fault.cell || *fault.cell == cell) found.push_back(cell);
  }
  return found;
}

}  // namespace

std::string PacketFaults::check(const Fault& fault) const {
  if (!senders(fault, vsock_).empty()) return {};
  return "no packets come from there: the plan's `rpc` does not let the cells talk; `hive rpc` "
         "lists those that may";
}

bool PacketFaults::begin(const Fault& fault, std::uint64_t seed) {
  for (const CellId cell : senders(fault, vsock_)) {
    cell::PathFaults& path = paths_[cell];
    rate_of(fault.kind, path) = fault.share.value_or(100) * kPercent;
    if (fault.delay) path.delay_us = static_cast<std::uint32_t>(fault.delay->count() * 1000);
    path.seed = seed;
    if (!vsock_.set_faults(cell, path)) return false;
    Deadline& end = ends_.try_emplace({cell, fault.kind}, loop_).first->second;
    end.disarm();
    if (fault.duration) {
      end.arm(*fault.duration, [this, cell, kind = fault.kind] { this->end(cell, kind); });
    }
  }
  return true;
}

void PacketFaults::end(CellId cell, FaultKind kind) {
  cell::PathFaults& path = paths_[cell];
  rate_of(kind, path) = 0;
  (void)vsock_.set_faults(cell, path);
}

void PacketFaults::detach() {
  paths_.clear();
  ends_.clear();
}

}  // namespace hive::control

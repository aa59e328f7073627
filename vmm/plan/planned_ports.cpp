#include "vmm/plan/planned_ports.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "vmm/plan/limits.h"
#include "vmm/plan/text.h"

namespace hive::plan {
namespace {

using Caller = VsockPort::Caller;

/// Whether KEYS say on which side the socket is.
bool has_one_side(const PortKeys& keys, FaultList& faults) {
  if (keys.path.given != keys.listen.given) return true;
  if (keys.path.given) {
    faults.add(keys.listen.at, "a vsock port has both 'path' and 'listen'",
               "keep 'path' where the guest calls, 'listen' where the host does");
  } else if (keys.is_mapping) {
    faults.add(keys.at, "a vsock port has neither 'path' nor 'listen'",
               "add 'path: SOCKET' where the guest calls, 'listen: SOCKET' where the host does");
  }
  return false;
}

/// The path in FIELD, as long as a socket's address has room for.
std::string plan_path(const Field<std::string>& field, const HostFiles& files, FaultList& faults) {
  if (!field.value) return {};
  std::string path = files.resolve(*field.value);
  if (path.size() <= kMaxSocketPath) return path;
  faults.add(field.at, fmt::format("the socket's path has {} bytes, from / on", path.size()),
             fmt::format("choose one of at most {}: a socket's address has no room for more",
                         kMaxSocketPath));
  return {};
}

void check_reserved(const PortKeys& keys, FaultList& faults) {
  if (!keys.path.given || !keys.port.value || *keys.port.value > kLastReservedPort) return;
  faults.add(keys.port.at, fmt::format("port {} of the host is reserved", *keys.port.value),
             fmt::format("choose one from {} on", kLastReservedPort + 1));
}

}  // namespace

std::vector<VsockPort> plan_ports(const CellKeys& keys, const HostFiles& files, FaultList& faults) {
  std::vector<VsockPort> ports;
  std::map<std::pair<Caller, std::uint32_t>, Position> seen;
  for (const PortKeys& each : keys.vsock.value.value_or(std::vector<PortKeys>{})) {
    VsockPort& port = ports.emplace_back();
    port.port = each.port.value.value_or(0);
    port.caller = each.listen.given ? Caller::kHost : Caller::kGuest;
    port.path = plan_path(each.listen.given ? each.listen : each.path, files, faults);
    if (!has_one_side(each, faults) || !each.port.value) continue;
    check_reserved(each, faults);
    const auto [first, is_first] = seen.emplace(std::pair(port.caller, port.port), each.at);
    if (is_first) continue;
    faults.add(each.port.at,
               fmt::format("port {} of the {} is given twice, first at line {}", port.port,
                           port.caller == Caller::kHost ? "guest" : "host", first->second.line),
               "keep one of them");
  }
  return ports;
}

}  // namespace hive::plan

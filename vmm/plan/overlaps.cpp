#include "vmm/plan/overlaps.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "vmm/base/units.h"
#include "vmm/plan/cpu_list.h"
#include "vmm/plan/limits.h"
#include "vmm/plan/text.h"

namespace hive::plan {
namespace {

/// How to call a cell that may have no valid name.
std::string title(const PlannedCell& planned) {
  return planned.cell.name.empty() ? fmt::format("the cell at line {}", planned.keys.at.line)
                                   : fmt::format("cell {}", quote(planned.cell.name));
}

void check_names(std::span<const PlannedCell> cells, FaultList& faults) {
  std::map<std::string, const PlannedCell*> seen;
  for (const PlannedCell& planned : cells) {
    if (!planned.keys.name.value) continue;
    const auto [first, is_first] = seen.emplace(planned.cell.name, &planned);
    if (is_first) continue;
    faults.add(planned.keys.name.at,
               fmt::format("{} is already the name of the cell at line {}",
                           quote(planned.cell.name), first->second->keys.at.line),
               "give each cell a name of its own");
  }
}

void check_cpus(std::span<const PlannedCell> cells, FaultList& faults) {
  std::map<unsigned, const PlannedCell*> owners;
  for (const PlannedCell& planned : cells) {
    std::map<const PlannedCell*, std::vector<unsigned>> taken;
    for (const unsigned cpu : planned.cell.host_cpus) {
      const auto [owner, is_first] = owners.emplace(cpu, &planned);
      if (!is_first) taken[owner->second].push_back(cpu);
    }
    for (const auto& [owner, cpus] : taken) {
      faults.add(
          planned.keys.cpus.at,
          fmt::format("host CPU {} is given to {} too", format_cpu_list(cpus), title(*owner)),
          "give each host CPU to one cell, or write a count");
    }
  }
}

void check_memory(std::span<const PlannedCell> cells, const HostTopology& host, FaultList& faults) {
  const std::uint64_t available = host.memory();
  std::uint64_t left = available;
  bool any_shared = false;
  for (const PlannedCell& planned : cells) {
    const auto& [cell, keys, storage] = planned;
    // A cell that is larger than the host by itself has been reported.
    if (cell.memory > available || cell.shared > available - cell.memory) continue;
    any_shared = any_shared || cell.shared > 0;
    if (cell.memory > left || cell.shared > left - cell.memory) {
      faults.add(
          cell.memory > left ? keys.memory.at : keys.shared.at,
          fmt::format("with {} the cells need more memory{} than the host's {}MiB", title(planned),
                      any_shared ? ", global memory included," : "", available / kMiB),
          "give the cells less");
      return;
    }
    left -= cell.memory + cell.shared;
  }
}

void check_global_memory(std::span<const PlannedCell> cells, FaultList& faults) {
  std::uint64_t left = kMaxShared;
  for (const PlannedCell& planned : cells) {
    if (planned.cell.shared > left) {
      faults.add(planned.keys.shared.at,
                 fmt::format("with {} the cells contribute more than {} of global memory",
                             title(planned), format_size(kMaxShared)),
                 "contribute less");
      return;
    }
    left -= planned.cell.shared;
  }
}

void check_cids(std::span<const PlannedCell> cells, FaultList& faults) {
  std::map<Cid, const PlannedCell*> owners;
  for (const PlannedCell& planned : cells) {
    if (planned.keys.cid.given && !planned.keys.cid.value) continue;
    const auto [owner, is_first] = owners.emplace(planned.cell.cid, &planned);
    if (is_first) continue;
    // Of the two, point at one that wrote its CID down.
    const bool here = planned.keys.cid.given;
    const PlannedCell& pointed = here ? planned : *owner->second;
    const PlannedCell& other = here ? *owner->second : planned;
    faults.add(pointed.keys.cid.at,
               fmt::format("cid {} is that of {} too{}", planned.cell.cid, title(other),
                           other.keys.cid.given ? "" : ", by its place in the list"),
               "give each cell a cid of its own");
  }
}

/// A disk of a cell that has been seen.
struct DiskUse {
  const PlannedCell* cell;
  const Disk* disk;
};

void check_disks(std::span<const PlannedCell> cells, FaultList& faults) {
  std::map<FileIdentity, std::vector<DiskUse>> uses;
  for (const PlannedCell& planned : cells) {
    for (std::size_t i = 0; i < planned.cell.disks.size(); ++i) {
      if (!planned.storage[i]) continue;
      const Disk& disk = planned.cell.disks[i];
      std::vector<DiskUse>& earlier = uses[*planned.storage[i]];
      for (const DiskUse& use : earlier) {
        if (disk.read_only && use.disk->read_only) continue;
        const std::string as =
            use.disk->path == disk.path ? "" : fmt::format(", as {}", quote(use.disk->path));
        faults.add(
            (*planned.keys.disks.value)[i].path.at,
            fmt::format(
                "disk {} is given to {} too{}, and {}", quote(disk.path), title(*use.cell), as,
                disk.read_only || use.disk->read_only ? "one of them writes it" : "both write it"),
            "use each disk once, or only with 'readonly: true'");
        break;
      }
      earlier.push_back({&planned, &disk});
    }
  }
}

/// That no two cells are to make the same socket. What one cell makes and another one calls is no
/// overlap: so cells can be joined.
void check_sockets(std::span<const PlannedCell> cells, FaultList& faults) {
  std::map<std::string, const PlannedCell*> owners;
  for (const PlannedCell& planned : cells) {
    for (std::size_t i = 0; i < planned.cell.vsock.size(); ++i) {
      const VsockPort& port = planned.cell.vsock[i];
      if (port.caller != VsockPort::Caller::kHost || port.path.empty()) continue;
      const auto [owner, is_first] = owners.emplace(port.path, &planned);
      if (is_first) continue;
      faults.add((*planned.keys.vsock.value)[i].listen.at,
                 owner->second == &planned
                     ? fmt::format("socket {} is made for another port, too", quote(port.path))
                     : fmt::format("socket {} is made for {} too", quote(port.path),
                                   title(*owner->second)),
                 "give each port a socket of its own");
    }
  }
}

}  // namespace

void check_overlaps(std::span<const PlannedCell> cells, const HostTopology& host,
                    FaultList& faults) {
  check_names(cells, faults);
  check_cpus(cells, faults);
  check_memory(cells, host, faults);
  check_global_memory(cells, faults);
  check_cids(cells, faults);
  check_disks(cells, faults);
  check_sockets(cells, faults);
}

}  // namespace hive::plan

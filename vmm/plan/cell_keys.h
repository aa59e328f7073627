// A cell as the plan file describes it, before defaults are filled in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vmm/base/ids.h"
#include "vmm/plan/fields.h"
#include "vmm/plan/plan.h"
#include "vmm/plan/values.h"

namespace hive::plan {

struct DiskKeys {
  Field<std::string> path;
  Field<bool> read_only;
};

struct PortKeys {
  Position at;
  bool is_mapping = false;
  Field<std::uint32_t> port;
  Field<std::string> path;
  Field<std::string> listen;
};

struct CellKeys {
  Position at;
  bool is_mapping = false;  ///< Whether the cell is described by a mapping at all.
  Field<std::string> name;
  Field<Role> role;
  Field<std::string> policy;
  Field<CpuRequest> cpus;
  Field<bool> overcommit_cpus;
  Field<std::uint64_t> memory;
  Field<std::uint64_t> reserve;
  Field<std::uint64_t> hosted;
  Field<std::uint64_t> max_memory;
  Field<HugePages> huge_pages;
  Field<std::uint64_t> shared;
  Field<std::string> kernel;  ///< "debian" or a path as written.
  Field<std::string> initrd;  ///< "none" or a path as written.
  Field<std::string> cmdline;
  Field<std::vector<DiskKeys>> disks;
  Field<Cid> cid;
  Field<bool> agent;
  Field<std::vector<PortKeys>> vsock;
  Field<std::string> crash_dump;
  Field<OnFailure> on_failure;
  Field<std::uint32_t> watchdog;
  Field<std::uint32_t> cpu_weight;

  [[nodiscard]] bool is_policy() const { return role.value == Role::kPolicy; }
};

/// Reads one element of `cells`, or the mapping of `defaults`, according to SPEC.
CellKeys read_cell_keys(const YamlNode& node, const MappingSpec& spec, FaultList& faults);

/// CELL with DEFAULTS in the place of what was not given.
CellKeys with_defaults(CellKeys cell, const CellKeys& defaults);

}  // namespace hive::plan

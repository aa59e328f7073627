#include "vmm/plan/cell_keys.h"

#include <fmt/format.h>

#include "vmm/plan/limits.h"

namespace hive::plan {
namespace {

std::optional<std::vector<DiskKeys>> read_disks(const YamlNode& list, FaultList& faults) {
  if (list.items.size() > kMaxDisks) {
    faults.add(list.at, fmt::format("the cell has {} disks", list.items.size()),
               fmt::format("give it at most {}", kMaxDisks));
    return std::nullopt;
  }
  std::vector<DiskKeys> disks;
  for (const YamlNode& item : list.items) {
    const Fields fields(item, disk_spec(), faults);
    disks.push_back(
        {fields.read<std::string>("path", read_path), fields.read<bool>("readonly", read_flag)});
  }
  return disks;
}

std::optional<std::vector<PortKeys>> read_ports(const YamlNode& list, FaultList& faults) {
  if (list.items.size() > kMaxPorts) {
    faults.add(list.at, fmt::format("the cell has {} vsock ports", list.items.size()),
               fmt::format("give it at most {}", kMaxPorts));
    return std::nullopt;
  }
  std::vector<PortKeys> ports;
  for (const YamlNode& item : list.items) {
    const Fields fields(item, port_spec(), faults);
    ports.push_back({item.at, item.kind == YamlNode::Kind::kMapping,
                     fields.read<std::uint32_t>("port", read_port),
                     fields.read<std::string>("path", read_path),
                     fields.read<std::string>("listen", read_path)});
  }
  return ports;
}

}  // namespace

CellKeys read_cell_keys(const YamlNode& node, const MappingSpec& spec, FaultList& faults) {
  const Fields fields(node, spec, faults);
  CellKeys keys;
  keys.at = node.at;
  keys.is_mapping = node.kind == YamlNode::Kind::kMapping;
  keys.name = fields.read<std::string>("name", read_name);
  keys.role = fields.read<Role>("role", read_role);
  keys.policy = fields.read<std::string>("policy", read_policy);
  keys.cpus = fields.read<CpuRequest>("cpus", read_cpus);
  keys.overcommit_cpus = fields.read<bool>("overcommit_cpus", read_flag);
  keys.memory = fields.read<std::uint64_t>("memory", read_memory);
  keys.reserve = fields.read<std::uint64_t>("reserve", read_reserve);
  keys.max_memory = fields.read<std::uint64_t>("max_memory", read_memory);
  keys.huge_pages = fields.read<HugePages>("hugepages", read_huge_pages);
  keys.shared = fields.read<std::uint64_t>("shared", read_shared);
  keys.hosted = fields.read<std::uint64_t>("hosted", read_hosted);
  keys.kernel = fields.read<std::string>("kernel", read_path);
  keys.initrd = fields.read<std::string>("initrd", read_path);
  keys.cmdline = fields.read<std::string>("cmdline", read_cmdline);
  keys.disks = fields.read<std::vector<DiskKeys>>("disks", read_disks);
  keys.cid = fields.read<Cid>("cid", read_cid);
  keys.agent = fields.read<bool>("agent", read_flag);
  keys.vsock = fields.read<std::vector<PortKeys>>("vsock", read_ports);
  keys.crash_dump = fields.read<std::string>("crash_dump", read_path);
  keys.on_failure = fields.read<OnFailure>("on_failure", read_on_failure);
  keys.watchdog = fields.read<std::uint32_t>("watchdog", read_watchdog);
  keys.cpu_weight = fields.read<std::uint32_t>("cpu_weight", read_cpu_weight);
  return keys;
}

CellKeys with_defaults(CellKeys cell, const CellKeys& defaults) {
  const auto fill = [](auto& field, const auto& fallback) {
    if (!field.given) field = fallback;
  };
  fill(cell.cpus, defaults.cpus);
  fill(cell.overcommit_cpus, defaults.overcommit_cpus);
  fill(cell.memory, defaults.memory);
  fill(cell.reserve, defaults.reserve);
  fill(cell.max_memory, defaults.max_memory);
  fill(cell.huge_pages, defaults.huge_pages);
  fill(cell.shared, defaults.shared);
  fill(cell.hosted, defaults.hosted);
  fill(cell.kernel, defaults.kernel);
  fill(cell.initrd, defaults.initrd);
  fill(cell.cmdline, defaults.cmdline);
  fill(cell.agent, defaults.agent);
  fill(cell.crash_dump, defaults.crash_dump);
  fill(cell.on_failure, defaults.on_failure);
  fill(cell.watchdog, defaults.watchdog);
  fill(cell.cpu_weight, defaults.cpu_weight);
  return cell;
}

}  // namespace hive::plan

// From a node of the plan file to a value. Each function reports what is wrong with the node and
// then gives nothing. All of them look at the text alone, not at the host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/base/ids.h"
#include "vmm/plan/document.h"
#include "vmm/plan/fault.h"
#include "vmm/plan/plan.h"

namespace hive::plan {

/// What `cpus` asks for: `count` vCPUs, pinned to `host_cpus` unless that is empty.
struct CpuRequest {
  unsigned count = 1;
  std::vector<unsigned> host_cpus;
};

std::optional<std::string> read_name(const YamlNode& node, FaultList& faults);
std::optional<Role> read_role(const YamlNode& node, FaultList& faults);
/// The name of a policy that there is.
std::optional<std::string> read_policy(const YamlNode& node, FaultList& faults);
std::optional<bool> read_flag(const YamlNode& node, FaultList& faults);
std::optional<CpuRequest> read_cpus(const YamlNode& node, FaultList& faults);
/// A size of cell memory, in bytes.
std::optional<std::uint64_t> read_memory(const YamlNode& node, FaultList& faults);
/// What a cell has of its contribution for others' sections, in bytes.
std::optional<std::uint64_t> read_hosted(const YamlNode& node, FaultList& faults);
/// A size of a cell's reserve, in bytes.
std::optional<std::uint64_t> read_reserve(const YamlNode& node, FaultList& faults);
/// A size of a contribution to global memory, in bytes.
std::optional<std::uint64_t> read_shared(const YamlNode& node, FaultList& faults);
std::optional<HugePages> read_huge_pages(const YamlNode& node, FaultList& faults);
std::optional<WitnessWish> read_witness(const YamlNode& node, FaultList& faults);
std::optional<OnViolation> read_on_violation(const YamlNode& node, FaultList& faults);
std::optional<Discard> read_discard(const YamlNode& node, FaultList& faults);
std::optional<OnFailure> read_on_failure(const YamlNode& node, FaultList& faults);
/// Seconds; 0: none.
std::optional<std::uint32_t> read_watchdog(const YamlNode& node, FaultList& faults);
std::optional<std::uint32_t> read_cpu_weight(const YamlNode& node, FaultList& faults);
std::optional<Cid> read_cid(const YamlNode& node, FaultList& faults);
std::optional<std::uint32_t> read_port(const YamlNode& node, FaultList& faults);
/// Packets a second.
std::optional<std::uint32_t> read_rate(const YamlNode& node, FaultList& faults);
/// Whether faults may be injected.
std::optional<bool> read_faults(const YamlNode& node, FaultList& faults);
/// Words for a command line, without white space around them.
std::optional<std::string> read_cmdline(const YamlNode& node, FaultList& faults);
/// A path as it is written, relative or absolute.
std::optional<std::string> read_path(const YamlNode& node, FaultList& faults);

/// The size that a text which parse_size() refuses was most likely meant to be: "256MB", "256 mib",
/// "256" and "0.25GiB" are all "256MiB". Nothing when it is not clear.
std::optional<std::string> suggest_size(std::string_view text);

}  // namespace hive::plan

// From a machine's YAML text to its checked plan.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/plan/fault.h"
#include "vmm/plan/file_probe.h"
#include "vmm/plan/host_topology.h"
#include "vmm/plan/plan.h"

namespace hive::plan {

/// A plan file. `folder` is absolute: relative paths in the file start from it.
struct Source {
  std::string_view text;
  std::string folder;
};

/// The host that the machine is to run on.
struct Environment {
  const HostTopology& host;
  const FileProbe& files;
  std::string
      images;  ///< Absolute folder of built images: `kernel: debian` is in debian/ below it.
  std::string programs;  ///< Absolute folder of Hive's own programs: Wax is wax.elf in it.
};

/// The machine, or what is wrong: exactly one of the two is not empty.
struct CheckResult {
  std::optional<Machine> machine;
  std::vector<Fault> faults;  ///< All of them, by position in the file.
};

/// Checks a plan file against its format and the host. Pure but for what the environment's probe
/// does; never throws on account of the text, whatever it is.
CheckResult check_machine(const Source& source, const Environment& environment);

}  // namespace hive::plan

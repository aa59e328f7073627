#include "cellmon/control/cpu/cpu_ways.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "cellmon/control/cpu/cgroup_places.h"
#include "cellmon/control/cpu/cgroup_way.h"
#include "cellmon/control/cpu/nice_way.h"
#include "vmm/base/error.h"

namespace hive::control {
namespace {

/// Nothing where there is no such file.
std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

std::string own_cgroup() { return read_file("/proc/self/cgroup").value_or(""); }

std::optional<CgroupFolder> own_folder() {
  return find_cgroup(read_file("/proc/self/mountinfo").value_or(""), own_cgroup());
}

bool is_hierarchy(const std::string& folder) {
  struct statfs system {};
  return ::statfs(folder.c_str(), &system) == 0 && system.f_type == CGROUP2_SUPER_MAGIC;
}

/// The file of FOLDER that limits all within; empty where none does.
std::string limit_of(const std::string& folder) {
  for (const CgroupLimit& limit : cgroup_limits()) {
    const auto text = read_file(folder + "/" + std::string(limit.file));
    if (text && !text->empty() && !text->starts_with(limit.none)) {
      return folder + "/" + std::string(limit.file);
    }
  }
  return {};
}

std::unique_ptr<CpuWay> make_way(CellCgroup::Names names, const std::string& base) {
  names.base = base;
  return std::make_unique<CgroupWay>(std::make_unique<CellCgroup>(std::move(names)));
}

/// In the nearest cgroup above this process that may have groups beside processes: the root, or one
/// without processes. WHY is told where there is none.
std::unique_ptr<CpuWay> find_way(const CellCgroup::Names& names, std::string& why) {
  const auto folder = own_folder();
  if (!folder) {
    why = "no cgroup v2 hierarchy is mounted that has this process in it";
    return nullptr;
  }
  for (const std::string& base : folders_up(*folder)) {
    try {
      return make_way(names, base);
    } catch (const Error& error) {
      if (why.empty()) why = error.what();
    }
    const std::string limit = limit_of(base);
    if (limit.empty()) continue;
    why = fmt::format("groups elsewhere would escape the limit of {}", limit);
    break;
  }
  return nullptr;
}

std::unique_ptr<CpuWay> find_cgroup_way(const std::string& wish, const CellCgroup::Names& names,
                                        std::string& why) {
  if (wish == kNoCgroup) {
    why = "HIVE_CGROUP is none";
    return nullptr;
  }
  if (wish == kAnyCgroup) return find_way(names, why);
  try {
    if (is_hierarchy(wish)) return make_way(names, wish);
    why = fmt::format("HIVE_CGROUP: {} is no folder of a cgroup v2 hierarchy", wish);
  } catch (const Error& error) {
    why = fmt::format("HIVE_CGROUP: {}", error.what());
  }
  return nullptr;
}

/// Whether the kernel weighs sessions, not threads: where it makes autogroups, those of tasks that
/// are in no group of the CPU controller.
bool has_autogroups() {
  const auto enabled = read_file("/proc/sys/kernel/sched_autogroup_enabled");
  if (!enabled || !enabled->starts_with('1') || is_in_old_cpu_group(own_cgroup())) return false;
  const auto folder = own_folder();
  if (!folder) return true;
  for (const std::string& each : folders_up(*folder)) {
    if (::access((each + "/cpu.weight").c_str(), F_OK) == 0) return false;
  }
  return true;
}

}  // namespace

CpuWays find_cpu_ways(const std::string& cgroup, const plan::Machine& machine, std::size_t own) {
  CellCgroup::Names names;
  names.group = fmt::format("hive-{}-{}", ::geteuid(), machine.name);
  for (const plan::Cell& cell : machine.cells) names.cells.push_back(cell.name);
  names.own = own;
  CpuWays found;
  if (auto way = find_cgroup_way(cgroup, names, found.no_cgroup)) {
    found.no_cgroup.clear();
    found.ways.push_back(std::move(way));
  }
  if (has_autogroups()) {
    found.ways.push_back(std::make_unique<AutogroupWay>());
  } else {
    const int base = ::getpriority(PRIO_PROCESS, 0);
    found.ways.push_back(std::make_unique<NiceWay>(base, NiceWay::least_allowed()));
  }
  return found;
}

}  // namespace hive::control

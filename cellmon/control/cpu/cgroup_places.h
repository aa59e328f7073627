// Where in the host's cgroup v2 hierarchy a machine's cells could have groups of their own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hive::control {

/// The folder of the cgroup that a process is in, by its /proc/PID/mountinfo and /proc/PID/cgroup,
/// and where its hierarchy is mounted, which is a prefix of that.
struct CgroupFolder {
  std::string mount;
  std::string own;

  friend bool operator==(const CgroupFolder&, const CgroupFolder&) = default;
};

/// Nothing where no cgroup v2 hierarchy is mounted that has the process's cgroup in it.
std::optional<CgroupFolder> find_cgroup(std::string_view mountinfo, std::string_view cgroup);

/// Whether the cgroup v1 hierarchy with the controller `cpu` has the process elsewhere than in its
/// root, by its /proc/PID/cgroup.
bool is_in_old_cpu_group(std::string_view cgroup);

/// OWN and the folders above it up to the mount, nearest first.
std::vector<std::string> folders_up(const CgroupFolder& folder);

/// A limit that holds for all in a cgroup and that one that leaves it would escape.
struct CgroupLimit {
  std::string_view file;  ///< Within the cgroup's folder.
  std::string_view none;  ///< What the file begins with where there is no limit.
};
const std::vector<CgroupLimit>& cgroup_limits();

}  // namespace hive::control

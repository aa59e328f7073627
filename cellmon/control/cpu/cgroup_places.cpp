#include "cellmon/control/cpu/cgroup_places.h"

#include <algorithm>

namespace hive::control {
namespace {

/// Cuts off what is in front of the first END, and END itself; all where there is none.
std::string_view take(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

bool is_octal(char digit) { return digit >= '0' && digit <= '7'; }

/// mountinfo has blanks, tabs, line ends and backslashes as \040 and so on.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escaped = text[at] == '\\' && at + 3 < text.size() &&
                         std::all_of(&text[at + 1], &text[at + 4], is_octal);
    if (!escaped) {
      plain += text[at];
      continue;
    }
    plain += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 +
                               (text[at + 3] - '0'));
    at += 3;
  }
  return plain;
}

/// PATH without the folder BASE in front of it; nothing where it does not lie in there.
std::optional<std::string_view> within(std::string_view path, std::string_view base) {
  if (base == "/") return path == "/" ? std::string_view() : path;
  if (!path.starts_with(base)) return std::nullopt;
  path.remove_prefix(base.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  return path;
}

/// The path of the process's group in the v2 hierarchy.
std::optional<std::string_view> own_path(std::string_view cgroup) {
  while (!cgroup.empty()) {
    const std::string_view line = take(cgroup, '\n');
    if (!line.starts_with("0::/")) continue;
    const std::string_view path = line.substr(3);
    // Of another namespace, or removed: there is no such folder.
    if (path.starts_with("/..") || path.ends_with(" (deleted)")) return std::nullopt;
    return path;
  }
  return std::nullopt;
}

}  // namespace

std::optional<CgroupFolder> find_cgroup(std::string_view mountinfo, std::string_view cgroup) {
  const auto path = own_path(cgroup);
  if (!path) return std::nullopt;
  while (!mountinfo.empty()) {
    std::string_view line = take(mountinfo, '\n');
    const std::size_t separator = line.find(" - ");
    if (separator == std::string_view::npos) continue;
    if (!line.substr(separator + 3).starts_with("cgroup2 ")) continue;
    for (int field = 0; field < 3; ++field) take(line, ' ');
    const std::string root = unescape(take(line, ' '));
    const std::string mount = unescape(take(line, ' '));
    if (!root.starts_with('/') || !mount.starts_with('/')) continue;
    const auto below = within(*path, root);
    if (below) return CgroupFolder{mount, mount + std::string(*below)};
  }
  return std::nullopt;
}

bool is_in_old_cpu_group(std::string_view cgroup) {
  while (!cgroup.empty()) {
    std::string_view line = take(cgroup, '\n');
    take(line, ':');
    std::string_view controllers = take(line, ':');
    while (!controllers.empty()) {
      if (take(controllers, ',') == "cpu") return line != "/";
    }
  }
  return false;
}

std::vector<std::string> folders_up(const CgroupFolder& folder) {
  std::vector<std::string> folders;
  std::string each = folder.own;
  while (each.size() > folder.mount.size()) {
    folders.push_back(each);
    each.resize(each.rfind('/'));
  }
  folders.push_back(folder.mount);
  return folders;
}

const std::vector<CgroupLimit>& cgroup_limits() {
  static const std::vector<CgroupLimit> limits{{"memory.max", "max"},      {"memory.high", "max"},
                                               {"memory.swap.max", "max"}, {"cpu.max", "max"},
                                               {"cpu.weight", "100\n"},    {"cpu.idle", "0"},
                                               {"cpuset.cpus", "\n"},      {"cpuset.mems", "\n"}};
  return limits;
}

}  // namespace hive::control

#include "cellmon/cli/host_sysfs.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include "vmm/base/units.h"
#include "vmm/plan/cpu_list.h"

namespace hive::cli {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// The CPUs listed in the file PATH; none when it is missing or empty (a node without CPUs).
std::vector<unsigned> read_cpus(const fs::path& path) {
  std::string text = read_text(path);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return plan::parse_cpu_list(text).value_or(std::vector<unsigned>{});
}

/// The MemTotal of a meminfo file, in bytes; 0 when it has none.
std::uint64_t read_memory(const fs::path& path) {
  std::istringstream words(read_text(path));
  for (std::string word; words >> word;) {
    std::uint64_t kib = 0;
    if (word == "MemTotal:" && words >> kib) return kib * kKiB;
  }
  return 0;
}

/// 7 of "node7".
std::optional<unsigned> node_number(const std::string& name) {
  constexpr std::string_view kPrefix = "node";
  if (name.rfind(kPrefix, 0) != 0) return std::nullopt;
  unsigned number = 0;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + kPrefix.size(), end, number);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<plan::HostTopology> sysfs_topology(const fs::path& root) {
  plan::HostTopology topology;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root / "sys/devices/system/node", error)) {
    const auto number = node_number(entry.path().filename());
    if (!number) continue;
    topology.nodes.push_back(
        {*number, read_cpus(entry.path() / "cpulist"), read_memory(entry.path() / "meminfo")});
  }
  std::sort(topology.nodes.begin(), topology.nodes.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  if (topology.nodes.empty()) {
    topology.nodes.push_back(
        {0, read_cpus(root / "sys/devices/system/cpu/online"), read_memory(root / "proc/meminfo")});
  }
  if (topology.cpus().empty() || topology.memory() == 0) return std::nullopt;
  return topology;
}

}  // namespace hive::cli

#include "cellmon/cli/check_file.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "cellmon/cli/host_files.h"
#include "cellmon/cli/host_topology.h"
#include "cellmon/cli/read_plan.h"

namespace hive::cli {

namespace fs = std::filesystem;

std::string images_folder() {
  const char* chosen = std::getenv("HIVE_IMAGES");
  if (chosen != nullptr && *chosen != '\0') return fs::absolute(chosen);
  // build/PRESET/bin/hive -> build/images
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path().parent_path() / "images";
}

plan::CheckResult check_plan(const std::string& path) {
  const std::string text = read_plan(path);
  const fs::path programs = fs::read_symlink("/proc/self/exe").parent_path();
  const KnownTopology host = host_topology();
  const HostFileProbe files;
  return plan::check_machine({text, fs::absolute(path).parent_path()},
                             {host.topology, files, images_folder(), programs});
}

std::optional<plan::Machine> check_file(const std::string& path) {
  plan::CheckResult result = check_plan(path);
  for (const plan::Fault& fault : result.faults) {
    fmt::print(stderr, "{}\n", describe(fault, path));
  }
  return std::move(result.machine);
}

}  // namespace hive::cli

#include "cellmon/cli/check_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cellmon/cli/host_files.h"
#include "cellmon/cli/host_topology.h"
#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"
#include "vmm/plan/limits.h"

namespace hive::cli {
namespace {

namespace fs = std::filesystem;

/// The beginning of the file: one byte more than a plan may have, at most.
std::string read_plan(const std::string& path) {
  const auto refuse = [&](int error) {
    throw Error(fmt::format("cannot read {}: {}; name the YAML file of a machine", path,
                            std::strerror(error)),
                Error::Kind::kUsage);
  };
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) refuse(errno);
  std::string text(plan::kMaxFileSize + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace

std::string images_folder() {
  const char* chosen = std::getenv("HIVE_IMAGES");
  if (chosen != nullptr && *chosen != '\0') return fs::absolute(chosen);
  // build/PRESET/bin/hive -> build/images
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path().parent_path() / "images";
}

plan::CheckResult check_plan(const std::string& path) {
  const std::string text = read_plan(path);
  const KnownTopology host = host_topology();
  const HostFileProbe files;
  return plan::check_machine({text, fs::absolute(path).parent_path()},
                             {host.topology, files, images_folder()});
}

std::optional<plan::Machine> check_file(const std::string& path) {
  plan::CheckResult result = check_plan(path);
  for (const plan::Fault& fault : result.faults) {
    fmt::print(stderr, "{}\n", describe(fault, path));
  }
  return std::move(result.machine);
}

}  // namespace hive::cli

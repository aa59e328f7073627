#include "guests/sdk/events/uio_driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>

#include "vmm/base/unique_fd.h"

namespace hive::sdk {
namespace {

constexpr const char* kDriver = "uio_pci_generic";

/// The one entry of FOLDER that starts with "uio".
std::optional<std::string> uio_in(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), &::closedir);
  if (!listing) return std::nullopt;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name.substr(0, 3) == "uio") return std::string(name);
  }
  return std::nullopt;
}

bool write_file(const std::string& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

void load_module() {
  std::string program = "modprobe";
  std::string quiet = "-q";
  std::string module = kDriver;
  char* arguments[] = {program.data(), quiet.data(), module.data(), nullptr};
  char path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
  char* environment[] = {path, nullptr};
  for (const char* place : {"/sbin/modprobe", "/usr/sbin/modprobe", "/bin/modprobe"}) {
    pid_t child = 0;
    if (::posix_spawn(&child, place, nullptr, nullptr, arguments, environment) != 0) continue;
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return;
  }
}

}  // namespace

Result<std::string> find_uio(const DevicePaths& paths, const std::string& function) {
  const std::string folder = paths.functions + "/" + function;
  if (auto found = uio_in(folder + "/uio")) return *found;
  const Failure none{HIVE_NOT_FOUND, "PCI function " + function + " has no UIO device"};
  // A driver that has the function already keeps it.
  if (::access((folder + "/driver").c_str(), F_OK) == 0) return none;
  if (!write_file(folder + "/driver_override", kDriver)) return none;
  if (::access((paths.pci_bus + "/drivers/" + kDriver).c_str(), F_OK) != 0) load_module();
  // Another process may have been faster: what counts is whether the device is there.
  (void)write_file(paths.pci_bus + "/drivers_probe", function);
  if (auto found = uio_in(folder + "/uio")) return *found;
  return none;
}

}  // namespace hive::sdk

#include "guests/sdk/events/uio_driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "vmm/base/unique_fd.h"

namespace hive::sdk {
namespace {

constexpr const char* kDriver = "uio_pci_generic";
constexpr std::chrono::milliseconds kBetweenChildLooks{1};  ///< At a modprobe that runs.

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

}  // namespace

UioDriver::~UioDriver() {
  if (modprobe_ == 0) return;
  ::kill(modprobe_, SIGKILL);
  // In the midst of a system call it may take its time, which nobody has here.
  (void)await_modprobe(Clock::now());
}

void UioDriver::start_modprobe() {
  std::string program = "modprobe";
  std::string quiet = "-q";
  std::string module = kDriver;
  char* arguments[] = {program.data(), quiet.data(), module.data(), nullptr};
  char path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
  char* environment[] = {path, nullptr};
  for (const std::string& place : paths_.modprobe) {
    if (::posix_spawn(&modprobe_, place.c_str(), nullptr, nullptr, arguments, environment) == 0) {
      return;
    }
    modprobe_ = 0;
  }
}

/// False: it still runs at END.
bool UioDriver::await_modprobe(Clock::time_point end) {
  while (modprobe_ != 0) {
    const pid_t ended = ::waitpid(modprobe_, nullptr, WNOHANG);
    if (ended == modprobe_ || (ended < 0 && errno != EINTR)) {
      modprobe_ = 0;
    } else if (const auto now = Clock::now(); now >= end) {
      return false;
    } else {
      std::this_thread::sleep_for(std::min<Clock::duration>(kBetweenChildLooks, end - now));
    }
  }
  return true;
}

Result<std::string> UioDriver::find(Clock::time_point end) {
  const std::string folder = paths_.functions + "/" + function_;
  const std::string override = folder + "/driver_override";
  if (auto found = uio_in(folder + "/uio")) return *found;
  const Failure none{HIVE_NOT_FOUND, "PCI function " + function_ + " has no UIO device"};
  // A driver that has the function already keeps it.
  if (::access((folder + "/driver").c_str(), F_OK) == 0) return none;
  const std::string driver = paths_.pci_bus + "/drivers/" + kDriver;
  if (modprobe_ == 0) {
    if (!write_file(override, kDriver)) return none;
    if (::access(driver.c_str(), F_OK) != 0) start_modprobe();
  }
  if (!await_modprobe(end)) {
    return Failure{HIVE_DEADLINE, std::string(kDriver) + " is still being loaded"};
  }
  // Another process may have been faster: what counts is whether the device is there.
  (void)write_file(paths_.pci_bus + "/drivers_probe", function_);
  if (auto found = uio_in(folder + "/uio")) return *found;
  // Another driver may have it.
  (void)write_file(override, "\n");
  return none;
}

}  // namespace hive::sdk

#include "guests/agent/power.h"

#include <mntent.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace hive::agent {
namespace {

bool systemd_runs() { return ::access("/run/systemd/system", F_OK) == 0; }

/// Runs systemctl VERB. Whether it could be run and succeeded.
bool systemctl(const char* verb) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execlp("systemctl", "systemctl", "--no-block", verb, nullptr);
    ::_exit(127);
  }
  int status = 0;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

/// Makes every file system on a device read-only, the last mounted first, so that the next boot
/// finds it clean. One that is being written to stays as it is.
void seal_file_systems() {
  std::vector<std::string> folders;
  if (FILE* mounts = ::setmntent("/proc/self/mounts", "r")) {
    while (const mntent* entry = ::getmntent(mounts)) {
      if (std::string_view(entry->mnt_fsname).substr(0, 5) == "/dev/") {
        folders.emplace_back(entry->mnt_dir);
      }
    }
    ::endmntent(mounts);
  }
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    ::mount(nullptr, folder->c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
  }
}

void end(const char* verb, int how) {
  if (systemd_runs() && systemctl(verb)) return;
  ::sync();
  seal_file_systems();
  ::reboot(how);
}

}  // namespace

void power_off() { end("poweroff", RB_POWER_OFF); }

void reboot() { end("reboot", RB_AUTOBOOT); }

}  // namespace hive::agent

#include "cellmon/control/child_process.h"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace hive::control {

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), reaped_(other.reaped_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    reaped_ = other.reaped_;
  }
  return *this;
}

void ChildProcess::kill() const {
  if (pid_ > 0 && !reaped_) ::kill(pid_, SIGKILL);
}

std::optional<int> ChildProcess::try_reap() {
  int status = 0;
  if (pid_ <= 0 || reaped_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  reaped_ = true;
  return status;
}

void ChildProcess::end() {
  if (pid_ <= 0 || reaped_) return;
  kill();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
}

}  // namespace hive::control

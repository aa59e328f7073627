#include "cellmon/cli/signal_fd.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "vmm/base/error.h"

namespace hive::cli {

SignalFd::SignalFd(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw_errno("cannot wait for signals");
}

SignalFd::~SignalFd() {
  while (take() != 0) {
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

int SignalFd::take() const {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof(info)) != sizeof(info)) return 0;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace hive::cli

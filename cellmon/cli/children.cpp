#include "cellmon/cli/children.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "vmm/base/unique_fd.h"

namespace hive::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// How long a process may take to end that was killed.
constexpr milliseconds kReapLimit{5'000};

/// One wish to end can come as several signals: `timeout` signals its child and then its process
/// group. Those that come this soon are no second wish.
constexpr milliseconds kOneWish{250};

struct Child {
  pid_t pid;
  UniqueFd pidfd;
};

/// Removes those from CHILDREN that end, until none is left, DEADLINE, or a signal that is a wish
/// of its own.
void await_some(std::vector<Child>& children, steady_clock::time_point deadline,
                const SignalFd* signals) {
  const auto deaf_until = steady_clock::now() + kOneWish;
  while (true) {
    std::erase_if(children,
                  [](const Child& child) { return ::waitpid(child.pid, nullptr, WNOHANG) != 0; });
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (children.empty() || left.count() <= 0) return;
    std::vector<pollfd> entries{{signals == nullptr ? -1 : signals->fd(), POLLIN, 0}};
    for (const Child& child : children) entries.push_back({child.pidfd.get(), POLLIN, 0});
    ::poll(entries.data(), entries.size(), static_cast<int>(left.count()));
    if (signals != nullptr && signals->take() != 0 && steady_clock::now() >= deaf_until) return;
  }
}

}  // namespace

std::size_t await_children(const std::vector<pid_t>& pids, milliseconds limit,
                           const SignalFd& signals) {
  std::vector<Child> children;
  children.reserve(pids.size());
  for (const pid_t pid : pids) {
    children.push_back({pid, UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)))});
  }
  await_some(children, steady_clock::now() + limit, &signals);
  const std::size_t killed = children.size();
  for (const Child& child : children) ::kill(child.pid, SIGKILL);
  await_some(children, steady_clock::now() + kReapLimit, nullptr);
  return killed;
}

}  // namespace hive::cli

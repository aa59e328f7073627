#include "cellmon/wire/monitor_process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <vector>

#include "cellmon/wire/local_socket.h"
#include "vmm/base/descriptors.h"
#include "vmm/base/error.h"

namespace hive::wire {
namespace {

enum Slot : int { kPlan = 3, kReady, kHeritage, kSlots };

/// A file in memory that holds TEXT and is at its start.
UniqueFd memory_file(const std::string& text) {
  UniqueFd fd(::memfd_create("hive-plan", MFD_CLOEXEC));
  if (!fd) throw_errno("cannot make a memory file");
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw_errno("cannot write a memory file");
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

/// What the child needs, which may not allocate. The descriptors are above the slots.
struct ChildPlan {
  const char* program = nullptr;
  std::vector<char*> argv;
  int plan = -1;
  int ready = -1;
  int heritage = -1;
};

[[noreturn]] void become_monitor(const ChildPlan& child) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  if (::dup2(child.plan, kPlan) < 0 || ::dup2(child.ready, kReady) < 0) ::_exit(126);
  if (child.heritage >= 0 && ::dup2(child.heritage, kHeritage) < 0) ::_exit(126);
  const int first_unused = child.heritage >= 0 ? kSlots : kHeritage;
  ::syscall(SYS_close_range, first_unused, ~0U, 0);
  ::execv(child.program, child.argv.data());
  const std::string_view why = "{\"error\": \"it cannot be executed\"}\n";
  if (::write(kReady, why.data(), why.size()) < 0) ::_exit(126);
  ::_exit(127);
}

/// The process between this one and an orphan, which ends at once.
[[noreturn]] void leave_orphan(const ChildPlan& child) {
  const pid_t pid = ::fork();
  if (pid == 0) become_monitor(child);
  ::_exit(pid < 0 ? 1 : 0);
}

std::vector<std::string> words_of(const MonitorStart& start) {
  std::vector<std::string> words{"hive-cellmon", "--plan-fd", std::to_string(kPlan)};
  const auto add = [&words](const char* option, std::string value) {
    words.emplace_back(option);
    words.push_back(std::move(value));
  };
  add("--ready-fd", std::to_string(kReady));
  add("--cell", std::to_string(start.index));
  add("--run-dir", start.run_dir);
  add("--life", std::to_string(start.life));
  if (!start.vmm.empty()) add("--vmm", start.vmm);
  if (start.heritage >= 0) add("--heritage-fd", std::to_string(kHeritage));
  return words;
}

void await_intermediate(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw_errno("cannot wait for a process");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw Error("cannot start a process");
}

}  // namespace

StartedMonitor start_monitor(const MonitorStart& start) {
  if (::access(start.program.c_str(), X_OK) != 0) throw_errno("cannot execute " + start.program);
  const UniqueFd plan = copy_fd(memory_file(start.plan).get(), kSlots);
  const UniqueFd heritage = start.heritage >= 0 ? copy_fd(start.heritage, kSlots) : UniqueFd();
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  StartedMonitor monitor{-1, UniqueFd(pipe[0])};
  const UniqueFd write_end(pipe[1]);
  const UniqueFd ready = copy_fd(write_end.get(), kSlots);
  std::vector<std::string> words = words_of(start);
  ChildPlan child{start.program.c_str(), {}, plan.get(), ready.get(), heritage.get()};
  for (std::string& word : words) child.argv.push_back(word.data());
  child.argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw_errno("cannot start a process");
  if (pid == 0 && start.is_orphan) leave_orphan(child);
  if (pid == 0) become_monitor(child);
  if (start.is_orphan) {
    await_intermediate(pid);
  } else {
    monitor.pid = pid;
  }
  return monitor;
}

void kill_monitor(const std::string& name, int type) {
  const UniqueFd socket = connect_abstract(name, type | SOCK_NONBLOCK);
  if (!socket) return;
  const UniqueFd process = open_peer_process(socket.get());
  kill_process(process.get());
}

void kill_process(int process) {
  if (process >= 0) (void)::syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0);
}

}  // namespace hive::wire

#include "cellmon/control/launch.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <vector>

#include "vmm/base/descriptors.h"
#include "vmm/base/error.h"
#include "vmm/cell/monitor_protocol.h"

namespace hive::control {
namespace {

// The VMM's descriptors. kExecError closes when the program is executed. What global memory and
// vsock need comes from kMore on.
enum Slot : int {
  kMonitor = 3,
  kSerial,
  kConsole,
  kAgent,
  kExecError,
  kGlobal,
  kVsock,
  kProgress,
  kPolicy,
  kMore
};

/// What goes into each slot, from 0 on; -1: nothing.
using Slots = std::vector<int>;

struct Ends {
  UniqueFd ours;
  UniqueFd theirs;
};

Ends make_socket_pair(int type) {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    throw_errno("cannot make a socket pair");
  }
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Ends make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/// What the child needs between fork and exec, where it may not allocate.
struct ChildPlan {
  const char* program = nullptr;
  std::array<char*, 4> argv{};
  std::vector<char*> environment;
  Slots fds;
  pid_t parent = 0;
};

/// The log's level and the options for sanitizers: a VMM is told nothing else of its caller's.
std::vector<char*> vmm_environment() {
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    const bool level = name == "HIVE_LOG" && text.size() > name.size() + 1;
    if (level || name.find("SAN_OPTIONS") != std::string_view::npos) {
      kept.push_back(*entry);
    }
  }
  kept.push_back(nullptr);
  return kept;
}

void reset_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGHUP, SIGINT, SIGTERM}) ::signal(number, SIG_DFL);
}

[[noreturn]] void fail_exec(int error_fd) {
  const int error = errno;
  if (::write(error_fd, &error, sizeof(error)) < 0) ::_exit(126);
  ::_exit(127);
}

/// The child's part: never returns. FDS are above the slots, so that filling one slot cannot
/// overwrite another's source.
[[noreturn]] void become_vmm(ChildPlan& plan) {
  const int error_fd = plan.fds[kExecError];
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail_exec(error_fd);
  if (::getppid() != plan.parent) ::_exit(1);  // It died before the line above.
  ::setsid();  // The kernel may weigh sessions against each other: the monitor is in another one.
  reset_signals();
  int slot = 0;
  for (const int source : plan.fds) {
    if (source < 0) {
      ::close(slot);
    } else if (::dup3(source, slot, slot == kExecError ? O_CLOEXEC : 0) < 0) {
      fail_exec(error_fd);
    }
    ++slot;
  }
  ::syscall(SYS_close_range, static_cast<unsigned>(slot), ~0U, 0);
  ::execve(plan.program, plan.argv.data(), plan.environment.data());
  fail_exec(kExecError);
}

/// Forks and executes; the child. Throws Error.
ChildProcess spawn(const std::string& program, Slots fds) {
  Ends exec_error = make_pipe();
  fds[kExecError] = exec_error.theirs.get();
  std::vector<UniqueFd> copies;
  for (int& fd : fds) {
    if (fd < 0) continue;
    copies.push_back(copy_fd(fd, static_cast<int>(fds.size())));
    fd = copies.back().get();
  }
  ChildPlan plan;
  plan.fds = std::move(fds);
  std::string name = "hive-vmm";
  std::string option = "--monitor";
  std::string number = std::to_string(kMonitor);
  plan.program = program.c_str();
  plan.argv = {name.data(), option.data(), number.data(), nullptr};
  plan.environment = vmm_environment();
  plan.parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw_errno("cannot start a process");
  if (pid == 0) become_vmm(plan);
  ChildProcess child(pid);
  exec_error.theirs.reset();
  copies.clear();
  int error = 0;
  ssize_t size = 0;
  do {
    size = ::read(exec_error.ours.get(), &error, sizeof(error));
  } while (size < 0 && errno == EINTR);
  if (size == sizeof(error)) throw_errno("cannot execute " + program, error);
  return child;
}

UniqueFd open_autogroup(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/autogroup";
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
}

/// Gives the descriptor that NUMBER names the next slot, and NUMBER that slot's.
void place(int& number, Slots& slots) {
  if (number < 0) return;
  slots.push_back(number);
  number = static_cast<int>(slots.size()) - 1;
}

void place(cell::GlobalConfig& global, Slots& slots) {
  for (cell::Contribution& each : global.contributions) {
    place(each.file, slots);
    for (int& doorbell : each.doorbells) place(doorbell, slots);
  }
}

void place(cell::VsockConfig& vsock, Slots& slots) {
  for (cell::VsockPeerConfig& peer : vsock.peers) {
    for (cell::RingConfig* ring : {&peer.out, &peer.in}) {
      place(ring->file, slots);
      place(ring->data, slots);
      place(ring->space, slots);
    }
  }
}

}  // namespace

LaunchedVmm launch_vmm(const std::string& program, cell::CellConfig config, bool with_agent,
                       int kept) {
  Ends monitor = make_socket_pair(SOCK_SEQPACKET);
  Ends serial = make_socket_pair(SOCK_STREAM);
  Ends console = make_socket_pair(SOCK_STREAM);
  Ends agent = with_agent ? make_socket_pair(SOCK_STREAM) : Ends{};
  Ends global = config.global ? make_socket_pair(SOCK_SEQPACKET) : Ends{};
  Ends vsock = config.vsock ? make_socket_pair(SOCK_SEQPACKET) : Ends{};
  Ends policy = config.policy ? make_socket_pair(SOCK_SEQPACKET) : Ends{};
  Ends output = make_pipe();
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) throw_errno("cannot open /dev/null");

  config.serial_fd = kSerial;
  config.console_fd = kConsole;
  config.agent_fd = with_agent ? int{kAgent} : -1;
  Slots slots{null.get(),          output.theirs.get(),  output.theirs.get(), monitor.theirs.get(),
              serial.theirs.get(), console.theirs.get(), agent.theirs.get(),  -1,
              global.theirs.get(), vsock.theirs.get(),   config.progress_fd,  policy.theirs.get()};
  if (config.progress_fd >= 0) config.progress_fd = kProgress;
  if (config.global) {
    config.global->link = kGlobal;
    place(*config.global, slots);
  }
  if (config.vsock) {
    config.vsock->link = kVsock;
    place(*config.vsock, slots);
  }
  if (config.policy) {
    config.policy->link = kPolicy;
    for (int& page : config.policy->pages) place(page, slots);
  }
  place(kept, slots);
  const std::string packet = to_json(config);
  if (packet.size() > cell::kMaxMessage) throw Error("the cell's configuration is too long");
  LaunchedVmm vmm;
  vmm.child = spawn(program, std::move(slots));
  // It waits for its configuration. Later the file is root's, as that of a process that may not be
  // looked into.
  vmm.autogroup = open_autogroup(vmm.child.pid());
  if (::send(monitor.ours.get(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0) {
    throw_errno("cannot send the VMM its configuration");
  }
  vmm.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, vmm.child.pid(), 0)));
  if (!vmm.pidfd) throw_errno("cannot watch the VMM");
  vmm.monitor = std::move(monitor.ours);
  vmm.serial = std::move(serial.ours);
  vmm.console = std::move(console.ours);
  vmm.agent = std::move(agent.ours);
  vmm.global = std::move(global.ours);
  vmm.vsock = std::move(vsock.ours);
  vmm.policy = std::move(policy.ours);
  vmm.output = std::move(output.ours);
  return vmm;
}

}  // namespace hive::control

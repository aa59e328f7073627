#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "tests/kvm/firewall/rogue/ways.h"
#include "vmm/kvm/uapi.h"

namespace hive::test {
namespace {

/// A copy of this process that writes, where the copy's mapping is not protected.
int write_in_copy(const Target& target, long child) {
  if (child < 0) return errno;
  if (child == 0) {
    *target.page = kMark;
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(static_cast<pid_t>(child), &status, 0);
  return 0;
}

int fork_after_dofork(const Target& target) {
  const int advised =
      outcome(::madvise(target.contribution.data(), target.contribution.size(), MADV_DOFORK));
  return advised != 0 ? advised : write_in_copy(target, ::fork());
}
int fork_as_it_is(const Target& /*target*/) {
  const long child = ::syscall(SYS_fork);
  if (child == 0) ::_exit(0);
  return outcome(child);
}
int clone_process(const Target& /*target*/) {
  const long child = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) ::_exit(0);
  return outcome(child);
}
int clone_process_newly(const Target& /*target*/) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  const long child = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) ::_exit(0);
  return outcome(child);
}
int start_thread(const Target& /*target*/) {
  pthread_t thread{};
  return ::pthread_create(
      &thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr);
}
int execute(const Target& /*target*/) {
  return outcome(::execl("/nonexistent", "nonexistent", nullptr));
}
int trace(const Target& /*target*/) { return outcome(::ptrace(PTRACE_SEIZE, ::getppid(), 0, 0)); }
int open_process(const Target& /*target*/) {
  return outcome(::syscall(SYS_pidfd_open, ::getppid(), 0));
}
int take_descriptor(const Target& /*target*/) {
  return outcome(::syscall(SYS_pidfd_getfd, -1, 0, 0));
}
int signal_parent(const Target& /*target*/) { return outcome(::kill(::getppid(), 0)); }
int signal_parents_thread(const Target& /*target*/) {
  const pid_t parent = ::getppid();
  return outcome(::syscall(SYS_tgkill, parent, parent, 0));
}
int limit_parent(const Target& /*target*/) {
  rlimit limit{};
  return outcome(::prlimit(::getppid(), RLIMIT_NOFILE, nullptr, &limit));
}
int outlive_monitor(const Target& /*target*/) { return outcome(::prctl(PR_SET_PDEATHSIG, 0)); }
int be_looked_into(const Target& /*target*/) { return outcome(::prctl(PR_SET_DUMPABLE, 1)); }
int open_file(const Target& /*target*/) { return outcome(::open("/dev/null", O_RDWR)); }
int open_file_newly(const Target& /*target*/) {
  open_how how{};
  how.flags = O_RDONLY;
  return outcome(::syscall(SYS_openat2, AT_FDCWD, "/dev/null", &how, sizeof how));
}
int open_by_ring(const Target& target) {
  io_uring_sqe& entry = target.ring->prepare();
  ::io_uring_prep_openat(&entry, AT_FDCWD, "/dev/null", O_RDWR, 0);
  target.ring->submit();
  target.ring->wait();
  const int result = target.ring->take()->result;
  return result < 0 ? -result : 0;
}
int make_file(const Target& /*target*/) { return outcome(::memfd_create("rogue", 0)); }
int make_socket(const Target& /*target*/) { return outcome(::socket(AF_UNIX, SOCK_STREAM, 0)); }
int make_sockets(const Target& /*target*/) {
  std::array<int, 2> ends{};
  return outcome(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()));
}
/// To the monitor, say, in the place of the one that it has, or to an accomplice.
int give_guard_away(const Target& target) {
  int guard = kept_guard(target);
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof guard)> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof guard);
  std::memcpy(CMSG_DATA(header), &guard, sizeof guard);
  return outcome(::sendmsg(target.socket, &message, MSG_NOSIGNAL));
}
int connect_socket(const Target& /*target*/) { return outcome(::connect(-1, nullptr, 0)); }
int bind_socket(const Target& /*target*/) { return outcome(::bind(-1, nullptr, 0)); }
int make_machine(const Target& /*target*/) {
  return with_each_descriptor([](int fd) { return outcome(::ioctl(fd, KVM_CREATE_VM, 0)); });
}
int make_vcpu(const Target& /*target*/) {
  return with_each_descriptor([](int fd) { return outcome(::ioctl(fd, KVM_CREATE_VCPU, 60)); });
}
int leave_namespace(const Target& /*target*/) { return outcome(::unshare(CLONE_FS)); }
int add_filter(const Target& /*target*/) { return outcome(::syscall(SYS_seccomp, 99, 0, nullptr)); }

/// getpid() as 32-bit programs call it.
int call_as_32_bit(const Target& /*target*/) {
  long result = 20;
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result < 0 ? static_cast<int>(-result) : 0;
}
int call_as_x32(const Target& /*target*/) {
  constexpr long kX32 = 0x4000'0000;
  return outcome(::syscall(kX32 | SYS_getpid));
}

constexpr std::array kWays{
    Attempt{"fork after MADV_DOFORK", Unconfined::kWrites, Confined::kRefused, fork_after_dofork},
    Attempt{"fork", Unconfined::kSucceeds, Confined::kRefused, fork_as_it_is},
    Attempt{"clone", Unconfined::kSucceeds, Confined::kRefused, clone_process},
    Attempt{"clone3", Unconfined::kSucceeds, Confined::kRefused, clone_process_newly},
    Attempt{"thread", Unconfined::kSucceeds, Confined::kRefused, start_thread},
    Attempt{"execve", Unconfined::kVaries, Confined::kRefused, execute},
    Attempt{"ptrace", Unconfined::kVaries, Confined::kRefused, trace},
    Attempt{"pidfd_open", Unconfined::kSucceeds, Confined::kRefused, open_process},
    Attempt{"pidfd_getfd", Unconfined::kVaries, Confined::kRefused, take_descriptor},
    Attempt{"signal the monitor", Unconfined::kSucceeds, Confined::kRefused, signal_parent},
    Attempt{"tgkill the monitor", Unconfined::kSucceeds, Confined::kRefused, signal_parents_thread},
    Attempt{"prlimit of the monitor", Unconfined::kSucceeds, Confined::kRefused, limit_parent},
    Attempt{"outlive the monitor", Unconfined::kSucceeds, Confined::kRefused, outlive_monitor},
    Attempt{"become dumpable", Unconfined::kSucceeds, Confined::kRefused, be_looked_into},
    Attempt{"open", Unconfined::kSucceeds, Confined::kRefused, open_file},
    Attempt{"openat2", Unconfined::kSucceeds, Confined::kRefused, open_file_newly},
    Attempt{"open by a disk's ring", Unconfined::kVaries, Confined::kRefused, open_by_ring},
    Attempt{"memfd_create", Unconfined::kSucceeds, Confined::kRefused, make_file},
    Attempt{"socket", Unconfined::kSucceeds, Confined::kRefused, make_socket},
    Attempt{"socketpair", Unconfined::kSucceeds, Confined::kRefused, make_sockets},
    Attempt{"give the guard away", Unconfined::kSucceeds, Confined::kRefused, give_guard_away},
    Attempt{"connect", Unconfined::kVaries, Confined::kRefused, connect_socket},
    Attempt{"bind", Unconfined::kVaries, Confined::kRefused, bind_socket},
    Attempt{"KVM_CREATE_VM", Unconfined::kSucceeds, Confined::kRefused, make_machine},
    Attempt{"KVM_CREATE_VCPU", Unconfined::kSucceeds, Confined::kRefused, make_vcpu},
    Attempt{"unshare", Unconfined::kSucceeds, Confined::kRefused, leave_namespace},
    Attempt{"seccomp", Unconfined::kVaries, Confined::kRefused, add_filter},
    Attempt{"a 32-bit program's call", Unconfined::kVaries, Confined::kDies, call_as_32_bit},
    Attempt{"an x32 program's call", Unconfined::kVaries, Confined::kDies, call_as_x32},
};

}  // namespace

std::span<const Attempt> process_ways() { return kWays; }

}  // namespace hive::test

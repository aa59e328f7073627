#include "vmm/cell/sandbox_rules.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <initializer_list>

#include "vmm/base/sanitized.h"
#include "vmm/kvm/uapi.h"
#include "vmm/memory/guest_memory.h"

namespace hive::cell {
namespace {

using Kind = ArgumentTest::Kind;

ArgumentTest equals(unsigned argument, std::uint64_t value) {
  return {argument, Kind::kMasked, ~std::uint64_t{0}, value};
}
ArgumentTest at_most(unsigned argument, std::uint64_t value) {
  return {argument, Kind::kAtMost, 0, value};
}
/// VALUE, and any of the bits in FREE.
ArgumentTest only(unsigned argument, std::uint64_t value, std::uint64_t free) {
  return {argument, Kind::kMasked, ~free, value};
}

void allow(std::vector<SandboxRule>& rules, std::initializer_list<int> calls) {
  for (const int call : calls) rules.push_back({call, {}});
}

void allow_kvm(std::vector<SandboxRule>& rules) {
  // Memory slots may change: they only show the guest what this process has mapped, as protected as
  // it is there.
  for (const std::uint64_t request :
       std::initializer_list<std::uint64_t>{KVM_RUN,
                                            KVM_GET_REGS,
                                            KVM_SET_REGS,
                                            KVM_GET_SREGS,
                                            KVM_SET_SREGS,
                                            KVM_GET_VCPU_EVENTS,
                                            KVM_SET_VCPU_EVENTS,
                                            KVM_GET_DEBUGREGS,
                                            KVM_SET_DEBUGREGS,
                                            KVM_SET_GUEST_DEBUG,
                                            KVM_TRANSLATE,
                                            KVM_GET_MSRS,
                                            KVM_X86_SET_MCE,
                                            KVM_GET_MP_STATE,
                                            KVM_SET_MP_STATE,
                                            KVM_NMI,
                                            KVM_KVMCLOCK_CTRL,
                                            KVM_IOEVENTFD,
                                            KVM_IRQFD,
                                            KVM_SET_GSI_ROUTING,
                                            KVM_SET_USER_MEMORY_REGION}) {
    rules.push_back({SYS_ioctl, {equals(1, request)}});
  }
}

void allow_transfers(std::vector<SandboxRule>& rules) {
  allow(rules,
        {SYS_read, SYS_write, SYS_futex, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev,
         SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_ctl,
         SYS_poll, SYS_ppoll, SYS_io_uring_enter, SYS_timerfd_settime, SYS_recvmsg});
  // Of a crash dump: what of a guest's memory was ever touched, and what came of writing.
  rules.push_back({SYS_lseek, {equals(2, SEEK_DATA)}});
  allow(rules, {SYS_fsync});
  // No sendmsg(2): it gives descriptors away, as of a guard. Sockets are connected: they need no
  // address, and where one went astray it is refused.
  rules.push_back({SYS_sendto, {equals(4, 0)}});
  rules.push_back({SYS_recvfrom, {equals(4, 0)}});
  // A guest closes its streams to the host by halves.
  rules.push_back({SYS_shutdown, {at_most(1, SHUT_RDWR)}});
  rules.push_back({SYS_getsockopt, {equals(1, SOL_SOCKET), equals(2, SO_TYPE)}});
}

/// Giving the guest's own RAM back to the host. Of other memory, such as a home's, that would be a
/// write which no firewall sees; none is within reach of a call that begins in the RAM's span.
void allow_release(std::vector<SandboxRule>& rules, const Range& ram) {
  rules.push_back({SYS_madvise,
                   {{0, Kind::kMasked, ~(ram.size - 1), ram.start},
                    at_most(1, memory::GuestMemory::kMostReleased),
                    equals(2, MADV_REMOVE)}});
}

/// What the C library does by itself.
void allow_library(std::vector<SandboxRule>& rules, const SandboxBounds& bounds) {
  allow(rules, {SYS_sched_yield, SYS_clock_gettime, SYS_gettimeofday, SYS_time, SYS_clock_nanosleep,
                SYS_nanosleep, SYS_restart_syscall, SYS_rt_sigreturn, SYS_rt_sigprocmask,
                SYS_rt_sigaction, SYS_getpid, SYS_gettid, SYS_getrandom, SYS_brk, SYS_munmap,
                SYS_fstat, SYS_exit, SYS_exit_group});
  rules.push_back({SYS_tgkill, {equals(0, bounds.process)}});
  // A thread's first steps, when it has only just been started.
  allow(rules, {SYS_rseq, SYS_set_robust_list});
  // New memory, never at a place that is taken.
  rules.push_back({SYS_mmap,
                   {at_most(2, PROT_READ | PROT_WRITE),
                    only(3, MAP_PRIVATE | MAP_ANONYMOUS, MAP_NORESERVE | MAP_STACK)}});
  rules.push_back({SYS_mprotect, {at_most(2, PROT_READ | PROT_WRITE)}});
}

void allow_descriptors(std::vector<SandboxRule>& rules, const SandboxBounds& bounds) {
  const int last = bounds.first_kept ? *bounds.first_kept - 1 : 0x7fff'ffff;
  const ArgumentTest own = at_most(0, static_cast<std::uint64_t>(std::max(last, 0)));
  // A kept guard must not be closed; nor may its flags change, which it has in common with the copy
  // that home's monitor reads from and must not wait for. So have a ring's events with the copies
  // of another cell's VMM.
  rules.push_back({SYS_close, {own}});
  rules.push_back({SYS_ioctl, {own, equals(1, FIONBIO)}});
  rules.push_back({SYS_fcntl, {equals(1, F_GETFL)}});
  // Direct I/O would write to pages past a revoke.
  constexpr std::uint64_t kKernelsLargeFile = 0100000;
  rules.push_back({SYS_fcntl,
                   {own, equals(1, F_SETFL),
                    only(2, 0, O_ACCMODE | O_APPEND | O_NONBLOCK | kKernelsLargeFile)}});
  rules.push_back({SYS_ioctl, {equals(1, UFFDIO_WAKE)}});
  allow(rules, {SYS_eventfd2});
}

#ifdef HIVE_SANITIZED
/// A sanitizer's runtime keeps its books in fixed places, reads /proc and starts helpers.
void allow_sanitizer(std::vector<SandboxRule>& rules) {
  allow(rules, {SYS_mmap,
                SYS_mremap,
                SYS_madvise,
                SYS_mprotect,
                SYS_clone,
                SYS_clone3,
                SYS_fork,
                SYS_vfork,
                SYS_execve,
                SYS_wait4,
                SYS_ptrace,
                SYS_prctl,
                SYS_arch_prctl,
                SYS_open,
                SYS_openat,
                SYS_close,
                SYS_readlink,
                SYS_readlinkat,
                SYS_stat,
                SYS_newfstatat,
                SYS_lseek,
                SYS_getppid,
                SYS_getdents64,
                SYS_pipe,
                SYS_pipe2,
                SYS_dup,
                SYS_dup2,
                SYS_sched_getaffinity,
                SYS_sigaltstack,
                SYS_prlimit64,
                SYS_getrlimit,
                SYS_getuid,
                SYS_geteuid,
                SYS_getgid,
                SYS_uname,
                SYS_rseq,
                SYS_set_robust_list,
                SYS_access,
                SYS_fcntl});
}
#endif

}  // namespace

std::vector<SandboxRule> sandbox_rules(const SandboxBounds& bounds) {
  std::vector<SandboxRule> rules;
  allow_kvm(rules);
  allow_transfers(rules);
  allow_library(rules, bounds);
  allow_descriptors(rules, bounds);
  if (bounds.ram) allow_release(rules, *bounds.ram);
#ifdef HIVE_SANITIZED
  std::vector<SandboxRule> wider;
  allow_sanitizer(wider);
  std::erase_if(rules, [&](const SandboxRule& rule) {
    return std::any_of(wider.begin(), wider.end(),
                       [&](const SandboxRule& other) { return other.call == rule.call; });
  });
  rules.insert(rules.end(), wider.begin(), wider.end());
#endif
  return rules;
}

bool permits(std::span<const SandboxRule> rules, int call,
             const std::array<std::uint64_t, 6>& arguments) {
  return std::any_of(rules.begin(), rules.end(), [&](const SandboxRule& rule) {
    return rule.call == call &&
           std::all_of(rule.tests.begin(), rule.tests.end(), [&](const ArgumentTest& test) {
             return test.passes(arguments.at(test.argument));
           });
  });
}

}  // namespace hive::cell

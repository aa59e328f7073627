#include "vmm/cell/sandbox_rules.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <initializer_list>
#include <set>

#include "vmm/base/sanitized.h"
#include "vmm/base/units.h"
#include "vmm/kvm/uapi.h"
#include "vmm/memory/guest_memory.h"

namespace hive::cell {
namespace {

using Arguments = std::array<std::uint64_t, 6>;
using Numbers = std::initializer_list<std::uint64_t>;

constexpr std::uint32_t kProcess = 1234;
constexpr int kKept = 1000;
constexpr Range kRam{1ULL << 40, 1ULL << 30};
constexpr std::uint64_t kHigh = 1ULL << 32;  // Not seen by the kernel in an int.
constexpr int kMemory = MAP_PRIVATE | MAP_ANONYMOUS;

class SandboxRules : public ::testing::Test {
 protected:
  [[nodiscard]] bool allowed(int call, const Arguments& arguments = {}) const {
    return permits(rules_, call, arguments);
  }
  [[nodiscard]] bool request(std::uint64_t number, std::uint64_t descriptor = 5) const {
    return allowed(SYS_ioctl, {descriptor, number});
  }
  [[nodiscard]] bool map(std::uint64_t protection, std::uint64_t flags) const {
    return allowed(SYS_mmap, {0, 4096, protection, flags, ~0ULL, 0});
  }

  void SetUp() override {
#ifdef HIVE_SANITIZED
    GTEST_SKIP() << "a sanitizer's runtime needs more than a VMM may have";
#endif
  }

  std::vector<SandboxRule> rules_ = sandbox_rules({kProcess, kKept, kRam});
};

TEST_F(SandboxRules, HaveEachTestAboutAnotherArgumentAsLibseccompWantsIt) {
  for (const SandboxRule& rule : rules_) {
    std::set<unsigned> arguments;
    for (const ArgumentTest& test : rule.tests) {
      EXPECT_TRUE(arguments.insert(test.argument).second) << rule.call;
      EXPECT_LT(test.argument, 6U);
    }
  }
}

// As the kernel counts: C++ and Debian's header together come to another size, and number.
TEST_F(SandboxRules, KnowTheKernelsNumberForInterruptRoutes) { EXPECT_TRUE(request(0x4008ae6a)); }

TEST_F(SandboxRules, AllowNoCallBothWithAndWithoutTests) {
  std::set<int> tested;
  std::set<int> free;
  for (const SandboxRule& rule : rules_) (rule.tests.empty() ? free : tested).insert(rule.call);
  for (const int call : tested) EXPECT_FALSE(free.contains(call)) << call;
}

TEST_F(SandboxRules, StartWithWhatRunsGuests) { EXPECT_EQ(rules_.front().call, SYS_ioctl); }

TEST_F(SandboxRules, LetAGuestRunButNoMachineBeMade) {
  for (const std::uint64_t number :
       Numbers{KVM_RUN, KVM_GET_REGS, KVM_SET_VCPU_EVENTS, KVM_SET_USER_MEMORY_REGION,
               KVM_SET_GUEST_DEBUG, KVM_IOEVENTFD, KVM_NMI, KVM_GET_MP_STATE, KVM_SET_MP_STATE,
               KVM_GET_MSRS, KVM_X86_SET_MCE}) {
    EXPECT_TRUE(request(number)) << number;
    EXPECT_FALSE(request(number | kHigh)) << number;
  }
  for (const std::uint64_t number :
       Numbers{KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_CREATE_DEVICE, KVM_ENABLE_CAP, KVM_SET_MSRS,
               KVM_SET_NESTED_STATE, KVM_SET_CPUID2, KVM_SET_TSS_ADDR, KVM_XEN_HVM_SET_ATTR,
               KVM_SET_VAPIC_ADDR, KVM_X86_SETUP_MCE}) {
    EXPECT_FALSE(request(number)) << number;
  }
}

TEST_F(SandboxRules, LetThreadsWakeButNoProtectionChange) {
  EXPECT_TRUE(request(UFFDIO_WAKE, kKept));
  for (const std::uint64_t number :
       Numbers{UFFDIO_WRITEPROTECT, UFFDIO_REGISTER, UFFDIO_UNREGISTER, UFFDIO_COPY,
               UFFDIO_ZEROPAGE, UFFDIO_CONTINUE, UFFDIO_API}) {
    EXPECT_FALSE(request(number, kKept)) << number;
  }
  EXPECT_FALSE(request(USERFAULTFD_IOC_NEW));
  EXPECT_FALSE(allowed(SYS_userfaultfd));
}

TEST_F(SandboxRules, KeepGuardsOpenAndAsTheyAre) {
  EXPECT_TRUE(allowed(SYS_close, {kKept - 1}));
  for (const std::uint64_t descriptor : Numbers{kKept, kKept + 1, 5 | kHigh, ~0ULL}) {
    EXPECT_FALSE(allowed(SYS_close, {descriptor})) << descriptor;
    EXPECT_FALSE(allowed(SYS_fcntl, {descriptor, F_SETFL, 0})) << descriptor;
    EXPECT_FALSE(request(FIONBIO, descriptor)) << descriptor;
  }
  EXPECT_TRUE(allowed(SYS_fcntl, {5, F_SETFL, O_RDWR | O_NONBLOCK}));
  EXPECT_TRUE(request(FIONBIO));
  for (const int call : {SYS_dup, SYS_dup2, SYS_dup3, SYS_close_range}) EXPECT_FALSE(allowed(call));
  EXPECT_FALSE(allowed(SYS_fcntl, {5, F_DUPFD, 0}));
}

TEST_F(SandboxRules, CloseAnythingWhereThereIsNoGlobalMemory) {
  rules_ = sandbox_rules({kProcess, std::nullopt, std::nullopt});
  EXPECT_TRUE(allowed(SYS_close, {kKept}));
}

TEST_F(SandboxRules, GiveBackMemoryThatBeginsInTheRamOnly) {
  constexpr std::uint64_t kMost = memory::GuestMemory::kMostReleased;
  const std::uint64_t last = kRam.end() - kPageSize;
  for (const std::uint64_t start : Numbers{kRam.start, kRam.start + kPageSize, last}) {
    EXPECT_TRUE(allowed(SYS_madvise, {start, kPageSize, MADV_REMOVE}));
    EXPECT_TRUE(allowed(SYS_madvise, {start, kMost, MADV_REMOVE}));
    EXPECT_FALSE(allowed(SYS_madvise, {start, kMost + 1, MADV_REMOVE}));
    EXPECT_FALSE(allowed(SYS_madvise, {start, kPageSize, MADV_DONTNEED}));
  }
  for (const std::uint64_t start :
       Numbers{0, kRam.start - 1, kRam.end(), kRam.start | kHigh, kRam.start + kRam.size}) {
    EXPECT_FALSE(allowed(SYS_madvise, {start, kPageSize, MADV_REMOVE})) << start;
  }
  rules_ = sandbox_rules({kProcess, kKept, std::nullopt});
  EXPECT_FALSE(allowed(SYS_madvise, {kRam.start, kPageSize, MADV_REMOVE}));
}

TEST_F(SandboxRules, HaveNoDirectOrSignalledInput) {
  EXPECT_FALSE(allowed(SYS_fcntl, {5, F_SETFL, O_DIRECT}));
  EXPECT_FALSE(allowed(SYS_fcntl, {5, F_SETFL, O_ASYNC}));
  EXPECT_FALSE(allowed(SYS_fcntl, {5, F_SETOWN, 1}));
}

TEST_F(SandboxRules, MapNewPrivateMemoryOnly) {
  EXPECT_TRUE(map(PROT_READ | PROT_WRITE, kMemory));
  EXPECT_TRUE(map(PROT_NONE, kMemory | MAP_STACK | MAP_NORESERVE));
  for (const int flags :
       {kMemory | MAP_FIXED, kMemory | MAP_FIXED_NOREPLACE, int{MAP_PRIVATE}, int{MAP_SHARED},
        MAP_SHARED | MAP_ANONYMOUS, kMemory | MAP_GROWSDOWN, MAP_SHARED_VALIDATE | MAP_ANONYMOUS}) {
    EXPECT_FALSE(map(PROT_READ | PROT_WRITE, static_cast<std::uint64_t>(flags))) << flags;
  }
  EXPECT_FALSE(map(PROT_READ | PROT_EXEC, kMemory));
  for (const int call : {SYS_mremap, SYS_remap_file_pages, SYS_madvise, SYS_process_madvise,
                         SYS_pkey_mprotect, SYS_shmat, SYS_vmsplice, SYS_splice}) {
    EXPECT_FALSE(allowed(call)) << call;
  }
}

TEST_F(SandboxRules, ProtectWithoutExecution) {
  for (const std::uint64_t each : Numbers{PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE}) {
    EXPECT_TRUE(allowed(SYS_mprotect, {0, 4096, each})) << each;
  }
  EXPECT_FALSE(allowed(SYS_mprotect, {0, 4096, PROT_READ | PROT_EXEC}));
  EXPECT_FALSE(allowed(SYS_mprotect, {0, 4096, PROT_READ | PROT_GROWSUP}));
}

TEST_F(SandboxRules, ReachNoOtherProcess) {
  EXPECT_TRUE(allowed(SYS_tgkill, {kProcess, 1, 6}));
  EXPECT_FALSE(allowed(SYS_tgkill, {kProcess + 1, 1, 6}));
  for (const int call :
       {SYS_kill, SYS_tkill, SYS_rt_sigqueueinfo, SYS_pidfd_open, SYS_pidfd_getfd, SYS_ptrace,
        SYS_process_vm_writev, SYS_process_vm_readv, SYS_kcmp, SYS_prlimit64, SYS_setpriority}) {
    EXPECT_FALSE(allowed(call)) << call;
  }
}

TEST_F(SandboxRules, MakeNoProcessFileOrSocket) {
  for (const int call : {SYS_fork,
                         SYS_vfork,
                         SYS_clone,
                         SYS_clone3,
                         SYS_execve,
                         SYS_execveat,
                         SYS_open,
                         SYS_openat,
                         SYS_openat2,
                         SYS_creat,
                         SYS_memfd_create,
                         SYS_memfd_secret,
                         SYS_open_by_handle_at,
                         SYS_socket,
                         SYS_socketpair,
                         SYS_connect,
                         SYS_bind,
                         SYS_accept4,
                         SYS_io_uring_setup,
                         SYS_io_uring_register,
                         SYS_io_setup,
                         SYS_bpf,
                         SYS_perf_event_open,
                         SYS_seccomp,
                         SYS_prctl,
                         SYS_unshare,
                         SYS_setns,
                         SYS_mount,
                         SYS_keyctl,
                         SYS_sendfile,
                         SYS_copy_file_range,
                         SYS_fallocate,
                         SYS_ftruncate}) {
    EXPECT_FALSE(allowed(call)) << call;
  }
  EXPECT_TRUE(allowed(SYS_lseek, {5, 0, SEEK_DATA}));
  EXPECT_FALSE(allowed(SYS_lseek, {5, 0, SEEK_SET}));
  EXPECT_TRUE(allowed(SYS_shutdown, {5, SHUT_WR}));
  EXPECT_FALSE(allowed(SYS_shutdown, {5, 3}));
  EXPECT_TRUE(allowed(SYS_getsockopt, {5, SOL_SOCKET, SO_TYPE}));
  EXPECT_FALSE(allowed(SYS_getsockopt, {5, SOL_SOCKET, SO_PEERCRED}));
  EXPECT_TRUE(allowed(SYS_sendto, {5, 0, 0, 0, 0, 0}));
  EXPECT_FALSE(allowed(SYS_sendto, {5, 0, 0, 0, 1, 16}));
}

}  // namespace
}  // namespace hive::cell

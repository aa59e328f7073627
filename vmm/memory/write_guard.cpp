#include "vmm/memory/write_guard.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::memory {
namespace {

constexpr int kFlags = O_CLOEXEC | O_NONBLOCK;

/// KVM and system calls write on behalf of the guest, so faults of the kernel must be caught too:
/// that takes CAP_SYS_PTRACE, vm.unprivileged_userfaultfd, or access to /dev/userfaultfd.
UniqueFd make_userfaultfd() {
  UniqueFd descriptor(static_cast<int>(::syscall(SYS_userfaultfd, kFlags)));
  if (descriptor) return descriptor;
  const int error = errno;
  const UniqueFd device(::open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
  if (device) descriptor.reset(::ioctl(device.get(), USERFAULTFD_IOC_NEW, kFlags));
  if (!descriptor) {
    throw_errno("write firewall: userfaultfd", error,
                "run as root, or give this user access to /dev/userfaultfd");
  }
  return descriptor;
}

void agree_on_interface(int descriptor) {
  uffdio_api api{};
  api.api = UFFD_API;
  api.features =
      UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_THREAD_ID;
  if (::ioctl(descriptor, UFFDIO_API, &api) != 0) {
    throw_errno("write firewall: write protection of shared memory", errno,
                "it takes Linux 5.19 or later");
  }
}

void watch(int descriptor, std::uint64_t base, std::uint64_t size) {
  uffdio_register range{};
  range.range = {base, size};
  range.mode = UFFDIO_REGISTER_MODE_WP;
  if (::ioctl(descriptor, UFFDIO_REGISTER, &range) != 0) {
    throw_errno("write firewall: UFFDIO_REGISTER of " + format_size(size));
  }
}

/// UFFDIO_WRITEPROTECT; 0 or an errno.
int change_protection(int descriptor, std::uint64_t address, std::uint64_t size,
                      std::uint64_t mode) {
  uffdio_writeprotect request{};
  request.range = {address, size};
  request.mode = mode;
  while (::ioctl(descriptor, UFFDIO_WRITEPROTECT, &request) != 0) {
    // EAGAIN: the process is changing its mappings at this moment.
    if (errno != EAGAIN && errno != EINTR) return errno;
  }
  return 0;
}

/// The kernel may refuse a range as a whole, or leave off in its middle, where the process has
/// split its mapping (before Linux 6.3) or put something else into a hole of it. Whoever is to be
/// stopped must not escape by that, so what remains is then tried in halves, down to single pages.
WriteGuard::Outcome set_protection(int descriptor, std::uint64_t address, std::uint64_t size,
                                   std::uint64_t mode) {
  const int error = change_protection(descriptor, address, size, mode);
  if (error == 0) return WriteGuard::Outcome::kDone;
  const bool alive = error != ESRCH && error != EBADF;
  if (!alive || size <= kPageSize) return WriteGuard::Outcome::kGone;
  const std::uint64_t half = align_up(size / 2, kPageSize);
  const auto low = set_protection(descriptor, address, half, mode);
  const auto high = set_protection(descriptor, address + half, size - half, mode);
  return low == WriteGuard::Outcome::kDone ? high : low;
}

}  // namespace

UniqueFd protect_writes(std::byte* base, std::uint64_t size) {
  UniqueFd descriptor = make_userfaultfd();
  agree_on_interface(descriptor.get());
  const auto address = reinterpret_cast<std::uintptr_t>(base);
  watch(descriptor.get(), address, size);
  if (set_protection(descriptor.get(), address, size, UFFDIO_WRITEPROTECT_MODE_WP) !=
      WriteGuard::Outcome::kDone) {
    throw_errno("write firewall: UFFDIO_WRITEPROTECT of " + format_size(size));
  }
  return descriptor;
}

std::optional<BlockedWrite> WriteGuard::next() {
  for (;;) {
    uffd_msg message{};
    const ssize_t got = ::read(descriptor_.get(), &message, sizeof message);
    if (got < 0 && errno == EINTR) continue;
    if (got != static_cast<ssize_t>(sizeof message)) return std::nullopt;
    if (message.event != UFFD_EVENT_PAGEFAULT) continue;
    const std::uint64_t address = message.arg.pagefault.address;
    if (!Range{base_, size_}.contains(address)) continue;
    return BlockedWrite{align_down(address - base_, kPageSize),
                        static_cast<pid_t>(message.arg.pagefault.feat.ptid)};
  }
}

WriteGuard::Outcome WriteGuard::open(const Range& range) {
  return set_protection(descriptor_.get(), base_ + range.start, range.size, 0);
}

WriteGuard::Outcome WriteGuard::protect(const Range& range) {
  return set_protection(descriptor_.get(), base_ + range.start, range.size,
                        UFFDIO_WRITEPROTECT_MODE_WP);
}

WriteGuard::Outcome WriteGuard::wake(const Range& range) {
  uffdio_range request{base_ + range.start, range.size};
  return ::ioctl(descriptor_.get(), UFFDIO_WAKE, &request) == 0 ? Outcome::kDone : Outcome::kGone;
}

}  // namespace hive::memory

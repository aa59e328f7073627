#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "tests/kvm/firewall/rogue/ways.h"
#include "vmm/base/units.h"
#include "vmm/kvm/uapi.h"

namespace hive::test {
namespace {

constexpr int kDescriptors = 4096;

std::uint64_t address(const std::byte* at) { return reinterpret_cast<std::uintptr_t>(at); }

uffdio_range page_of(const Target& target) { return {address(target.page), kPageSize}; }

int lift(const Target& target) {
  uffdio_writeprotect request{page_of(target), 0};
  const int error = with_each_descriptor(
      [&](int fd) { return outcome(::ioctl(fd, UFFDIO_WRITEPROTECT, &request)); });
  if (error == 0) *target.page = kMark;
  return error;
}

int unregister(const Target& target) {
  uffdio_range request = page_of(target);
  const int error = with_each_descriptor(
      [&](int fd) { return outcome(::ioctl(fd, UFFDIO_UNREGISTER, &request)); });
  if (error == 0) *target.page = kMark;
  return error;
}

int fill_in(const Target& target) {
  alignas(kPageSize) static std::array<std::byte, kPageSize> source{kMark};
  uffdio_copy request{};
  request.dst = address(target.page);
  request.src = address(source.data());
  request.len = kPageSize;
  return with_each_descriptor([&](int fd) { return outcome(::ioctl(fd, UFFDIO_COPY, &request)); });
}

int zero(const Target& target) {
  uffdio_zeropage request{};
  request.range = page_of(target);
  return with_each_descriptor(
      [&](int fd) { return outcome(::ioctl(fd, UFFDIO_ZEROPAGE, &request)); });
}

int go_on(const Target& target) {
  uffdio_continue request{};
  request.range = page_of(target);
  return with_each_descriptor(
      [&](int fd) { return outcome(::ioctl(fd, UFFDIO_CONTINUE, &request)); });
}

int make_guard(const Target& /*target*/) {
  return outcome(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
}

int unregister_by_another(const Target& target) {
  const UniqueFd guard(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  if (!guard) return errno;
  uffdio_api api{UFFD_API, 0, 0};
  uffdio_range range = page_of(target);
  if (::ioctl(guard.get(), UFFDIO_API, &api) != 0) return errno;
  return outcome(::ioctl(guard.get(), UFFDIO_UNREGISTER, &range));
}

int close_guard(const Target& target) { return outcome(::close(kept_guard(target))); }
int replace_guard(const Target& target) { return outcome(::dup2(target.file, kept_guard(target))); }
int replace_guard_newly(const Target& target) {
  return outcome(::dup3(target.file, kept_guard(target), O_CLOEXEC));
}
int close_range_of_guard(const Target& target) {
  const auto guard = static_cast<unsigned>(kept_guard(target));
  return outcome(::syscall(SYS_close_range, guard, guard, 0));
}
int close_guard_by_ring(const Target& target) {
  io_uring_sqe& entry = target.ring->prepare();
  ::io_uring_prep_close(&entry, kept_guard(target));
  target.ring->submit();
  target.ring->wait();
  return -target.ring->take()->result;
}
/// Home's monitor, whose copy shares the flag, would wait in read(2).
int let_home_wait(const Target& target) { return outcome(::fcntl(kept_guard(target), F_SETFL, 0)); }
int let_home_wait_too(const Target& target) {
  int off = 0;
  return outcome(::ioctl(kept_guard(target), FIONBIO, &off));
}

constexpr std::array kWays{
    Attempt{"lift the protection", Unconfined::kWrites, Confined::kRefused, lift},
    Attempt{"end the protection", Unconfined::kWrites, Confined::kRefused, unregister},
    Attempt{"UFFDIO_COPY", Unconfined::kVaries, Confined::kRefused, fill_in},
    Attempt{"UFFDIO_ZEROPAGE", Unconfined::kVaries, Confined::kRefused, zero},
    Attempt{"UFFDIO_CONTINUE", Unconfined::kVaries, Confined::kRefused, go_on},
    Attempt{"make a userfaultfd", Unconfined::kSucceeds, Confined::kRefused, make_guard},
    Attempt{"end the protection by it", Unconfined::kVaries, Confined::kRefused,
            unregister_by_another},
    Attempt{"close the kept guard", Unconfined::kSucceeds, Confined::kRefused, close_guard},
    Attempt{"dup2 over it", Unconfined::kSucceeds, Confined::kRefused, replace_guard},
    Attempt{"dup3 over it", Unconfined::kSucceeds, Confined::kRefused, replace_guard_newly},
    Attempt{"close_range", Unconfined::kSucceeds, Confined::kRefused, close_range_of_guard},
    Attempt{"close it by a disk's ring", Unconfined::kVaries, Confined::kRefused,
            close_guard_by_ring},
    Attempt{"make the home's monitor wait", Unconfined::kVaries, Confined::kRefused, let_home_wait},
    Attempt{"make it wait by FIONBIO", Unconfined::kVaries, Confined::kRefused, let_home_wait_too},
};

}  // namespace

int with_each_descriptor(const std::function<int(int)>& call) {
  int first = 0;
  for (int fd = 0; fd < kDescriptors; ++fd) {
    const int error = call(fd);
    if (error == 0) return 0;
    if (first == 0) first = error;
  }
  return first;
}

int kept_guard(const Target& target) {
  int found = -1;
  uffdio_range range = page_of(target);
  (void)with_each_descriptor([&](int fd) {
    const int error = outcome(::ioctl(fd, UFFDIO_WAKE, &range));
    if (error == 0) found = fd;
    return error;
  });
  return found;
}

std::span<const Attempt> guard_ways() { return kWays; }

}  // namespace hive::test

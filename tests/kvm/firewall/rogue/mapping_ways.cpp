#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "tests/kvm/firewall/rogue/ways.h"
#include "vmm/base/units.h"
#include "vmm/kvm/uapi.h"
#include "vmm/memory/guest_memory.h"

namespace hive::test {
namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

/// outcome() of a function that returns a mapping, which is written to if it is the TARGET's file.
int mapped(void* at, bool is_target) {
  if (at == MAP_FAILED) return errno;
  if (is_target) *static_cast<std::byte*>(at) = kMark;
  return 0;
}

int duplicate(const Target& target) {
  return mapped(::mremap(target.page, 0, kPageSize, MREMAP_MAYMOVE), true);
}
int move(const Target& target) {
  return mapped(::mremap(target.page, kPageSize, kPageSize, MREMAP_MAYMOVE | MREMAP_DONTUNMAP),
                false);
}
int map_over(const Target& target) {
  return mapped(
      ::mmap(target.page, kPageSize, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
      false);
}
int map_shared(const Target& /*target*/) {
  return mapped(::mmap(nullptr, kPageSize, kReadWrite, MAP_SHARED | MAP_ANONYMOUS, -1, 0), false);
}
int map_file(const Target& target) {
  return mapped(::mmap(nullptr, kPageSize, kReadWrite, MAP_SHARED, target.file, 0), false);
}
int map_code(const Target& /*target*/) {
  return mapped(::mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                false);
}
int make_code(const Target& /*target*/) {
  void* data = ::mmap(nullptr, kPageSize, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return outcome(::mprotect(data, kPageSize, PROT_READ | PROT_EXEC));
}
/// The kernel's list of mappings leads to what is mapped.
int open_mapped_file(const Target& target) {
  const auto start = reinterpret_cast<std::uintptr_t>(target.contribution.data());
  const std::string path =
      fmt::format("/proc/self/map_files/{:x}-{:x}", start, start + target.contribution.size());
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return errno;
  return outcome(::pwrite(file.get(), &kMark, 1, target.page - target.contribution.data()));
}
int write_own_memory_file(const Target& target) {
  const UniqueFd file(::open("/proc/self/mem", O_RDWR | O_CLOEXEC));
  if (!file) return errno;
  return outcome(::pwrite(file.get(), &kMark, 1,
                          static_cast<off_t>(reinterpret_cast<std::uintptr_t>(target.page))));
}
/// A descriptor that somebody forgot to close.
int find_the_file(const Target& target) {
  return with_each_descriptor([&](int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return errno;
    if (status.st_ino != target.inode) return ENOENT;
    return outcome(::pwrite(fd, &kMark, 1, target.page - target.contribution.data()));
  });
}
int drop(const Target& target) { return outcome(::madvise(target.page, kPageSize, MADV_REMOVE)); }
/// MADV_REMOVE of LENGTH bytes at ADDRESS.
int drop_at(std::uint64_t address, std::uint64_t length) {
  return outcome(::madvise(reinterpret_cast<void*>(address), length, MADV_REMOVE));
}
// A VMM may give its guest's RAM back, and nothing that is around it.
int drop_across_the_end(const Target& target) {
  // The guest runs, and needs nothing that is in the last page (see rogue_guest()).
  return drop_at(target.ram.end() - kPageSize, memory::GuestMemory::kMostReleased);
}
int drop_behind(const Target& target) { return drop_at(target.ram.end(), kPageSize); }
int drop_before(const Target& target) { return drop_at(target.ram.start - kPageSize, kPageSize); }
int drop_up_to(const Target& target) {
  // From the RAM to the page, wherever it is, or as far the other way round.
  const auto page = reinterpret_cast<std::uintptr_t>(target.page);
  return drop_at(target.ram.start, page - target.ram.start + kPageSize);
}
int drop_by_a_wrapped_length(const Target& target) {
  const auto page = reinterpret_cast<std::uintptr_t>(target.page);
  return drop_at(page, target.ram.start - page + kPageSize);
}
int unmap_for_now(const Target& target) {
  return outcome(::madvise(target.page, kPageSize, MADV_DONTNEED));
}
int populate(const Target& target) {
  constexpr int kPopulateWrite = 23;
  return outcome(::madvise(target.page, kPageSize, kPopulateWrite));
}
int drop_by_ring(const Target& target) {
  io_uring_sqe& entry = target.ring->prepare();
  ::io_uring_prep_madvise(&entry, target.page, kPageSize, MADV_REMOVE);
  target.ring->submit();
  target.ring->wait();
  return -target.ring->take()->result;
}
int drop_by_own_ring(const Target& target) {
  io_uring ring{};
  const int made = ::io_uring_queue_init(2, &ring, 0);
  if (made < 0) return -made;
  ::io_uring_prep_madvise(::io_uring_get_sqe(&ring), target.page, kPageSize, MADV_REMOVE);
  ::io_uring_submit_and_wait(&ring, 1);
  ::io_uring_queue_exit(&ring);
  return 0;
}
int register_with_ring(const Target& /*target*/) {
  return outcome(::syscall(SYS_io_uring_register, -1, IORING_REGISTER_BUFFERS, nullptr, 0));
}
int write_as_another(const Target& target) {
  std::byte mark = kMark;
  const iovec from{&mark, 1};
  const iovec to{target.page, 1};
  return outcome(::process_vm_writev(::getpid(), &from, 1, &to, 1, 0));
}
int splice_in(const Target& target) {
  const iovec to{target.page, 1};
  return outcome(::vmsplice(-1, &to, 1, 0));
}
int ask_for_direct_io(const Target& target) {
  return outcome(::fcntl(target.file, F_SETFL, O_RDWR | O_DIRECT));
}
/// By unprotecting it as far as the process may: the firewall's protection is another.
int make_writable(const Target& target) {
  return outcome(::mprotect(target.page, kPageSize, kReadWrite));
}
int read_into(const Target& target) { return outcome(::pread(target.file, target.page, 1, 0)); }
/// The guest then sees what is this cell's only.
int put_own_memory_there(const Target& target) {
  if (::munmap(target.page, kPageSize) != 0) return errno;
  return mapped(::mmap(target.page, kPageSize, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                true);
}
/// Shows the guest the page at a second place.
int add_slot(const Target& target) {
  kvm_userspace_memory_region slot{};
  slot.slot = kAliasSlot;
  slot.guest_phys_addr = kAlias;
  slot.memory_size = kPageSize;
  slot.userspace_addr = reinterpret_cast<std::uintptr_t>(target.page);
  return with_each_descriptor(
      [&](int fd) { return outcome(::ioctl(fd, KVM_SET_USER_MEMORY_REGION, &slot)); });
}

constexpr std::array kWays{
    Attempt{"mremap to a second mapping", Unconfined::kWrites, Confined::kRefused, duplicate},
    Attempt{"mremap away", Unconfined::kVaries, Confined::kRefused, move},
    Attempt{"map over it", Unconfined::kSucceeds, Confined::kRefused, map_over},
    Attempt{"map shared memory", Unconfined::kSucceeds, Confined::kRefused, map_shared},
    Attempt{"map a file", Unconfined::kSucceeds, Confined::kRefused, map_file},
    Attempt{"map code", Unconfined::kSucceeds, Confined::kRefused, map_code},
    Attempt{"make data code", Unconfined::kSucceeds, Confined::kRefused, make_code},
    Attempt{"open what is mapped", Unconfined::kWrites, Confined::kRefused, open_mapped_file},
    Attempt{"/proc/self/mem", Unconfined::kVaries, Confined::kRefused, write_own_memory_file},
    Attempt{"find its file among the open ones", Unconfined::kVaries, Confined::kHarmless,
            find_the_file},
    Attempt{"MADV_REMOVE", Unconfined::kWrites, Confined::kRefused, drop},
    Attempt{"MADV_REMOVE across the end of RAM", Unconfined::kVaries, Confined::kHarmless,
            drop_across_the_end},
    Attempt{"MADV_REMOVE behind RAM", Unconfined::kVaries, Confined::kRefused, drop_behind},
    Attempt{"MADV_REMOVE before RAM", Unconfined::kVaries, Confined::kRefused, drop_before},
    Attempt{"MADV_REMOVE from RAM up to it", Unconfined::kVaries, Confined::kRefused, drop_up_to},
    Attempt{"MADV_REMOVE from it up to RAM", Unconfined::kVaries, Confined::kRefused,
            drop_by_a_wrapped_length},
    Attempt{"MADV_DONTNEED", Unconfined::kSucceeds, Confined::kRefused, unmap_for_now},
    Attempt{"MADV_POPULATE_WRITE", Unconfined::kVaries, Confined::kRefused, populate},
    Attempt{"MADV_REMOVE by a disk's ring", Unconfined::kVaries, Confined::kRefused, drop_by_ring},
    Attempt{"MADV_REMOVE by a new ring", Unconfined::kWrites, Confined::kRefused, drop_by_own_ring},
    Attempt{"register buffers with a ring", Unconfined::kVaries, Confined::kRefused,
            register_with_ring},
    Attempt{"process_vm_writev", Unconfined::kVaries, Confined::kRefused, write_as_another},
    Attempt{"vmsplice", Unconfined::kVaries, Confined::kRefused, splice_in},
    Attempt{"direct I/O", Unconfined::kVaries, Confined::kRefused, ask_for_direct_io},
    Attempt{"mprotect", Unconfined::kSucceeds, Confined::kHarmless, make_writable},
    Attempt{"read a file into it", Unconfined::kVaries, Confined::kHarmless, read_into},
    Attempt{"put own memory there", Unconfined::kSucceeds, Confined::kHarmless,
            put_own_memory_there},
    Attempt{"memory slot", Unconfined::kSucceeds, Confined::kHarmless, add_slot},
};

}  // namespace

std::span<const Attempt> mapping_ways() { return kWays; }

}  // namespace hive::test

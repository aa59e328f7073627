#include "vmm/memory/address_space.h"

#include <sys/mman.h>

#include <string>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::memory {

std::byte* reserve_aligned(std::uint64_t size, std::string_view what, std::uint64_t alignment) {
  void* reserved = ::mmap(nullptr, size + alignment, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) {
    throw_errno(std::string(what) + ": cannot reserve " + format_size(size) + " of address space");
  }
  const auto base = reinterpret_cast<std::uintptr_t>(reserved);
  const auto start = align_up(base, alignment);
  if (start != base) ::munmap(reserved, start - base);
  const auto tail = base + alignment - start;
  if (tail != 0) ::munmap(reinterpret_cast<void*>(start + size), tail);
  return reinterpret_cast<std::byte*>(start);
}

}  // namespace hive::memory

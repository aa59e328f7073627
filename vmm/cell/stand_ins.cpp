#include "vmm/cell/stand_ins.h"

#include <sys/mman.h>

#include <cstring>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::cell {

StandIns::StandIns(kvm::Vm& vm, const memory::GlobalWindow& window) : vm_(vm), window_(window) {
  void* mapped =
      ::mmap(nullptr, kMax * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw_errno("write firewall: cannot map pages for dropped writes");
  copies_ = static_cast<std::byte*>(mapped);
}

StandIns::~StandIns() { ::munmap(copies_, kMax * kPageSize); }

bool StandIns::put(std::uint64_t offset) {
  if (window_.is_closed({offset, kPageSize})) return true;  // The guest has another page there.
  if (used_ == kMax) return false;
  std::byte* copy = copies_ + used_++ * kPageSize;
  const std::byte* page = window_.base() + offset;
  std::memcpy(copy, page, kPageSize);
  vm_.substitute_page({page, copy});
  return true;
}

void StandIns::remove_all() {
  if (used_ != 0) vm_.restore_pages();
  used_ = 0;
}

}  // namespace hive::cell

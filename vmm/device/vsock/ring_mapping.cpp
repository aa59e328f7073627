#include "vmm/device/vsock/ring_mapping.h"

#include <sys/mman.h>

#include "vmm/base/error.h"
#include "vmm/memory/ring_file.h"
#include "vmm/memory/shared_file.h"

namespace hive::device::vsock {
namespace {

std::byte* map(const UniqueFd& file, const std::string& what) {
  if (!memory::is_shared_file(file.get(), memory::kRingFileBytes)) {
    throw Error(what + ": its file is not a sealed ring file");
  }
  void* base =
      ::mmap(nullptr, memory::kRingFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (base == MAP_FAILED) throw_errno(what + ": cannot map its file");
  return static_cast<std::byte*>(base);
}

}  // namespace

RingMapping::RingMapping(UniqueFd file, const std::string& what) : base_(map(file, what)) {}

RingMapping::~RingMapping() { ::munmap(base_, memory::kRingFileBytes); }

}  // namespace hive::device::vsock

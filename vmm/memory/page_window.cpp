#include "vmm/memory/page_window.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <string>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/memory/shared_file.h"

namespace hive::memory {
namespace {

void check(std::span<const int> files) {
  for (std::size_t index = 0; index < files.size(); ++index) {
    if (files[index] < 0 || is_shared_file(files[index], kPageSize)) continue;
    throw Error("page " + std::to_string(index) +
                " of the view is not a file of one page whose size is sealed (memfd_create(2))");
  }
}

const std::byte* reserve(std::size_t size) {
  void* place = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) throw_errno("cannot map the view's pages");
  return static_cast<const std::byte*>(place);
}

}  // namespace

PageWindow::PageWindow(std::span<const int> files)
    : size_(std::bit_ceil(std::max<std::size_t>(files.size(), 1)) * kPageSize), base_(nullptr) {
  check(files);
  base_ = reserve(size_);
  for (std::size_t index = 0; index < files.size(); ++index) {
    if (files[index] < 0) continue;
    void* place = const_cast<std::byte*>(base_) + index * kPageSize;
    if (::mmap(place, kPageSize, PROT_READ, MAP_SHARED | MAP_FIXED, files[index], 0) == place) {
      continue;
    }
    const int error = errno;
    ::munmap(const_cast<std::byte*>(base_), size_);
    throw_errno("cannot map page " + std::to_string(index) + " of the view", error);
  }
}

PageWindow::~PageWindow() { ::munmap(const_cast<std::byte*>(base_), size_); }

}  // namespace hive::memory

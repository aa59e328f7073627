#include "vmm/memory/global_window.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "vmm/base/descriptors.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/memory/address_space.h"
#include "vmm/memory/backing.h"

namespace hive::memory {
namespace {

std::uint64_t longest_foreign(std::span<const std::uint64_t> sizes, unsigned own) {
  std::uint64_t longest = 0;
  for (unsigned cell = 0; cell < sizes.size(); ++cell) {
    if (cell != own) longest = std::max(longest, sizes[cell]);
  }
  return longest;
}

}  // namespace

std::vector<Range> lay_out_global_memory(std::span<const std::uint64_t> contributions) {
  std::vector<Range> ranges;
  std::uint64_t end = 0;
  for (const std::uint64_t size : contributions) {
    ranges.push_back({end, size});
    end = align_up(end + size, kHugePageSize);
  }
  return ranges;
}

GlobalWindow::GlobalWindow(std::vector<UniqueFd> files, std::span<const std::uint64_t> sizes,
                           unsigned own)
    : contributions_(lay_out_global_memory(sizes)),
      own_(own),
      ones_(longest_foreign(sizes, own)),
      kept_(sizes.size()) {
  for (const std::uint64_t size : sizes) {
    if (is_aligned(size, kHugePageSize)) continue;
    throw Error("global memory: a contribution of " + format_size(size) +
                " is not a multiple of 2 MiB; give the cell such a size");
  }
  if (!contributions_.empty()) size_ = align_up(contributions_.back().end(), kHugePageSize);
  if (size_ == 0) throw Error("global memory: no cell contributes any; give one shared memory");
  base_ = reserve_aligned(size_, "global memory");
  try {
    const int least = highest_numbers(files.size());
    for (unsigned cell = 0; cell < files.size(); ++cell) {
      if (contributions_[cell].size != 0) map(cell, files[cell], least);
    }
  } catch (...) {
    ::munmap(base_, size_);
    throw;
  }
}

GlobalWindow::~GlobalWindow() { ::munmap(base_, size_); }

void GlobalWindow::map(unsigned cell, const UniqueFd& file, int least) {
  const Range& range = contributions_[cell];
  std::byte* start = base_ + range.start;
  if (::mmap(start, range.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.get(), 0) ==
      MAP_FAILED) {
    throw_errno("global memory: cannot map " + format_size(range.size) + " of cell " +
                std::to_string(cell));
  }
  ::madvise(start, range.size, MADV_DONTDUMP);
  // A child must not get a mapping without protection.
  ::madvise(start, range.size, MADV_DONTFORK);
  if (cell == own_) return;
  HomeGuard guard{cell, protect_writes(start, range.size), reinterpret_cast<std::uintptr_t>(start),
                  range.size};
  UniqueFd copy(::fcntl(guard.descriptor.get(), F_DUPFD_CLOEXEC, least));
  if (!copy) {
    throw_errno("global memory: cannot keep a copy of a write guard", errno,
                "raise the limit of open files (ulimit -n)");
  }
  kept_[cell] = WriteGuard(std::move(copy), guard.base, guard.size);
  guards_.push_back(std::move(guard));
}

int GlobalWindow::home_of(std::uint64_t offset) const {
  for (unsigned cell = 0; cell < contributions_.size(); ++cell) {
    if (contributions_[cell].contains(offset)) return static_cast<int>(cell);
  }
  return -1;
}

std::optional<int> GlobalWindow::first_kept() const {
  std::optional<int> first;
  for (const WriteGuard& each : kept_) {
    if (each.fd() >= 0) first = std::min(first.value_or(each.fd()), each.fd());
  }
  return first;
}

std::vector<HomeGuard> GlobalWindow::take_guards() { return std::exchange(guards_, {}); }

void GlobalWindow::close(std::uint64_t homes) {
  std::uint64_t closed = 0;
  for (unsigned cell = 0; cell < contributions_.size(); ++cell) {
    const std::uint64_t bit = std::uint64_t{1} << cell;
    if (cell != own_ && contributions_[cell].size != 0) closed |= homes & bit;
  }
  if (closed != 0) ones_.fill();
  closed_.store(closed, std::memory_order_release);
}

bool GlobalWindow::is_closed(const Range& range) const {
  std::uint64_t left = closed();
  for (unsigned cell = 0; left != 0; ++cell, left >>= 1) {
    if ((left & 1) != 0 && contributions_[cell].overlaps(range)) return true;
  }
  return false;
}

Range GlobalWindow::foreign_part(const Range& range, unsigned cell) const {
  const Range& home = contributions_[cell];
  const std::uint64_t start = std::max(range.start, home.start);
  const std::uint64_t end = std::min(range.end(), home.end());
  if (cell == own_ || start >= end) return {};
  return {start, end - start};
}

void GlobalWindow::set_access(const Range& range, bool writable) {
  const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  for (unsigned cell = 0; cell < contributions_.size(); ++cell) {
    const Range part = foreign_part(range, cell);
    if (part.size != 0 && ::mprotect(base_ + part.start, part.size, access) != 0) {
      throw_errno("global memory: cannot forbid or allow pages");
    }
  }
}

void GlobalWindow::wake(const Range& range) {
  for (unsigned cell = 0; cell < contributions_.size(); ++cell) {
    const Range part = foreign_part(range, cell);
    if (part.size != 0) kept_[cell].wake({part.start - contributions_[cell].start, part.size});
  }
}

}  // namespace hive::memory

#include "vmm/memory/all_ones.h"

#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <vector>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/memory/address_space.h"
#include "vmm/memory/backing.h"

namespace hive::memory {
namespace {

/// Guests stand still while a piece is filled. Each mapping takes the host's kernel some 200 bytes,
/// and a process has room for some 65,000, by default.
constexpr std::uint64_t kLeastPiece = 64 * kKiB;
constexpr std::uint64_t kMaxPieces = 1024;

std::uint64_t piece_of(std::uint64_t size) {
  return std::min(size, align_up((size + kMaxPieces - 1) / kMaxPieces, kLeastPiece));
}

}  // namespace

AllOnes::AllOnes(std::uint64_t size) : size_(size), piece_(piece_of(size)) {
  if (size_ == 0) return;
  file_.reset(::memfd_create("hive-ones", MFD_CLOEXEC));
  if (!file_ || ::ftruncate(file_.get(), static_cast<off_t>(piece_)) != 0) {
    throw_errno("global memory: cannot make what is shown of failed cells");
  }
  base_ = reserve_aligned(size_, "global memory");
  for (std::uint64_t done = 0; done < size_; done += piece_) {
    if (::mmap(base_ + done, std::min(piece_, size_ - done), PROT_READ, MAP_SHARED | MAP_FIXED,
               file_.get(), 0) == MAP_FAILED) {
      const int error = errno;
      ::munmap(base_, size_);
      throw_errno("global memory: cannot map what is shown of failed cells", error,
                  "raise vm.max_map_count");
    }
  }
  ::madvise(base_, size_, MADV_DONTDUMP);
}

AllOnes::~AllOnes() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

void AllOnes::fill() {
  if (filled_) return;
  const std::vector<std::byte> ones(64 * kKiB, std::byte{0xff});
  for (std::uint64_t done = 0; done < piece_;) {
    const std::size_t count = std::min<std::uint64_t>(ones.size(), piece_ - done);
    const ssize_t written = ::pwrite(file_.get(), ones.data(), count, static_cast<off_t>(done));
    if (written <= 0) throw_errno("global memory: cannot close the pages of a failed cell");
    done += static_cast<std::uint64_t>(written);
  }
  filled_ = true;
}

bool AllOnes::contains(const std::byte* place) const {
  return base_ != nullptr && !std::less<>()(place, base_) && std::less<>()(place, base_ + size_);
}

}  // namespace hive::memory

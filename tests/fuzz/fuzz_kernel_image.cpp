// Kernel files: bzImage, PVH ELF and everything else, loaded into 32 MiB of guest memory. The
// input's first byte is the number of 16 KiB blocks of zeroes that follow the rest in the file.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/kernel.h"
#include "vmm/memory/layout.h"

namespace {

using namespace hive;  // NOLINT

constexpr std::uint64_t kMemory = 32 * kMiB;
constexpr std::uint64_t kCanary = memory::layout::kHighRam - sizeof(std::uint64_t);

class PaddedImage : public boot::ImageSource {
 public:
  PaddedImage(std::span<const std::uint8_t> bytes, std::uint64_t padding)
      : bytes_(bytes), size_(bytes.size() + padding) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!fits_within(offset, out.size(), size_)) std::abort();  // Loaders check bounds first.
    const std::uint64_t present = offset < bytes_.size() ? bytes_.size() - offset : 0;
    const std::uint64_t copied = std::min<std::uint64_t>(present, out.size());
    if (copied != 0) std::memcpy(out.data(), bytes_.data() + offset, copied);
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(copied), out.end(), std::byte{});
  }

 private:
  std::string name_ = "kernel /fuzz";
  std::span<const std::uint8_t> bytes_;
  std::uint64_t size_;
};

void require(bool condition) {
  if (!condition) std::abort();
}

/// What holds for every kernel that was not refused.
void check(const memory::GuestMemory& memory, const boot::ImageSource& image) {
  const boot::LoadedKernel kernel = boot::load_kernel(memory, image);
  require(kernel.memory.start >= memory::layout::kHighRam);
  require(fits_within(kernel.memory.start, kernel.memory.size, kMemory));
  require(kernel.memory.contains(kernel.entry_address));
  try {
    const Range initrd = boot::load_initrd(memory, kernel, image);
    require(!initrd.overlaps(kernel.memory));
    require(initrd.end() - 1 <= kernel.initrd_max && initrd.end() <= kMemory);
    require(is_aligned(initrd.start, kPageSize) && initrd.start >= memory::layout::kHighRam);
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const memory::GuestMemory kGuest(kMemory, memory::layout::kHole,
                                          memory::Backing::kSmallPages);
  if (size == 0) return 0;
  const PaddedImage image(std::span(data, size).subspan(1), data[0] * 16 * kKiB);
  require(kGuest.store({kCanary}, std::uint64_t{0x5a5a}));
  try {
    check(kGuest, image);
  } catch (const Error&) {
  }
  require(kGuest.load<std::uint64_t>({kCanary}) == 0x5a5a);
  try {
    (void)boot::prepare_boot(kGuest, 1, image, nullptr, "quiet");
  } catch (const Error&) {
  }
  return 0;
}

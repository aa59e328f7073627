#include "vmm/boot/kernel.h"

#include <algorithm>
#include <array>

#include "vmm/boot/bzimage.h"
#include "vmm/boot/elf_kernel.h"
#include "vmm/boot/foreign_image.h"
#include "vmm/boot/refuse.h"
#include "vmm/memory/layout.h"

namespace hive::boot {

LoadedKernel load_kernel(const memory::GuestMemory& memory, const ImageSource& image) {
  if (image.size() == 0) refuse(image, "not a kernel: the file is empty; copy it again");
  if (is_elf(image)) return load_elf_kernel(memory, image);
  if (is_bzimage(image)) return load_bzimage(memory, image);
  std::array<std::byte, 64> head{};
  const auto present = std::span(head).first(std::min<std::uint64_t>(head.size(), image.size()));
  image.read(0, present);
  refuse(image, describe_foreign(present));
}

Range load_initrd(const memory::GuestMemory& memory, const LoadedKernel& kernel,
                  const ImageSource& image) {
  if (image.size() == 0) refuse(image, "the file is empty; leave the initrd out or rebuild it");
  const std::uint64_t low_end = memory.regions().front().guest.end();
  const std::uint64_t top = std::min(low_end, kernel.initrd_max + 1);
  const std::uint64_t bottom = std::max(kernel.memory.end(), memory::layout::kHighRam);
  const std::uint64_t room = top > bottom ? top - bottom : 0;
  const std::uint64_t start = align_down(top - std::min(image.size(), top), kPageSize);
  if (image.size() > room || start < bottom) {
    refuse(image, "its " + in_mib(image.size()) + " do not fit: of the cell's " +
                      in_mib(memory.size()) + " of memory " + std::to_string(room / kMiB) +
                      " MiB are free beside the kernel; give the cell more memory");
  }
  const auto window = memory.window({start}, image.size());
  if (!window) refuse(image, "it does not fit in the cell's memory; give the cell more memory");
  image.read(0, *window);
  return {start, image.size()};
}

}  // namespace hive::boot

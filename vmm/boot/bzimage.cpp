#include "vmm/boot/bzimage.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "vmm/boot/refuse.h"
#include "vmm/memory/layout.h"

namespace hive::boot {
namespace {

namespace layout = memory::layout;

static_assert(sizeof(setup_header) == 0x7b, "setup header layout");
static_assert(offsetof(setup_header, header) == 0x202 - kSetupHeaderOffset);
static_assert(offsetof(setup_header, init_size) == 0x260 - kSetupHeaderOffset);

constexpr std::uint64_t kMagicOffset = kSetupHeaderOffset + offsetof(setup_header, header);
constexpr std::uint32_t kMagic = 0x5372'6448;  // "HdrS"
constexpr std::uint64_t kSector = 512;
constexpr std::uint16_t kBootFlag = 0xaa55;
constexpr std::uint16_t kFirstVersionWith64BitEntry = 0x020c;
constexpr std::uint64_t kEntryOffset = 0x200;
/// The header's end in protocol 2.12: just after handover_offset.
constexpr std::uint64_t kMinHeaderSize = 0x268 - kSetupHeaderOffset;

constexpr const char* kUseWholeFile = "; it is damaged: copy it again";

/// The part of the file that runs in protected mode.
struct Payload {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

setup_header read_header(const ImageSource& image) {
  if (!fits_within(kSetupHeaderOffset, sizeof(setup_header), image.size())) {
    refuse(image, std::string("a bzImage that ends within its setup header") + kUseWholeFile);
  }
  std::array<std::byte, sizeof(setup_header)> raw{};
  image.read(kSetupHeaderOffset, raw);
  setup_header header{};
  std::memcpy(&header, raw.data(), raw.size());

  // The jump at 0x200 leads over the header: bytes from its target on are code, not fields.
  const std::uint64_t size = kMagicOffset - kSetupHeaderOffset + (header.jump >> 8);
  if (size < raw.size()) {
    std::fill(raw.begin() + static_cast<std::ptrdiff_t>(size), raw.end(), std::byte{});
    std::memcpy(&header, raw.data(), raw.size());
  }
  if (header.version < kFirstVersionWith64BitEntry || size < kMinHeaderSize) {
    refuse(image, "its Linux boot protocol is older than 2.12; use Linux 3.8 or later");
  }
  return header;
}

void check_features(const ImageSource& image, const setup_header& header) {
  if (header.boot_flag != kBootFlag) {
    refuse(image, std::string("a bzImage without its boot signature") + kUseWholeFile);
  }
  if ((header.xloadflags & XLF_KERNEL_64) == 0) {
    refuse(image, "a 32-bit kernel (no 64-bit entry point); use one for x86-64");
  }
  if ((header.loadflags & LOADED_HIGH) == 0) {
    refuse(image, "a zImage, which loads below 1 MiB; use a bzImage");
  }
}

Payload find_payload(const ImageSource& image, const setup_header& header) {
  const std::uint64_t setup_sectors = header.setup_sects == 0 ? 4 : header.setup_sects;
  const Payload payload{(setup_sectors + 1) * kSector, std::uint64_t{header.syssize} * 16};
  if (!fits_within(payload.offset, payload.size, image.size())) {
    refuse(image, "truncated: its header announces " +
                      std::to_string(payload.offset + payload.size) + " bytes, the file has " +
                      std::to_string(image.size()) + "; copy it again");
  }
  if (payload.size <= kEntryOffset ||
      !fits_within(header.payload_offset, header.payload_length, payload.size)) {
    refuse(image, std::string("a bzImage whose header contradicts itself about the payload") +
                      kUseWholeFile);
  }
  return payload;
}

/// Where the kernel goes. A relocatable kernel moves itself up to pref_address anyway, so lower
/// addresses gain nothing.
Range choose_memory(const memory::GuestMemory& memory, const ImageSource& image,
                    const setup_header& header, const Payload& payload) {
  const std::uint64_t size = std::max<std::uint64_t>(header.init_size, payload.size);
  std::uint64_t start = header.pref_address;
  if (header.relocatable_kernel != 0) {
    if (!std::has_single_bit(header.kernel_alignment) || header.kernel_alignment < kPageSize) {
      refuse(image, std::string("a bzImage with an impossible kernel_alignment") + kUseWholeFile);
    }
    start = std::max(start, layout::kHighRam);
    // Checked before rounding, which could wrap.
    if (start < layout::kHole.start) start = align_up(start, header.kernel_alignment);
  }
  if (start < layout::kHighRam) {
    refuse(image, "it is linked to run below 1 MiB; use a relocatable kernel");
  }
  const std::uint64_t low_end = memory.regions().front().guest.end();
  if (!fits_within(start, size, low_end)) {
    refuse(image, "it needs " + in_mib(size) + " at address " + in_mib(start) + ", the cell has " +
                      in_mib(memory.size()) + " of memory; give the cell more memory");
  }
  return {start, size};
}

}  // namespace

bool is_bzimage(const ImageSource& image) {
  std::array<std::byte, sizeof(kMagic)> magic{};
  if (!fits_within(kMagicOffset, magic.size(), image.size())) return false;
  image.read(kMagicOffset, magic);
  return std::bit_cast<std::uint32_t>(magic) == kMagic;
}

LoadedKernel load_bzimage(const memory::GuestMemory& memory, const ImageSource& image) {
  const setup_header header = read_header(image);
  check_features(image, header);
  const Payload payload = find_payload(image, header);
  const Range place = choose_memory(memory, image, header, payload);

  const auto window = memory.window({place.start}, payload.size);
  if (!window) refuse(image, "it does not fit in the cell's memory; give the cell more memory");
  image.read(payload.offset, *window);

  LoadedKernel kernel;
  kernel.entry = Entry::kLinux64;
  kernel.entry_address = place.start + kEntryOffset;
  kernel.memory = place;
  kernel.initrd_max = header.initrd_addr_max;
  kernel.cmdline_max = header.cmdline_size;
  kernel.header = header;
  return kernel;
}

}  // namespace hive::boot

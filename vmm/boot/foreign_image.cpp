#include "vmm/boot/foreign_image.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace hive::boot {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view description;
};

// The arm64 Image starts with "MZ" too, so it comes before EFI programs.
constexpr std::array kSignatures{
    Signature{56, "ARM\x64"sv, "an arm64 kernel; use one for x86-64"},
    Signature{0, "MZ"sv,
              "an EFI program without a Linux boot header; use the bzImage that it was made of"},
    Signature{0, "\x1f\x8b"sv, "gzip data; unpack it first (gunzip)"},
    Signature{0, "\xfd\x37zXZ\0"sv, "xz data; unpack it first (unxz)"},
    Signature{0, "\x28\xb5\x2f\xfd"sv, "zstd data; unpack it first (unzstd)"},
    Signature{0, "\x02\x21\x4c\x18"sv, "lz4 data; unpack it first (unlz4)"},
    Signature{0, "BZh"sv, "bzip2 data; unpack it first (bunzip2)"},
    Signature{0, "07070"sv, "a cpio archive; did you mean it as the initrd?"},
    Signature{0, "#!"sv,
              "a script; give the path of a bzImage or of an ELF kernel with a PVH entry"},
};

bool matches(const Signature& signature, std::span<const std::byte> head) {
  if (head.size() < signature.offset + signature.bytes.size()) return false;
  return std::equal(signature.bytes.begin(), signature.bytes.end(),
                    head.begin() + static_cast<std::ptrdiff_t>(signature.offset),
                    [](char a, std::byte b) { return std::byte(a) == b; });
}

}  // namespace

std::string describe_foreign(std::span<const std::byte> head) {
  const auto* found = std::find_if(kSignatures.begin(), kSignatures.end(),
                                   [&](const auto& signature) { return matches(signature, head); });
  if (found != kSignatures.end()) {
    return "not a kernel: it looks like " + std::string(found->description);
  }
  return "not a kernel; give the path of a bzImage or of an ELF kernel with a PVH entry";
}

}  // namespace hive::boot

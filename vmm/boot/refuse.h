// How loaders refuse an image.
#pragma once

#include <string>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/boot/image_source.h"

namespace hive::boot {

/// Throws Error("NAME OF IMAGE: WHY").
[[noreturn]] inline void refuse(const ImageSource& image, const std::string& why) {
  throw Error(image.name() + ": " + why);
}

/// BYTES for a reader: whole MiB, rounded up.
inline std::string in_mib(std::uint64_t bytes) {
  return std::to_string(bytes / kMiB + (bytes % kMiB != 0 ? 1 : 0)) + " MiB";
}

}  // namespace hive::boot

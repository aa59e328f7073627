// A block device of a test's own.
#pragma once

#include <cstdint>
#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::test {

/// A loop device over an unlinked temporary file. The kernel detaches it once nobody has it open,
/// also when the test dies. Needs root and /dev/loop-control.
class LoopDevice {
 public:
  /// Why this process cannot have such a device; empty when it can.
  static std::string unavailable();

  /// A device of SIZE zero bytes. Throws Error.
  explicit LoopDevice(std::uint64_t size);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  UniqueFd device_;
};

}  // namespace hive::test

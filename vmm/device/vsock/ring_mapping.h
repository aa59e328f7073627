// A ring file in this process's memory.
#pragma once

#include <cstddef>
#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::device::vsock {

/// Maps a ring file, which may be given by another process, for as long as this lives.
class RingMapping {
 public:
  /// Closes FILE. WHAT names the ring in errors. Throws Error where FILE is no ring file or cannot
  /// be mapped.
  RingMapping(UniqueFd file, const std::string& what);
  RingMapping(const RingMapping&) = delete;
  RingMapping& operator=(const RingMapping&) = delete;
  ~RingMapping();

  [[nodiscard]] std::byte* base() const { return base_; }

 private:
  std::byte* base_;
};

}  // namespace hive::device::vsock

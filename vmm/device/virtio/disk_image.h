// A file or block device that backs a disk.
#pragma once

#include <cstdint>
#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::device {

/// An open and locked raw image. The lock (an open file description lock on the whole file: shared
/// when read-only, else exclusive) keeps other cells and programs that lock, QEMU among them, from
/// using the disk at the same time; it goes with the process. A block device that is written is
/// held exclusively too, as a mount holds it.
class DiskImage {
 public:
  static constexpr std::uint64_t kSectorSize = 512;

  /// Opens PATH. Throws Error naming it when it is missing, busy, not permitted, neither a file nor
  /// a block device, or not a whole number of sectors long.
  static DiskImage open(const std::string& path, bool read_only);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool read_only() const { return read_only_; }
  /// Whether even to begin an operation may wait for the file's server: true of FUSE, which asks it
  /// whether the file can be polled.
  [[nodiscard]] bool begins_slowly() const { return begins_slowly_; }
  [[nodiscard]] std::uint64_t sectors() const { return sectors_; }

 private:
  DiskImage() = default;

  UniqueFd fd_;
  std::string path_;
  bool read_only_ = false;
  bool begins_slowly_ = false;
  std::uint64_t sectors_ = 0;
};

}  // namespace hive::device

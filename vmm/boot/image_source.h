// Where a kernel or an initrd is read from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::boot {

/// A file's bytes, in whatever place. Its content is untrusted: readers bound every offset and
/// length by size().
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// What errors call it: a path.
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// Fills all of OUT with the bytes at OFFSET. Throws Error when they end early or cannot be read.
  virtual void read(std::uint64_t offset, std::span<std::byte> out) const = 0;
};

/// A regular file, read by pread straight into its destination: nothing of it stays in the VMM.
class FileImage : public ImageSource {
 public:
  /// Opens PATH; WHAT ("kernel", "initrd") is its part in errors. Throws Error when it is missing,
  /// not readable or not a regular file.
  FileImage(const std::string& path, const char* what);

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::string name_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
};

}  // namespace hive::boot

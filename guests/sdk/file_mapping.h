// A piece of a file, mapped into this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "guests/sdk/result.h"
#include "vmm/base/unique_fd.h"

namespace hive::sdk {

/// Owns a shared mapping, and the descriptor that it was made from. None where address() is null.
class FileMapping {
 public:
  /// SIZE bytes of PATH from OFFSET, a multiple of the page size. HIVE_OUT_OF_RANGE: it is shorter.
  static Result<FileMapping> map(const std::string& path, std::uint64_t offset, std::size_t size,
                                 bool writable);

  FileMapping() = default;
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;
  FileMapping(FileMapping&& other) noexcept;
  FileMapping& operator=(FileMapping&& other) noexcept;
  ~FileMapping();

  [[nodiscard]] unsigned char* address() const { return address_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] int descriptor() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  unsigned char* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace hive::sdk

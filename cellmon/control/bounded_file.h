// A file that cannot fill the disk.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vmm/base/unique_fd.h"

namespace hive::control {

/// Appends to a file. When that reaches `limit` bytes it becomes PATH.old, in place of an earlier
/// one, and a new file begins: at most twice the limit is kept, and at least the last `limit`
/// bytes.
class BoundedFile {
 public:
  enum class Begin {
    kAnew,   ///< What was there is lost.
    kAtEnd,  ///< Goes on after what another process has left there.
  };

  /// Makes PATH, mode 0600, where it is not there. Throws Error.
  BoundedFile(std::string path, std::size_t limit, Begin begin = Begin::kAnew);
  ~BoundedFile();
  BoundedFile(const BoundedFile&) = delete;
  BoundedFile& operator=(const BoundedFile&) = delete;
  BoundedFile(BoundedFile&&) = delete;
  BoundedFile& operator=(BoundedFile&&) = delete;

  /// Bytes that the disk does not take are lost.
  void append(std::string_view bytes);

  [[nodiscard]] const std::string& path() const { return path_; }

  /// Leaves the files behind.
  void keep() { keep_ = true; }

 private:
  [[nodiscard]] UniqueFd create(Begin begin) const;
  [[nodiscard]] std::string old_path() const { return path_ + ".old"; }

  std::string path_;
  std::size_t limit_;
  std::size_t size_ = 0;
  bool keep_ = false;
  UniqueFd fd_;
};

}  // namespace hive::control

// Memory that is all-ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vmm/base/unique_fd.h"

namespace hive::memory {

/// A mapping of all-ones that nobody can write, a short file over and over: it takes hardly any
/// memory, however long it is, and none before fill(). Const after that.
class AllOnes {
 public:
  /// SIZE bytes, in whole pages; nothing where that is 0. They are zeros until fill(). Throws
  /// Error.
  explicit AllOnes(std::uint64_t size);
  AllOnes(const AllOnes&) = delete;
  AllOnes& operator=(const AllOnes&) = delete;
  ~AllOnes();

  /// Makes it all-ones, with no mapping and no new descriptor. Throws Error.
  void fill();

  [[nodiscard]] std::byte* base() const { return base_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] bool contains(const std::byte* place) const;

 private:
  std::uint64_t size_;
  std::uint64_t piece_;
  UniqueFd file_;
  std::byte* base_ = nullptr;
  bool filled_ = false;
};

}  // namespace hive::memory

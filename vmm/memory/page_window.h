// Pages of other processes, side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hive::memory {

/// Files of one page each, mapped one after the other: nobody can write there, neither in this
/// process nor in a guest that is shown it.
class PageWindow {
 public:
  /// A place for each of FILES, in order, and zeros up to the next power of two. A file of -1 is
  /// zeros too. The files may be closed afterwards. Throws Error, naming a file that is not of one
  /// page, or whose size is not sealed.
  explicit PageWindow(std::span<const int> files);
  PageWindow(const PageWindow&) = delete;
  PageWindow& operator=(const PageWindow&) = delete;
  ~PageWindow();

  /// What the pages hold now: their writers go on.
  [[nodiscard]] std::span<const std::byte> bytes() const { return {base_, size_}; }

 private:
  std::size_t size_;
  const std::byte* base_;
};

}  // namespace hive::memory

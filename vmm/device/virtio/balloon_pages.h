// Which pages of its RAM a guest has given away.
#pragma once

#include <cstdint>
#include <vector>

namespace hive::device {

/// A set of pages, numbered from 0. Pure.
class BalloonPages {
 public:
  explicit BalloonPages(std::uint64_t pages) : held_(pages) {}

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// PAGE, which is below the number of pages, comes in. False where it is in already.
  bool add(std::uint64_t page) {
    if (held_[page]) return false;
    held_[page] = true;
    ++count_;
    return true;
  }
  /// The reverse. False where it is not in.
  bool remove(std::uint64_t page) {
    if (!held_[page]) return false;
    held_[page] = false;
    --count_;
    return true;
  }
  void clear() {
    held_.assign(held_.size(), false);
    count_ = 0;
  }

 private:
  std::vector<bool> held_;
  std::uint64_t count_ = 0;
};

}  // namespace hive::device

// The cells' system areas (guests/abi/system_area.h), as one of them sees them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "guests/abi/global_memory.h"
#include "guests/abi/system_area.h"
#include "guests/sdk/device.h"
#include "guests/sdk/events/recovery_news.h"

namespace hive::sdk {

/// Where a word is, for those who wait for it and those who wake them.
struct WaitKey {
  std::uint32_t home = 0;
  std::uint64_t offset = 0;
};

/// Thread-safe. Others' areas may hold anything, change at any moment and fault.
class SystemAreas {
 public:
  /// DEVICE outlives the object and does not move.
  explicit SystemAreas(const Device& device);

  /// Whether this cell has an area that it may write.
  [[nodiscard]] bool has_own() const { return own_ != nullptr; }

  /// Zeroes this cell's area where it is of an earlier incarnation. While no other program does so:
  /// under the lock of the registers. Needs has_own().
  void renew();

  /// This cell's number of waiters for KEY. Needs has_own().
  void add_waiter(const WaitKey& key);
  void remove_waiter(const WaitKey& key);

  /// Whether threads of CELL may wait for KEY, as CELL says; false where it is gone or has no area.
  [[nodiscard]] bool has_waiters(std::uint32_t cell, const WaitKey& key) const;

  /// Of CELL, as it says; 0 where it does not, or is gone, or has no area.
  [[nodiscard]] std::uint32_t incarnation(std::uint32_t cell) const;

  /// Where CELL says that its section of SIPS PORT starts, in bytes from the start of its
  /// contribution, if it is open.
  [[nodiscard]] std::optional<std::uint64_t> sips_section(std::uint32_t cell,
                                                          std::uint32_t port) const;
  /// Says so of this cell; FIRST is the section's first page. Needs has_own().
  void set_sips_section(std::uint32_t port, std::uint64_t first);
  void clear_sips_section(std::uint32_t port);

  /// What this cell's monitor tells; nothing where the cell has no area, or it is not mapped.
  [[nodiscard]] RecoveryNews news() const;
  /// Where the word that changes with each discard is. Where the news are_there().
  [[nodiscard]] WaitKey news_key() const;

 private:
  std::array<unsigned char*, HIVE_GLOBAL_MAX_CELLS> areas_{};  ///< Null where there is none.
  hive_system_area* own_ = nullptr;
  std::uint32_t cells_;
  std::uint32_t cell_;  ///< This one.
  std::uint32_t incarnation_;
  std::uint64_t own_offset_ = 0;  ///< Of the area in this cell's contribution.
};

}  // namespace hive::sdk

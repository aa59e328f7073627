// Which blocks of its spare memory a guest has plugged in.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vmm/base/range.h"

namespace hive::device {

/// The blocks of a virtio-mem device (virtio 1.2, 5.15). Addresses are the guest's, and may be
/// anything. Pure.
class MemBlocks {
 public:
  enum class State { kPlugged, kUnplugged, kMixed };
  /// What a request came to, as the driver is told.
  enum class Answer {
    kDone,
    kDenied,  ///< More than is wanted.
    kWrong,   ///< No blocks of the usable region, or not in that state.
  };

  /// REGION, of whole blocks of BLOCK bytes and not empty.
  MemBlocks(Range region, std::uint64_t block);

  /// The guest is to have BYTES plugged in: whole blocks, not above the region.
  void want(std::uint64_t bytes);
  [[nodiscard]] std::uint64_t wanted() const { return wanted_; }
  /// Bytes that are plugged in.
  [[nodiscard]] std::uint64_t plugged() const { return plugged_ * block_; }
  /// Bytes from the region's start on in which the guest may plug. As much as was ever wanted, and
  /// room for Linux to choose from: it plugs into parts of its own size.
  [[nodiscard]] std::uint64_t usable() const { return usable_; }
  [[nodiscard]] const Range& region() const { return region_; }
  [[nodiscard]] std::uint64_t block() const { return block_; }

  Answer plug(std::uint64_t address, std::uint16_t blocks);
  Answer unplug(std::uint64_t address, std::uint16_t blocks);
  /// The first blocks within WITHIN, of the region, that are plugged in: MOST at most, of those
  /// that follow each other. Nothing where there is none.
  [[nodiscard]] std::optional<Range> first_plugged(const Range& within, std::uint16_t most) const;
  /// Nothing is plugged in any more: the usable region is what is wanted now, and that room.
  void shrink() { usable_ = usable_for(wanted_); }
  /// Of BLOCKS blocks from ADDRESS on. Nothing where they are no blocks of the usable region.
  [[nodiscard]] std::optional<State> look(std::uint64_t address, std::uint16_t blocks) const;

  /// What BLOCKS blocks from ADDRESS on are, in bytes.
  [[nodiscard]] Range range_of(std::uint64_t address, std::uint16_t blocks) const {
    return {address, blocks * block_};
  }

 private:
  [[nodiscard]] bool are_blocks(std::uint64_t address, std::uint16_t blocks) const;
  [[nodiscard]] std::uint64_t index_of(std::uint64_t address) const {
    return (address - region_.start) / block_;
  }
  [[nodiscard]] std::uint64_t count(std::uint64_t address, std::uint16_t blocks) const;
  void set(std::uint64_t address, std::uint16_t blocks, bool plugged);
  [[nodiscard]] std::uint64_t usable_for(std::uint64_t bytes) const;

  Range region_;
  std::uint64_t block_;
  std::uint64_t wanted_ = 0;
  std::uint64_t usable_ = 0;
  std::uint64_t plugged_ = 0;  ///< Blocks.
  std::vector<bool> blocks_;
};

}  // namespace hive::device

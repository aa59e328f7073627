// Doorbells of several cells among threads and processes, as UIO devices hand them to programs.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "guests/abi/global_memory.h"
#include "guests/sdk/events/bell.h"

namespace hive::testing {

/// What the cells' interrupt pins and kernels know. In memory that forked processes share.
class FakeBells {
 public:
  FakeBells();
  ~FakeBells();
  FakeBells(const FakeBells&) = delete;
  FakeBells& operator=(const FakeBells&) = delete;

  /// As programs of CELL have it. This object outlives it.
  std::unique_ptr<sdk::Bell> bell(std::uint32_t cell);

  /// How often CELL was rung, and how many interrupts it took.
  [[nodiscard]] std::uint32_t rings(std::uint32_t cell) const;
  [[nodiscard]] std::uint32_t interrupts(std::uint32_t cell) const;
  void ring(std::uint32_t cell);

  /// From now on CELL's pin is always on (HIVE_GLOBAL_PIN_ALWAYS), and its handler slow: from an
  /// interrupt to end_interrupt() what rings is lost.
  void set_slow(std::uint32_t cell);
  void end_interrupt(std::uint32_t cell);

  /// One cell's device and kernel: a ring is pending until it interrupts; the handler counts the
  /// interrupt, and masks further ones.
  struct Cell {
    std::uint32_t lock;
    std::uint32_t pending;
    std::uint32_t masked;
    std::uint32_t interrupts;
    int event;  ///< Written at each interrupt; never read.
    std::uint32_t rings;
    std::uint32_t slow;
    std::uint32_t in_handler;
  };

 private:
  std::array<Cell, HIVE_GLOBAL_MAX_CELLS>* cells_;
};

}  // namespace hive::testing

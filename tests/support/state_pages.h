// State pages as any process may have written them.
#pragma once

#include <cstdint>

#include "guests/abi/state_page.h"

namespace hive::test {

/// A page of CELL's without any figures.
inline hive_state_page state_page(std::uint32_t cell) {
  hive_state_page page{};
  page.magic = HIVE_STATE_MAGIC;
  page.version = HIVE_STATE_VERSION;
  page.cell = cell;
  page.incarnation = 1;
  page.epoch = 1;
  return page;
}

/// A page of CELL's, whose guest has had RAN of CPU time up to TIME, and waited for half as much
/// again: two vCPUs, 100 blocks of its own, of which AVAILABLE are free.
inline hive_state_page state_page(std::uint32_t cell, std::uint64_t time, std::uint64_t ran,
                                  std::uint64_t available) {
  constexpr std::uint64_t kBlock = 2U << 20U;
  hive_state_page page = state_page(cell);
  page.guest.time_ns = page.memory.time_ns = page.shares.time_ns = time;
  page.guest.ran_ns = ran;
  page.guest.waited_ns = ran / 2;
  page.memory.load.total = 100 * kBlock;
  page.memory.load.free = page.memory.load.available = available * kBlock;
  page.shares.vcpus = 2;
  page.shares.weight = page.shares.usual_weight = 100;
  page.shares.own_blocks = page.shares.room_blocks = 100;
  page.shares.reserve_blocks = 10;
  page.shares.placement = HIVE_STATE_NO_CELL;
  return page;
}

}  // namespace hive::test

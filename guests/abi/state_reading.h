// Reading and writing state pages, in monitors and in guests alike.
#pragma once

#include <cstddef>
#include <cstdint>

#include "guests/abi/state_page.h"

namespace hive {

/// What was read of a state page: a copy. What is in it may be anything.
struct StateReading {
  std::uint64_t heartbeat = 0;
  std::uint32_t incarnation = 0;
  std::uint64_t epoch = 0;
  // Whether each of them is of one moment, and of `incarnation`: its writer may be at it each time
  // that somebody looks.
  bool has_guest = false;
  bool has_memory = false;
  bool has_shares = false;
  bool has_sections = false;
  bool has_uses = false;
  hive_state_guest guest{};
  hive_state_memory memory{};
  hive_state_shares shares{};
  hive_state_sections sections{};
  hive_state_uses uses{};
};

namespace state_page {

/// A word of a page, whatever its members are.
using Word = std::uint64_t __attribute__((may_alias));

/// How often a reader looks at figures that are being written. The writer takes far less than a
/// microsecond, unless it is stopped or ends in the middle.
inline constexpr unsigned kTries = 100;

inline std::uint64_t load(const std::uint64_t& word) {
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}

inline void store(std::uint64_t& word, std::uint64_t value) {
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}

template <typename Group>
void copy_words(const Group& from, Group& to) {
  static_assert(sizeof(Group) % sizeof(Word) == 0 && alignof(Group) == alignof(Word));
  const auto* source = reinterpret_cast<const Word*>(&from);
  auto* target = reinterpret_cast<Word*>(&to);
  for (std::size_t i = 0; i < sizeof(Group) / sizeof(Word); ++i) {
    __atomic_store_n(target + i, __atomic_load_n(source + i, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
  }
}

/// Copies FROM, which goes with TURN, to TO. False, with anything in TO, when it is written each
/// time.
template <typename Group>
bool read_group(const std::uint64_t& turn, const Group& from, Group& to) {
  for (unsigned tries = 0; tries < kTries; ++tries) {
    const std::uint64_t before = load(turn);
    if (before % 2 != 0) continue;
    copy_words(from, to);
    if (load(turn) == before) return true;
  }
  return false;
}

/// The other way round. One writer at a time.
template <typename Group>
void write_group(std::uint64_t& turn, Group& to, const Group& from) {
  const std::uint64_t before = load(turn);
  store(turn, before + 1);
  copy_words(from, to);
  store(turn, before + 2);
}

}  // namespace state_page

/// Reads PAGE, which another process may be writing. False when it is not a page of CELL's of this
/// version, or its monitor names an incarnation that cannot be; READING is then of no use. Time is
/// bounded, whatever is written meanwhile.
inline bool read_state_page(const hive_state_page& page, std::uint32_t cell,
                            StateReading& reading) {
  const std::uint64_t version_and_cell =
      __atomic_load_n(reinterpret_cast<const state_page::Word*>(&page.version), __ATOMIC_ACQUIRE);
  if (state_page::load(page.magic) != HIVE_STATE_MAGIC ||
      version_and_cell != (std::uint64_t{cell} << 32 | HIVE_STATE_VERSION)) {
    return false;
  }
  const std::uint64_t incarnation = state_page::load(page.incarnation);
  if (incarnation >> 32 != 0) return false;
  reading.heartbeat = state_page::load(page.heartbeat);
  reading.incarnation = static_cast<std::uint32_t>(incarnation);
  reading.epoch = state_page::load(page.epoch);
  reading.has_guest = state_page::read_group(page.guest_turn, page.guest, reading.guest);
  reading.has_memory = state_page::read_group(page.memory_turn, page.memory, reading.memory);
  reading.has_shares = state_page::read_group(page.shares_turn, page.shares, reading.shares);
  reading.has_sections =
      state_page::read_group(page.sections_turn, page.sections, reading.sections);
  reading.has_uses = state_page::read_group(page.uses_turn, page.uses, reading.uses);
  if (state_page::load(page.incarnation) != incarnation) {
    reading.has_guest = reading.has_memory = reading.has_shares = false;
    reading.has_sections = reading.has_uses = false;
  }
  return true;
}

}  // namespace hive

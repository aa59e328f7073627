// Where the micro guest's workload (micro_work.h) has its memory, and the script that performs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "guests/abi/micro_script.h"
#include "guests/abi/micro_work.h"

namespace hive::micro {

/// In each contribution, from its start: pages that its home alone writes, and those that the cell
/// before it (the last one, for the first) may stamp.
inline constexpr std::uint64_t kOwnPage = 1;
inline constexpr std::uint64_t kOwnPages = 2;
inline constexpr std::uint64_t kStampedPage = 8;
inline constexpr std::uint64_t kStampedPages = 1;

/// One of CELLS guests, number INDEX, each of which contributes PART bytes of global memory that
/// begins at WINDOW in this guest; or 0: none. Seeds are SEED + INDEX; see hive_micro_work.
struct WorkPlace {
  std::uint64_t cells = 1;
  std::uint64_t index = 0;
  std::uint64_t window = 0;
  std::uint64_t part = 0;
  std::uint64_t seed = 1;
  std::uint64_t pages = 8;
  std::uint64_t sleep = 60'000'000;
};

inline hive_micro_work make_work(const WorkPlace& place) {
  constexpr std::uint64_t kPage = 4096;
  constexpr std::uint64_t kWords = kPage / sizeof(std::uint64_t);
  constexpr std::uint64_t kStampWords = 32;
  hive_micro_work work{};
  work.seed = place.seed + place.index;
  work.private_start = HIVE_MICRO_FREE + kPage;
  work.private_words = place.pages * kWords;
  work.sleep = place.sleep;
  if (place.part == 0) return work;
  const auto page_of = [&](std::uint64_t cell, std::uint64_t page) {
    return place.window + cell * place.part + page * kPage;
  };
  work.own = page_of(place.index, kOwnPage);
  work.own_words = kOwnPages * kWords;
  if (place.cells < 2) return work;
  work.stamped = page_of(place.index, kStampedPage);
  work.stamps = page_of((place.index + 1) % place.cells, kStampedPage);
  work.stamp_words = kStampWords;
  work.stamper = place.seed + (place.index + place.cells - 1) % place.cells;
  return work;
}

/// Performs the workload for ever.
inline std::vector<Action> work_script(const WorkPlace& place) {
  constexpr std::uint64_t kWork = HIVE_MICRO_FREE;
  constexpr std::uint64_t kGib = std::uint64_t{1} << 30;
  std::vector<Action> script;
  const std::uint64_t size = place.cells * place.part;
  for (std::uint64_t mapped = 0; mapped < size; mapped += kGib) {
    script.push_back(map(place.window + mapped));
  }
  const hive_micro_work work = make_work(place);
  const auto* words = reinterpret_cast<const std::uint64_t*>(&work);
  for (std::size_t i = 0; i < sizeof(work) / sizeof(std::uint64_t); ++i) {
    script.push_back(store(8, kWork + i * sizeof(std::uint64_t), words[i]));
  }
  script.push_back(fill_work(kWork));
  script.push_back(loop(UINT64_MAX, 2));
  script.push_back(do_work(kWork));
  script.push_back(stamp_work(kWork));
  return script;
}

}  // namespace hive::micro

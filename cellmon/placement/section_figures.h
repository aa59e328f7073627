// What a home tells of its sections that may be moved.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "guests/abi/state_page.h"
#include "vmm/base/ids.h"

namespace hive::placement {

/// A section that may be moved.
struct SectionFigures {
  std::uint32_t number = 0;  ///< Home's number for it, not 0.
  std::uint64_t pages = 0;   ///< At least 1.
  bool moving = false;
};

/// How much all cells use the sections of one home. Pure, not thread-safe.
class HomeUses {
 public:
  explicit HomeUses(CellId home) : home_(static_cast<std::uint32_t>(home)) {}

  /// What one cell's page says, which may be anything.
  void add(const hive_state_uses& uses);
  [[nodiscard]] std::uint64_t of(std::uint32_t number) const;

 private:
  std::uint32_t home_;
  std::map<std::uint32_t, std::uint64_t> uses_;
};

/// What is to be published of SECTIONS, but for its time: those that are used most, and of those
/// that are used alike the ones with the lowest numbers.
hive_state_sections most_used(std::vector<SectionFigures> sections, const HomeUses& uses);

}  // namespace hive::placement

// The guest that the firewall's bench measures with.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "guests/abi/micro_script.h"
#include "tests/kvm/harness/global_cells.h"

namespace hive::bench {

/// Two cells. Alpha, cell 0, is home of the pages; its guest does nothing. Beta's guest performs
/// rounds of turns, all rounds the same, each turn when perform() says so; in between it spins, so
/// that its vCPU runs while rights change. Not thread-safe.
class Guest {
 public:
  using Turn = std::vector<micro::Action>;

  /// Each contribution has SIZE bytes, a multiple of 2 MiB and at most 1 GiB. Throws.
  Guest(std::uint64_t size, const std::vector<Turn>& turns);

  [[nodiscard]] test::Home& home() { return cells_.home(0); }

  /// Where the guest has byte OFFSET of alpha's contribution, of SIZE bytes.
  static std::uint64_t address(std::uint64_t size, std::uint64_t offset) {
    return test::GlobalCells::address(0, offset, size);
  }

  /// Performs TURN, an index of TURNS. Turns come in their order, from the first again after the
  /// last. Returns each action's value, which is the ticks that it took where it counts any.
  std::vector<std::uint64_t> perform(unsigned turn);

  /// The ticks of the guest's clock in a microsecond, as its whole run so far shows.
  [[nodiscard]] double ticks_in_us() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Place {
    unsigned first = 0;  ///< Of the turn's actions in the script.
    unsigned count = 0;
  };
  struct Look {
    Clock::time_point here;
    std::uint64_t there = 0;  ///< The guest's clock.
  };

  static std::vector<micro::Action> script(std::uint64_t size, const std::vector<Turn>& turns);
  static std::vector<Place> places_of(const std::vector<Turn>& turns);

  std::vector<Place> places_;
  test::GlobalCells cells_;
  Look first_, last_;
};

}  // namespace hive::bench

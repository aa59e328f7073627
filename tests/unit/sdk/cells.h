// Several cells of one made-up machine, each with its own view of the same global memory.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include "guests/sdk/events/events.h"
#include "guests/sdk/guard.h"
#include "guests/sdk/machine.h"
#include "tests/support/fake_bells.h"
#include "tests/support/fake_global_device.h"

namespace hive::testing {

/// Cells 0 and 1 contribute 2 MiB each, cell 2 nothing. A sleeper looks again after a minute, so
/// that a wake-up that is lost fails the test.
class Cells {
 public:
  static constexpr std::uint64_t kPages = 512;
  static constexpr std::chrono::minutes kLongestSleep{1};

  /// As seen by programs of CELL.
  sdk::Device device(std::uint32_t cell, std::uint32_t incarnation = 1) {
    auto opened = sdk::open_device({}, fake.paths());
    EXPECT_TRUE(opened.ok());
    sdk::Device device = std::move(opened).value();
    device.facts.cell = cell;
    device.facts.incarnation = incarnation;
    return device;
  }
  std::unique_ptr<sdk::Machine> machine(std::uint32_t cell, std::uint32_t incarnation = 1) {
    return std::make_unique<sdk::Machine>(device(cell, incarnation), std::chrono::seconds(60),
                                          bells.bell(cell));
  }

  FakeGlobalDevice fake{3, 0, kPages};
  FakeBells bells;
};

/// One cell's Events, over its own view.
struct CellEvents {
  CellEvents(Cells& cells, std::uint32_t cell)
      : device(cells.device(cell)),
        events(
            device, cells.bells.bell(cell),
            [this](sdk::Clock::time_point) {
              if (events.areas().has_own()) events.areas().renew();
              return sdk::Done{};
            },
            Cells::kLongestSleep) {
    EXPECT_EQ(sdk::install_guard(), 0);
  }

  [[nodiscard]] std::uint32_t* word(std::uint32_t home, std::uint64_t offset) const {
    return reinterpret_cast<std::uint32_t*>(device.window.address() +
                                            device.facts.parts[home].offset + offset);
  }

  sdk::Device device;
  sdk::Events events;
};

inline std::uint32_t load(const std::uint32_t* word) {
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
inline void store(std::uint32_t* word, std::uint32_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

}  // namespace hive::testing

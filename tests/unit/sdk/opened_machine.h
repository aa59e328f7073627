// A machine that a program has opened, over a device that a thread plays.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "guests/sdk/machine.h"
#include "tests/support/fake_global_device.h"

namespace hive::sdk::testing {

inline std::unique_ptr<Machine> open(hive::testing::FakeGlobalDevice& device,
                                     hive_options options = {}) {
  auto machine = Machine::open(options, device.paths());
  EXPECT_TRUE(machine.ok()) << (machine.ok() ? "" : machine.failure().message);
  return std::move(machine).value();
}

}  // namespace hive::sdk::testing

#include "vmm/cell/single_step.h"

#include <gtest/gtest.h>

#include <array>

namespace hive::cell {
namespace {

std::array<std::byte, 16> gate(std::uint8_t type) {
  constexpr std::array<std::uint8_t, 16> kBytes{0x10, 0x32, 0x08, 0,    0,    0,
                                                0x54, 0x76, 0x98, 0xba, 0xff, 0xff};
  std::array<std::byte, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte{kBytes[i]};
  bytes[5] = std::byte{type};
  return bytes;
}

TEST(HandlerIn, PutsTheAddressTogether) { EXPECT_EQ(handler_in(gate(0x8e)), 0xffffba9876543210U); }

TEST(HandlerIn, FindsNoneInAGateThatIsNotPresent) {
  EXPECT_EQ(handler_in(gate(0x0e)), std::nullopt);
}

TEST(PushesErrorCode, FollowsTheManual) {
  for (const int vector : {8, 10, 11, 12, 13, 14, 17, 21, 29, 30}) {
    EXPECT_TRUE(pushes_error_code(static_cast<std::uint8_t>(vector))) << vector;
  }
  for (const int vector : {0, 1, 2, 3, 6, 7, 9, 15, 16, 18, 19, 20, 31, 32, 40, 45, 255}) {
    EXPECT_FALSE(pushes_error_code(static_cast<std::uint8_t>(vector))) << vector;
  }
}

}  // namespace
}  // namespace hive::cell

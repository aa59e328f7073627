#include "guests/abi/flow_window.h"

#include <gtest/gtest.h>

namespace hive::abi {
namespace {

constexpr std::size_t kWindow = HIVE_AGENT_WINDOW_BYTES;

TEST(SendWindow, NeverExceedsAWindow) {
  SendWindow window;
  EXPECT_EQ(window.available(), kWindow);
  EXPECT_FALSE(window.extend(1));
  window.spend(10);
  EXPECT_FALSE(window.extend(11));
  EXPECT_FALSE(window.extend(~0U));
  EXPECT_TRUE(window.extend(10));
  EXPECT_EQ(window.available(), kWindow);
}

TEST(ReceiveWindow, RefusesAnOverrun) {
  ReceiveWindow window;
  EXPECT_TRUE(window.accept(kWindow));
  EXPECT_FALSE(window.accept(1));
}

TEST(ReceiveWindow, KeepsASenderGoingForEver) {
  SendWindow sender;
  ReceiveWindow receiver;
  std::size_t sent = 0;
  while (sent < 10 * kWindow) {
    const std::size_t piece = std::min<std::size_t>(sender.available(), 1000);
    ASSERT_GT(piece, 0U);
    sender.spend(piece);
    ASSERT_TRUE(receiver.accept(piece));
    sent += piece;
    const std::uint32_t grant = receiver.release(piece);
    ASSERT_TRUE(grant == 0 || sender.extend(grant));
  }
}

TEST(ReceiveWindow, GathersSmallPieces) {
  ReceiveWindow window;
  ASSERT_TRUE(window.accept(kWindow));
  EXPECT_EQ(window.release(1), 0U);
  EXPECT_EQ(window.release(kWindow / 4 - 1), kWindow / 4);
}

}  // namespace
}  // namespace hive::abi

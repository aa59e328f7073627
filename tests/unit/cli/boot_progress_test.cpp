#include "cellmon/cli/boot_progress.h"

#include <gtest/gtest.h>

namespace hive::cli {
namespace {

using Outcome = CellBoot::Outcome;

constexpr CellBoot::Clock::time_point kStart{};

CellBoot::Clock::time_point at(double seconds) {
  return kStart + std::chrono::milliseconds(static_cast<int>(seconds * 1000));
}

wire::Event event(const char* kind, const char* detail = "") {
  wire::Event event;
  event.kind = kind;
  event.detail = detail;
  return event;
}

TEST(CellBoot, FollowsACellUp) {
  CellBoot boot("alpha", kStart);
  EXPECT_TRUE(boot.take(event("starting"), at(0)));
  EXPECT_EQ(boot.outcome(true), Outcome::kPending);
  EXPECT_TRUE(boot.take(event("booting"), at(0.1)));
  EXPECT_EQ(boot.change(), "alpha: booting");
  EXPECT_EQ(boot.outcome(true), Outcome::kUp);
  EXPECT_EQ(boot.outcome(false), Outcome::kPending);
  EXPECT_FALSE(boot.take(event("agent-up"), at(3)));
  EXPECT_TRUE(boot.take(event("running"), at(3.2)));
  EXPECT_EQ(boot.outcome(false), Outcome::kUp);
  EXPECT_EQ(boot.change(), "alpha: running after 3.2 s");
  EXPECT_FALSE(boot.take(event("off"), at(9))) << "what comes later does not count";
}

TEST(CellBoot, GoesOnOverAReboot) {
  CellBoot boot("alpha", kStart);
  boot.take(event("booting"), at(1));
  boot.take(event("rebooting"), at(2));
  boot.take(event("starting"), at(2));
  EXPECT_EQ(boot.outcome(false), Outcome::kPending);
}

TEST(CellBoot, FailsWithItsReason) {
  CellBoot failed("alpha", kStart);
  failed.take(event("failed", "not started: \x1b[31mno kernel"), at(0.1));
  EXPECT_EQ(failed.outcome(true), Outcome::kFailed);
  EXPECT_EQ(failed.failure(), "failed: not started:  [31mno kernel");
  EXPECT_FALSE(failed.has_run());

  CellBoot off("alpha", kStart);
  off.take(event("booting"), at(0.1));
  off.take(event("off"), at(1));
  EXPECT_EQ(off.outcome(false), Outcome::kFailed);
  EXPECT_TRUE(off.has_run());

  CellBoot lost("alpha", kStart);
  lost.lose(at(1));
  EXPECT_EQ(lost.failure(), "its monitor is gone");
}

TEST(CellBoot, FillsALineOfATerminal) {
  CellBoot boot("alpha", kStart);
  boot.take(event("booting"), at(1));
  boot.set_console_line("[    0.5] Freeing unused kernel\x1b memory");
  EXPECT_EQ(boot.line(at(2.5), 6, 100),
            "alpha   booting     2.5 s  [    0.5] Freeing unused kernel  memory");
  EXPECT_EQ(boot.line(at(2.5), 6, 20).size(), 20U);
}

}  // namespace
}  // namespace hive::cli

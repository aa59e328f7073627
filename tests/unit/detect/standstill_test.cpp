// Guests whose vCPUs all do nothing.
#include <gtest/gtest.h>

#include "tests/unit/detect/watched_guest.h"

namespace hive::detect {
namespace {

TEST(Watchdog, FindsAGuestWhoseVcpusAllStandStill) {
  for (const bool has_agent : {true, false}) {
    Guest guest(2, has_agent);
    guest.pass(60 * kSecond, {kIdle, kProgram}, has_agent);
    const Time took = guest.until_hang({kStands, kStands});
    EXPECT_GE(took, kLimit);
    EXPECT_LE(took, kStandsLimit + kPeriod);
    EXPECT_GE(guest.watchdog.hang()->stood, kStandsLimit);
    EXPECT_EQ(guest.watchdog.hang()->silence >= kLimit, has_agent);
  }
}

TEST(Watchdog, HasNothingAgainstOneVcpuThatStandsStill) {
  Guest guest(2, false);
  guest.pass(600 * kSecond, {kStands, kIdle}, false);
  guest.pass(600 * kSecond, {kStands, kProgram}, false);
  EXPECT_FALSE(guest.hung);
}

TEST(Watchdog, HasNothingAgainstGuestsThatHaltForEver) {
  Guest guest(2, false);
  guest.pass(3600 * kSecond, {{}, {}}, false);
  EXPECT_FALSE(guest.hung);
}

TEST(Watchdog, FindsAGuestThatNothingWakes) {
  for (const bool has_agent : {true, false}) {
    Guest guest(2, has_agent);
    guest.pass(60 * kSecond, {kIdle, kProgram}, has_agent);
    const Time took = guest.until_hang({kDead, kDead});
    EXPECT_GE(took, kLimit);
    EXPECT_LE(took, kStandsLimit + kPeriod);
    EXPECT_TRUE(guest.watchdog.hang()->dead);
    EXPECT_EQ(guest.watchdog.hang()->silence >= kLimit, has_agent);
    guest.step({kDead, kIdle}, false);
    guest.step({kDead, kIdle}, false);
    EXPECT_FALSE(guest.watchdog.hang()) << "an NMI, for instance";
  }
}

TEST(Watchdog, HasNothingAgainstVcpusThatAreOffAndOneThatRests) {
  constexpr Doing kRests{.halted = true};
  Guest guest(3, false);
  guest.pass(600 * kSecond, {kRests, kDead, kUnstarted}, false);
  EXPECT_FALSE(guest.hung);
  EXPECT_NE(guest.until_hang({kDead, kDead, kUnstarted}), 0U);
}

TEST(Watchdog, TakesNoVcpuThatWasNotStartedForTheGuest) {
  Guest guest(3, false);
  guest.pass(600 * kSecond, {{}, kUnstarted, kUnstarted}, false);
  EXPECT_FALSE(guest.hung);
  EXPECT_NE(guest.until_hang({kStands, kUnstarted, kUnstarted}), 0U);
  guest.step({kStands, {}, kUnstarted}, false);
  EXPECT_FALSE(guest.watchdog.hang()) << "one was started";
}

TEST(Watchdog, TakesAnAgentThatAnswersForAGuestThatRuns) {
  Guest guest(1);
  guest.pass(600 * kSecond, {kStands}, true);
  EXPECT_FALSE(guest.hung);
}

TEST(Watchdog, TakesBackThatAGuestStandsStill) {
  Guest guest(1, false);
  EXPECT_NE(guest.until_hang({kStands}), 0U);
  guest.pass(60 * kSecond, {kStands}, false);
  EXPECT_FALSE(guest.watchdog.wants_look()) << "nobody reads them";
  ++guest.sample.vcpus[0].exits;
  guest.step({kStands}, false);
  EXPECT_FALSE(guest.watchdog.hang());
  EXPECT_EQ(guest.watchdog.standstill(), 0U);
}

TEST(Watchdog, ExcusesWhatKeepsLooksFromBeingAnswered) {
  Guest guest(1, false);
  guest.pass(600 * kSecond, {{0, 1, false, false, true}}, false);
  EXPECT_FALSE(guest.hung) << "the host has no CPU for it";
  for (int turn = 0; turn < 600; ++turn) {
    guest.sample.held_up += kPeriod;  // Nor for the VMM's own thread.
    guest.step({kStands}, false);
  }
  EXPECT_FALSE(guest.hung);
  for (int turn = 0; turn < 10; ++turn) guest.step({kStands}, false, 60 * kSecond);
  EXPECT_FALSE(guest.hung) << "nor for the watcher";
}

TEST(Watchdog, CountsNoTimeInWhichAGuestWasHeldForAStandstill) {
  Guest guest(1, false);
  guest.pass(kLimit, {kStands}, false);
  for (int turn = 0; turn < 600; ++turn) {
    guest.now += kPeriod;
    guest.watchdog.skip(guest.sample, guest.now);
  }
  guest.step({kStands}, false);
  EXPECT_FALSE(guest.watchdog.hang());
  guest.watchdog.restart();
  guest.step({kStands}, false);  // From here on.
  EXPECT_GE(guest.until_hang({kStands}), kStandsLimit);
}

TEST(Watchdog, TakesVcpusThatRunForAGuestThatRuns) {
  // A VMM whose loop passes no looks on.
  Guest guest(1, false);
  guest.looks_are_taken = false;
  guest.pass(600 * kSecond, {kProgram}, false);
  EXPECT_FALSE(guest.hung);
}

}  // namespace
}  // namespace hive::detect

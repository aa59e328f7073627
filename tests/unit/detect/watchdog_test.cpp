// Guests that spin.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/unit/detect/watched_guest.h"

namespace hive::detect {
namespace {

TEST(Watchdog, FindsAGuestThatSpinsWithInterruptsOff) {
  Guest guest(1);
  guest.pass(60 * kSecond, {kIdle}, true);
  EXPECT_FALSE(guest.hung);
  EXPECT_EQ(guest.until_hang({kHangs}), kLimit);
  const Hang hang = guest.watchdog.hang().value();
  EXPECT_EQ(hang.silence, kLimit);
  EXPECT_EQ(hang.vcpu, 0U);
  EXPECT_GE(hang.spun, kLimit);
  EXPECT_TRUE(hang.masked);
}

TEST(Watchdog, FindsOneOfSeveralVcpus) {
  Guest guest(3);
  EXPECT_EQ(guest.until_hang({kIdle, kHangs, kIdle}), kLimit);
  EXPECT_EQ(guest.watchdog.hang()->vcpu, 1U);
}

TEST(Watchdog, TakesLongerWhereInterruptsAreOn) {
  Guest guest(1);
  EXPECT_EQ(guest.until_hang({kLoops}), Watchdog::kPatience * kLimit);
  EXPECT_FALSE(guest.watchdog.hang()->masked);
}

TEST(Watchdog, HasNothingAgainstAGuestWhoseAgentAnswers) {
  Guest guest(1);
  guest.pass(600 * kSecond, {kHangs}, true);
  EXPECT_FALSE(guest.hung);
}

TEST(Watchdog, HasNothingAgainstAnIdleGuestWhoseAgentIsSilent) {
  Guest guest(2);
  guest.pass(600 * kSecond, {kIdle, {0.5, 0.2, true, false}}, false);
  EXPECT_FALSE(guest.hung);
  EXPECT_GT(guest.watchdog.silence(), kLimit) << "it can be told all the same";
}

TEST(Watchdog, HasNothingAgainstProgramsThatComputeWhileTheAgentIsStopped) {
  Guest guest(1);
  guest.pass(600 * kSecond, {kProgram}, false);
  EXPECT_FALSE(guest.hung);
  // Mostly in the kernel, now and then in a program.
  for (int turn = 0; turn < 100; ++turn) {
    guest.pass(20 * kSecond, {kLoops}, false);
    guest.step({kProgram}, false);
  }
  EXPECT_FALSE(guest.hung);
}

TEST(Watchdog, TakesInterruptsThatAreOffNowAndThenForOn) {
  Guest guest(1);
  while (guest.now < 1'000 * kSecond + 2 * kLimit) {
    guest.step({kHangs}, false);
    guest.step({kLoops}, false);
  }
  EXPECT_FALSE(guest.hung);
}

TEST(Watchdog, NeedsLooks) {
  Guest guest(1);
  guest.looks_are_taken = false;
  EXPECT_EQ(guest.until_hang({kHangs}), 0U);
  EXPECT_TRUE(guest.watchdog.wants_look());
}

TEST(Watchdog, LooksOnlyAtGuestsInDoubt) {
  Guest guest(1);
  guest.pass(60 * kSecond, {kHangs}, true);
  EXPECT_FALSE(guest.watchdog.wants_look());
  const std::uint64_t before = guest.sample.vcpus[0].looks;
  guest.pass(60 * kSecond, {kIdle}, false);
  EXPECT_LE(guest.sample.vcpus[0].looks - before, 60 * kSecond / (kLimit / 2))
      << "now and then, whether it is there";
}

TEST(Watchdog, TakesLateBooksForWhatTheyAre) {
  // A thread's time shows when it gives up its CPU, or at the kernel's slowest tick.
  Guest guest(1);
  while (!guest.watchdog.hang() && guest.now < 1'100 * kSecond) {
    guest.step({{0, 0, true, false}}, false);
    guest.step({{2, 0, true, false}}, false);
  }
  EXPECT_TRUE(guest.watchdog.hang());
}

TEST(Watchdog, CountsOnlyTimeForWhichTheHostHadACpu) {
  // Three vCPUs for each CPU, all of them busy: an agent that is to run behind them is late.
  std::mt19937 random(7);
  std::uniform_real_distribution<double> share(0.1, 0.5);
  Guest guest(3);
  for (int turn = 0; turn < 2000; ++turn) {
    std::vector<Doing> doing(3);
    for (Doing& each : doing) {
      each.ran = share(random);
      each.waited = 1 - each.ran;
      each.masked = turn % 3 == 0;
    }
    guest.step(doing, turn % 60 == 0);  // Half a minute late.
  }
  EXPECT_FALSE(guest.hung);
}

TEST(Watchdog, FindsAHangOnAnOverloadedHostAsWell) {
  Guest guest(1);
  const Time took = guest.until_hang({{1.0 / 3, 2.0 / 3, true, false}});
  EXPECT_GE(took, 3 * kLimit);
  EXPECT_LE(took, 3 * kLimit + 2 * kSecond);
}

TEST(Watchdog, ExcusesWhatKeepsAnswersFromComing) {
  Guest guest(1);
  for (int turn = 0; turn < 40; ++turn) {
    guest.sample.held_up += kPeriod;  // The VMM's own thread finds no CPU.
    guest.step({kHangs}, false);
  }
  EXPECT_FALSE(guest.hung);
}

TEST(Watchdog, ChargesNothingForItsOwnLateness) {
  Guest guest(1);
  // The host stood still, and the guest with it; then the watcher did, while the guest computed.
  guest.pass(5 * kSecond, {kHangs}, false);
  guest.step({{0, 0, true, false}}, false, 60 * kSecond);
  EXPECT_FALSE(guest.hung);
  guest.step({kHangs}, false, 60 * kSecond);
  EXPECT_FALSE(guest.hung);
  EXPECT_LT(guest.watchdog.silence(), kLimit);
  guest.pass(kLimit, {kHangs}, false);
  EXPECT_TRUE(guest.hung) << "and forgives nothing either";
}

TEST(Watchdog, BeginsAnewAfterAPause) {
  Guest guest(1);
  guest.pass(9 * kSecond, {kHangs}, false);
  guest.watchdog.restart();
  EXPECT_EQ(guest.watchdog.silence(), 0U);
  guest.now += 3600 * kSecond;
  guest.step({kHangs}, false);  // From here on.
  EXPECT_EQ(guest.until_hang({kHangs}), kLimit);
}

TEST(Watchdog, WaitsForAnAgentThatHasNotComeYet) {
  Guest guest(1);
  guest.sample.expects_answers = false;  // A long boot; or the agent is being restarted.
  guest.pass(600 * kSecond, {kHangs}, false);
  EXPECT_FALSE(guest.hung);
  EXPECT_EQ(guest.watchdog.silence(), 0U);
  guest.sample.expects_answers = true;
  EXPECT_EQ(guest.until_hang({kHangs}), kLimit) << "what was before counts not";
}

TEST(Watchdog, TakesInterruptsOffForLongWhereTheAgentIsGone) {
  Guest guest(2);
  guest.pass(60 * kSecond, {kIdle, kProgram}, true);
  guest.sample.expects_answers = false;  // Killed, as its memory was corrupted.
  guest.sample.lost_agent = true;
  guest.pass(600 * kSecond, {kIdle, kProgram}, false);
  guest.pass(600 * kSecond, {kIdle, kLoops}, false);
  EXPECT_FALSE(guest.hung);
  guest.pass(5 * kSecond, {kIdle, kIdle}, false);
  const Time took = guest.until_hang({kIdle, kHangs});
  EXPECT_GE(took, Watchdog::kPatience * kLimit);
  EXPECT_LE(took, Watchdog::kPatience * kLimit + Watchdog::kSlack + kSecond);
  EXPECT_EQ(guest.watchdog.hang()->silence, 0U);
}

TEST(Watchdog, TakesInterruptsOffWhereThereIsNoAgent) {
  Guest guest(2, false);
  guest.pass(600 * kSecond, {kIdle, kLoops}, false);
  EXPECT_FALSE(guest.hung);
  guest.pass(600 * kSecond, {kIdle, kProgram}, false);
  EXPECT_FALSE(guest.hung);
  guest.step({kIdle, kIdle}, false);
  guest.pass(5 * kSecond, {kIdle, kIdle}, false);
  const Time took = guest.until_hang({kIdle, kHangs});
  EXPECT_GE(took, kLimit);
  EXPECT_LE(took, kLimit + Watchdog::kSlack);
  EXPECT_EQ(guest.watchdog.hang()->silence, 0U);
}

TEST(Watchdog, MayBeOff) {
  Guest guest(1, true, 0);
  guest.pass(600 * kSecond, {kHangs}, false);
  EXPECT_FALSE(guest.hung);
  EXPECT_FALSE(guest.watchdog.wants_look());
}

TEST(Watchdog, StandsVcpusThatComeAndGo) {
  Guest guest(2);
  guest.pass(9 * kSecond, {kHangs, kIdle}, false);
  guest.sample.vcpus.resize(1);
  guest.step({kHangs}, false);
  EXPECT_FALSE(guest.watchdog.hang());
}

TEST(Watchdog, LetsAGuestIdleThatComputedForHours) {
  for (const Doing& before : {kProgram, kLoops}) {
    Guest guest(2);
    guest.pass(7200 * kSecond, {before, kIdle}, true);
    EXPECT_FALSE(guest.hung);
    guest.pass(600 * kSecond, {kIdle, kIdle}, false);
    EXPECT_FALSE(guest.hung) << "its disks may be slow";
  }
}

TEST(Watchdog, FindsAHangAfterHoursOfWorkAsSoonAsOtherwise) {
  Guest guest(1);
  guest.pass(7200 * kSecond, {kProgram}, true);
  const Time late = guest.until_hang({kHangs});
  EXPECT_GE(late, kLimit);
  EXPECT_LE(late, kLimit + 2 * kSecond);
}

TEST(Watchdog, CountsOnAfterTheGuestWasHeldForAWhile) {
  Guest guest(1);
  guest.pass(kLimit / 2, {kHangs}, false);
  guest.now += 60 * kSecond;
  guest.watchdog.skip(guest.sample, guest.now);
  EXPECT_EQ(guest.watchdog.silence(), kLimit / 2) << "it could not answer meanwhile";
  EXPECT_EQ(guest.until_hang({kHangs}), kLimit / 2);
}

TEST(Watchdog, HearsAnAnswerThatCameWhileTheGuestWasHeld) {
  Guest guest(1);
  guest.pass(kLimit / 2, {kHangs}, false);
  ++guest.sample.answers;
  guest.watchdog.skip(guest.sample, guest.now);
  EXPECT_EQ(guest.watchdog.silence(), 0U);
  EXPECT_EQ(guest.until_hang({kHangs}), kLimit);
}

TEST(Watchdog, HasNothingAgainstAGuestOnAnOverloadedHostThatHaltsAllTheSame) {
  Guest guest(1, false);
  const Doing busy{.ran = 0.2, .waited = 0.8, .masked = true, .halts = 1};
  guest.pass(600 * kSecond, {busy}, false);
  EXPECT_FALSE(guest.hung);
  EXPECT_NE(guest.until_hang({{0.2, 0.8, true}}), 0U);
}

}  // namespace
}  // namespace hive::detect

#include "cellmon/detect/accrual.h"

#include <gtest/gtest.h>

namespace hive::detect {
namespace {

constexpr Time kPeriod = 10'000'000;
/// What a hint takes in these tests: less than one silence in a thousand is as long.
constexpr double kHint = 3;

TEST(Accrual, AHaltedCellIsSuspectWithinThreeHeartbeats) {
  Accrual accrual(kPeriod);
  Time now = 0;
  for (unsigned beat = 0; beat < 100; ++beat) accrual.beat(now += kPeriod, 0);
  EXPECT_EQ(accrual.suspicion(now + kPeriod), 0);
  EXPECT_LT(accrual.suspicion(now + 2 * kPeriod), kHint);
  EXPECT_GE(accrual.suspicion(now + 3 * kPeriod), kHint);
}

TEST(Accrual, GrowsWithSilenceAndEndsWithABeat) {
  Accrual accrual(kPeriod);
  Time now = 0;
  for (unsigned beat = 0; beat < 20; ++beat) accrual.beat(now += kPeriod, 0);
  double last = 0;
  for (Time silent = 0; silent < 10 * kPeriod; silent += kPeriod / 4) {
    EXPECT_GE(accrual.suspicion(now + silent), last);
    last = accrual.suspicion(now + silent);
  }
  now += 10 * kPeriod;
  accrual.beat(now, 0);
  EXPECT_EQ(accrual.suspicion(now), 0);
}

TEST(Accrual, GetsUsedToASlowPeer) {
  Accrual accrual(kPeriod);
  Time now = 0;
  for (unsigned beat = 0; beat < 100; ++beat) accrual.beat(now += kPeriod * (1 + beat % 5), 0);
  EXPECT_LT(accrual.suspicion(now + 5 * kPeriod), kHint);
}

TEST(Accrual, WhatDelaysTheWatcherTooIsNoFault) {
  Accrual accrual(kPeriod);
  Time now = 0;
  for (unsigned beat = 0; beat < 100; ++beat) accrual.beat(now += kPeriod, 0);
  // An overloaded host: everybody stands still, the watcher as well, and looks again too late.
  for (unsigned pause = 0; pause < 20; ++pause) {
    now += 20 * kPeriod;
    accrual.silence(19 * kPeriod);
    EXPECT_LT(accrual.suspicion(now), kHint);
    accrual.beat(now += kPeriod / 2, 0);
  }
  EXPECT_GE(accrual.suspicion(now + 4 * kPeriod), kHint) << "it has not learnt to be blind";
}

TEST(Accrual, ARestartExcusesThePause) {
  Accrual accrual(kPeriod);
  accrual.beat(kPeriod, 0);
  accrual.beat(2 * kPeriod, 0);
  accrual.restart(500 * kPeriod);
  EXPECT_EQ(accrual.suspicion(501 * kPeriod), 0);
  EXPECT_GE(accrual.suspicion(504 * kPeriod), kHint);
}

}  // namespace
}  // namespace hive::detect

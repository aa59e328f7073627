#include "guests/sdk/events/spin_bound.h"

#include <gtest/gtest.h>

#include <random>

namespace {

using hive::sdk::SpinBound;
using Kind = SpinBound::Kind;
using Time = SpinBound::Time;
using namespace std::chrono_literals;

/// Lets a wait pass whose message comes COMING after its begin to one who is awake, and PRICE later
/// to one who sleeps. Gives how long it took; IS_ASLEEP: whether it slept.
Time wait(SpinBound& bound, Time coming, Time price, bool& is_asleep) {
  const SpinBound::Spin spin = bound.next();
  is_asleep = coming > spin.most;
  if (!is_asleep) {
    bound.found_after(coming, spin.kind);
    return coming;
  }
  bound.missed(spin.kind);
  bound.slept(coming + price, spin.kind);
  return coming + price;
}

TEST(SpinBound, FollowsHowLongWaitsTake) {
  SpinBound bound;
  for (int i = 0; i < 100; ++i) bound.missed(Kind::kUsual);
  EXPECT_EQ(bound.next().most, SpinBound::kLeast);
  for (int i = 0; i < 100; ++i) bound.found_after(10us, Kind::kUsual);
  EXPECT_NEAR(static_cast<double>(bound.next().most.count()), 20'000, 2'000);
  for (int i = 0; i < 100; ++i) bound.found_after(10s, Kind::kUsual);
  EXPECT_EQ(bound.next().most, SpinBound::kMost);
}

/// Two who wait in turn: while the other sleeps, its answer takes the price of a sleep.
TEST(SpinBound, TwoSleepersComeBackToSpinning) {
  for (const Time price : {20us, 200us, 1000us}) {
    SpinBound bounds[2];
    bool asleep[2] = {true, true};
    for (SpinBound& bound : bounds) {
      for (int i = 0; i < 100; ++i) bound.missed(Kind::kUsual);
    }
    Time latest{};
    for (int trip = 0; trip < 400; ++trip) {
      const int one = trip % 2;
      const Time coming = 3us + (asleep[1 - one] ? price : Time(0));
      latest = wait(bounds[one], coming, price, asleep[one]);
    }
    EXPECT_EQ(latest, 3us) << price.count();
  }
}

TEST(SpinBound, SpinningThatSavesLittleIsLeftAlone) {
  SpinBound bound;
  Time spun{};
  constexpr int kWaits = 100'000;
  for (int i = 0; i < kWaits; ++i) {
    const SpinBound::Spin spin = bound.next();
    spun += std::min<Time>(spin.most, 1ms);
    if (spin.most >= 1ms) {
      bound.found_after(1ms, spin.kind);
    } else {
      bound.missed(spin.kind);
      bound.slept(1020us, spin.kind);
    }
  }
  EXPECT_LT(spun / kWaits, 5us);
}

TEST(SpinBound, VainTrialsBecomeRare) {
  SpinBound bound;
  int trials = 0;
  for (int i = 0; i < 10'240; ++i) {
    const SpinBound::Spin spin = bound.next();
    trials += spin.kind == Kind::kTrial ? 1 : 0;
    bound.missed(spin.kind);
    bound.slept(500us, spin.kind);
  }
  EXPECT_GE(trials, 10);
  EXPECT_LE(trials, 20);
}

TEST(SpinBound, IdleOnesMakeNoTrials) {
  SpinBound bound;
  for (int i = 0; i < 1000; ++i) {
    const SpinBound::Spin spin = bound.next();
    EXPECT_EQ(spin.kind, Kind::kUsual);
    bound.missed(Kind::kUsual);
    bound.slept(1s, spin.kind);
  }
}

/// Whatever an idle time or another thread's wait has taught it.
TEST(SpinBound, NeverSpinsLongerThanATrial) {
  SpinBound bound;
  for (int i = 0; i < 100; ++i) bound.slept(10s, Kind::kNap);
  for (int i = 0; i < 100; ++i) bound.found_after(10s, Kind::kUsual);
  for (int i = 0; i < 1000; ++i) EXPECT_LE(bound.next().most, SpinBound::kLongestTrial);
}

/// Where waits are of all lengths, trials find something by chance.
TEST(SpinBound, ChanceFindsBurnLittle) {
  std::mt19937_64 random(1);
  std::exponential_distribution<double> coming(1.0 / 1e6);  // 1 ms at the mean.
  SpinBound bound;
  Time spun{};
  Time passed{};
  for (int i = 0; i < 100'000; ++i) {
    const Time comes(static_cast<Time::rep>(coming(random)));
    const SpinBound::Spin spin = bound.next();
    spun += std::min(spin.most, comes);
    if (comes <= spin.most) {
      bound.found_after(comes, spin.kind);
      passed += comes;
    } else {
      bound.missed(spin.kind);
      bound.slept(comes + 50us, spin.kind);
      passed += comes + 50us;
    }
  }
  EXPECT_LT(spun * 20, passed);
}

}  // namespace

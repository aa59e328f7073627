#include "guests/sdk/events/spin_bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

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

/// Two who wait in turn, on a host where what is waited for may be late.
class Pair {
 public:
  Pair(unsigned seed, Time price) : random_(seed), price_(price) {
    for (unsigned i = seed % 6; i > 0; --i) {  // They do not begin together.
      const SpinBound::Spin spin = bounds_[0].next();
      bounds_[0].missed(spin.kind);
      bounds_[0].slept(2 * price, spin.kind);
    }
  }

  /// A wait of ONE: for the other's answer, which takes 20 us, once that is awake.
  Time wait(int one) {
    const bool other_is_asleep = asleep_[1 - one];
    Time coming = some(20us);
    if (other_is_asleep) coming += some(price_);
    if (chance_(random_) < 0.08) coming += some(1ms);
    SpinBound& bound = bounds_[one];
    const SpinBound::Spin spin = bound.next(!other_is_asleep);
    asleep_[one] = coming > spin.most;
    if (!asleep_[one]) {
      bound.found_after(coming, spin.kind);
    } else {
      bound.missed(spin.kind);
      bound.slept(coming + some(price_), spin.kind);
    }
    return coming;
  }

 private:
  /// About TIME.
  Time some(Time time) {
    return Time(
        static_cast<Time::rep>(static_cast<double>(time.count()) * (0.6 + 0.8 * chance_(random_))));
  }

  std::mt19937 random_;
  std::uniform_real_distribution<double> chance_{0, 1};
  Time price_;
  SpinBound bounds_[2];
  bool asleep_[2] = {true, true};
};

TEST(SpinBound, TwoSleepersSoonSpinHoweverOftenOneIsLate) {
  for (const Time price : {100us, 300us, 1000us, 1500us}) {
    int soon = 0;
    for (unsigned seed = 0; seed < 100; ++seed) {
      Pair pair(seed, price);
      std::vector<Time> waits;
      for (int trip = 0; trip < 100; ++trip) {
        waits.push_back(pair.wait(0));
        pair.wait(1);
      }
      std::nth_element(waits.begin(), waits.begin() + 50, waits.end());
      soon += waits[50] < 30us ? 1 : 0;
    }
    EXPECT_GE(soon, 95) << price.count();
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

/// How many of 10,240 waits that spin in vain are of KIND.
int vain_waits(Kind kind, bool peer_is_awake) {
  SpinBound bound;
  int count = 0;
  for (int i = 0; i < 10'240; ++i) {
    const SpinBound::Spin spin = bound.next(peer_is_awake);
    count += spin.kind == kind ? 1 : 0;
    bound.missed(spin.kind);
    bound.slept(500us, spin.kind);
  }
  return count;
}

TEST(SpinBound, VainTrialsBecomeRare) {
  const int trials = vain_waits(Kind::kTrial, false);
  EXPECT_GE(trials, 10);
  EXPECT_LE(trials, 20);
}

/// On a host with one CPU the other comes to answer once this one sleeps, or is preempted.
TEST(SpinBound, TwoOnOneCpuLoseLittleBySpinning) {
  for (const Time price : {20us, 200us, 1000us}) {
    for (const double soon : {0.0, 0.5, 0.9}) {
      std::mt19937 random(1);
      std::uniform_real_distribution<double> chance(0, 1);
      SpinBound bounds[2];
      bool asleep[2] = {true, true};
      Time taken{};
      constexpr int kWaits = 20'000;
      for (int i = 0; i < kWaits; ++i) {
        const int one = i % 2;
        const Time preempted(chance(random) < soon ? 0 : static_cast<int>(3e6 * chance(random)));
        const SpinBound::Spin spin = bounds[one].next(!asleep[1 - one]);
        Time whole = std::min(preempted, spin.most) + price;
        asleep[one] = whole > spin.most;
        if (!asleep[one]) {
          bounds[one].found_after(whole, spin.kind);
        } else {
          bounds[one].missed(spin.kind);
          whole += price / 2;
          bounds[one].slept(whole, spin.kind);
        }
        taken += whole;
      }
      EXPECT_LT(taken / kWaits, (price + price / 2) * 5 / 4) << price.count() << ", " << soon;
    }
  }
}

/// On a host with one CPU the other cannot even begin while this one spins.
TEST(SpinBound, JoiningInVainBecomesRare) {
  const int joins = vain_waits(Kind::kJoin, true);
  EXPECT_GE(joins, 10);
  EXPECT_LE(joins, 22);
}

TEST(SpinBound, TriesAgainAtOnceWhereARhythmIsLost) {
  SpinBound bound;
  for (int i = 0; i < SpinBound::kRhythm; ++i) {
    const SpinBound::Spin spin = bound.next();
    bound.slept(1ms, spin.kind);  // Of another thread.
    bound.found_after(10us, spin.kind);
  }
  bound.missed(bound.next().kind);
  EXPECT_EQ(bound.next().kind, Kind::kTrial);
  bound.missed(Kind::kTrial);
  EXPECT_EQ(bound.next().kind, Kind::kUsual) << "once";
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

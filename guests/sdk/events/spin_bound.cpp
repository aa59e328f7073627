#include "guests/sdk/events/spin_bound.h"

#include <algorithm>

namespace hive::sdk {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

/// Goes one PARTth of the way.
void approach(std::atomic<std::int64_t>& average, SpinBound::Time time, int part) {
  const std::int64_t now = average.load(kRelaxed);
  average.store(now + (time.count() - now) / part, kRelaxed);
}

SpinBound::Time time_in(const std::atomic<std::int64_t>& value) {
  return SpinBound::Time(value.load(kRelaxed));
}

bool is_trial(SpinBound::Kind kind) {
  return kind == SpinBound::Kind::kTrial || kind == SpinBound::Kind::kJoin;
}

/// Counts LEFT down; true, and anew from BETWEEN, where it is over.
bool is_over(std::atomic<int>& left, int between) {
  if (left.fetch_sub(1, kRelaxed) > 1) return false;
  left.store(between, kRelaxed);
  return true;
}

}  // namespace

bool SpinBound::Trials::are_due() { return is_over(left, between.load(kRelaxed)); }

void SpinBound::Trials::pay() {
  between.store(often, kRelaxed);
  left.store(often, kRelaxed);
}

void SpinBound::Trials::fail() {
  const int longer = std::min(2 * between.load(kRelaxed), kSeldomTried);
  between.store(longer, kRelaxed);
  left.store(longer, kRelaxed);
}

SpinBound::Time SpinBound::most() const {
  return std::clamp(2 * time_in(price_), kMost, kLongestTrial);
}

bool SpinBound::in_rhythm() const { return found_in_row_.load(kRelaxed) >= kRhythm; }

SpinBound::Time SpinBound::usual() const {
  const Time time = std::clamp(2 * time_in(found_), kLeast, most());
  return in_rhythm() ? std::max(time, std::min(time_in(price_), kLongestTrial)) : time;
}

SpinBound::Spin SpinBound::trial(Kind kind) const {
  if (!may_try()) return {usual(), Kind::kUsual};
  return {std::max(time_in(slept_), kMost), kind};
}

bool SpinBound::may_try() const {
  const Time slept = time_in(slept_);
  return slept >= Time(0) && slept <= kLongestTrial;
}

SpinBound::Spin SpinBound::next(bool peer_is_awake) {
  const Time time = usual();
  if (time > kMost) {
    if (is_over(until_nap_, kBetweenNaps)) return {kLeast, Kind::kNap};
  } else if (own_.are_due()) {
    return trial(Kind::kTrial);
  } else if (peer_is_awake && !in_rhythm() && joined_.are_due()) {
    return trial(Kind::kJoin);
  }
  return {time, time > kMost ? Kind::kLong : Kind::kUsual};
}

void SpinBound::learn_price(Time found, int part) {
  if (may_try()) approach(price_, time_in(slept_) - found, part);
}

void SpinBound::found_after(Time time, Kind kind) {
  if (!in_rhythm()) found_in_row_.fetch_add(1, kRelaxed);
  if (!is_trial(kind)) {
    approach(found_, std::min(time, most()), 8);
    if (kind == Kind::kLong) learn_price(time, 8);
    return;
  }
  learn_price(time, 2);
  if (kind == Kind::kJoin) return found_by_trial(time, joined_);
  if (time > kMost && !second_.exchange(true, kRelaxed)) return own_.left.store(1, kRelaxed);
  second_.store(false, kRelaxed);
  found_by_trial(time, own_);
}

void SpinBound::found_by_trial(Time time, Trials& trials) {
  if (time > most()) {
    found_in_row_.store(0, kRelaxed);
    return trials.fail();
  }
  found_.store(time.count(), kRelaxed);
  trials.pay();
}

void SpinBound::missed(Kind kind) {
  if (kind == Kind::kNap) return;
  const bool was_in_rhythm = in_rhythm();
  found_in_row_.store(0, kRelaxed);
  if (was_in_rhythm && !is_trial(kind)) return own_.left.store(1, kRelaxed);
  approach(found_, Time(0), 8);
  if (kind == Kind::kTrial) {
    second_.store(false, kRelaxed);
    own_.fail();
  } else if (kind == Kind::kJoin) {
    joined_.fail();
  }
}

void SpinBound::slept(Time whole, Kind kind) {
  if (kind != Kind::kUsual && kind != Kind::kNap) return;  // It spun for a part of that.
  whole = std::min(whole, 2 * kLongestTrial);
  const Time before = time_in(slept_);
  if (before < Time(0)) {
    slept_.store(whole.count(), kRelaxed);
  } else {
    // Idle now and then says nothing of the price of a sleep.
    approach(slept_, std::min(whole, 2 * before), 4);
  }
  if (kind == Kind::kNap) learn_price(time_in(found_), 2);
}

}  // namespace hive::sdk

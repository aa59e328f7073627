#include "cellmon/control/wax/incarnations.h"

#include <fmt/format.h>

namespace hive::control {

void WaxIncarnations::started(const Scene& scene, Time now) {
  scene_ = scene;
  started_ = beat_at_ = now;
  rounds_ = waited_ = starved_ = 0;
  is_asked_ = false;
}

void WaxIncarnations::beat(std::uint64_t rounds, Time now) {
  if (rounds <= rounds_) return;
  rounds_ = rounds;
  held(now);
}

void WaxIncarnations::held(Time now) {
  beat_at_ = now;
  starved_ = 0;
}

void WaxIncarnations::waited(Time waited) {
  // Less than before is said of another VMM.
  starved_ += waited - std::min(waited, waited_);
  waited_ = waited;
}

void WaxIncarnations::ended(Time now) {
  if (!runs()) return;
  if (rounds_ != 0 && now - std::min(now, started_) >= kLongLife) wait_ = kFirstWait;
  started_ = 0;
  due_ = now + wait_;
  wait_ = std::min(wait_ * 2, kLongestWait);
}

std::string WaxIncarnations::next(const Scene& scene, bool has_failed, Time now) const {
  if (has_failed) return is_due(now) ? "the last one has failed" : "";
  return is_asked_ ? std::string() : end(scene, now);
}

std::string WaxIncarnations::end(const Scene& scene, Time now) const {
  if (!runs()) return {};
  if (scene.epoch != scene_.epoch) {
    return fmt::format("epoch {} has followed its own, {}", scene.epoch, scene_.epoch);
  }
  if (scene != scene_) return "another monitor has taken the place of one";
  const Time silent = now - std::min(now, beat_at_);
  if (silent < kStarvedLimit && silent - std::min(silent, starved_) < kHangLimit) return {};
  return fmt::format("it has done no round for {} s", silent / 1'000'000'000);
}

}  // namespace hive::control

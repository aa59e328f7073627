#include "cellmon/control/cpu/cpu_share.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "vmm/plan/limits.h"

namespace hive::control {
namespace {

/// Above the tenth of a second for which a kernel may not want to be asked again.
constexpr std::chrono::milliseconds kAgain{130};

}  // namespace

CpuShare::CpuShare(boost::asio::io_context& loop, std::uint32_t plan,
                   std::vector<std::unique_ptr<CpuWay>> ways, OnTrouble on_trouble)
    : plan_(plan),
      usual_(plan),
      ways_(std::move(ways)),
      on_trouble_(std::move(on_trouble)),
      again_(loop),
      ease_(loop),
      build_(loop),
      weight_(plan) {}

void CpuShare::attach(WeighedVmm vmm) {
  is_building_ = true;
  build_.arm(kBuildLimit, [this] { started(); });
  std::string troubles;
  for (const auto& way : ways_) {
    WeightSet result = way->attach(
        {vmm.pid, way == ways_.back() ? std::move(vmm.autogroup) : UniqueFd()}, wanted());
    if (result.trouble.empty()) {
      way_ = way.get();
      trouble_.clear();
      return take(result);
    }
    if (way != ways_.back()) way->detach();
    troubles += fmt::format("{}{}: {}", troubles.empty() ? "" : "; ", way->name(), result.trouble);
  }
  way_ = ways_.back().get();  // It may be able to set another weight.
  if (std::exchange(trouble_, troubles) != troubles) on_trouble_(troubles);
}

void CpuShare::started() {
  build_.disarm();
  if (!std::exchange(is_building_, false) || way_ == nullptr || weight_ >= kLeastAwaited) return;
  const WeightSet result = way_->lower(wanted());
  if (!result.trouble.empty() && result.trouble != trouble_) on_trouble_(result.trouble);
  take(result);
}

void CpuShare::detach() {
  build_.disarm();
  again_.disarm();
  ease_.disarm();
  is_building_ = is_awaited_ = is_ending_ = false;
  if (way_ != nullptr) std::exchange(way_, nullptr)->detach();
  weight_ = usual_ = plan_;
  applied_ = 0;
}

std::string CpuShare::set_usual(std::uint32_t weight) {
  std::string refusal = set(weight);
  if (refusal.empty()) usual_ = weight;
  return refusal;
}

std::string CpuShare::set(std::uint32_t weight) {
  if (weight < plan::kMinCpuWeight || weight > plan::kMaxCpuWeight) {
    return fmt::format("{} is no CPU weight; give a number from {} to {}", weight,
                       plan::kMinCpuWeight, plan::kMaxCpuWeight);
  }
  if (way_ == nullptr) {
    return fmt::format("the cell does not run; it starts with the plan's weight, {}", plan_);
  }
  const std::uint32_t before = std::exchange(weight_, weight);
  const WeightSet result = way_->set(wanted());
  if (!result.trouble.empty()) {
    weight_ = before;
    return fmt::format("the weight cannot be set by {}: {}", way_->name(), result.trouble);
  }
  trouble_.clear();
  take(result);
  return {};
}

void CpuShare::take(const WeightSet& result) {
  again_.disarm();
  if (!result.again) {
    if (result.trouble.empty()) applied_ = result.applied;
    trouble_ = result.trouble;
    return;
  }
  again_.arm(kAgain, [this] {
    if (way_ != nullptr) take(way_->set(wanted()));
  });
}

std::uint32_t CpuShare::wanted() const {
  const bool is_urgent = is_building_ || is_awaited_ || is_ending_;
  return is_urgent ? std::max(weight_, kLeastAwaited) : weight_;
}

void CpuShare::await() {
  ease_.disarm();
  if (!std::exchange(is_awaited_, true)) raise();
}

void CpuShare::ease() {
  if (!is_awaited_) return;
  ease_.arm(kEase, [this] {
    is_awaited_ = false;
    if (way_ != nullptr && weight_ < kLeastAwaited) take(way_->lower(wanted()));
  });
}

void CpuShare::end() {
  if (!std::exchange(is_ending_, true)) raise();
}

void CpuShare::raise() {
  if (way_ == nullptr || weight_ >= kLeastAwaited) return;
  const WeightSet result = way_->set(wanted());
  if (result.trouble.empty()) take(result);  // Where it cannot be raised, others wait longer.
}

wire::CpuStatus CpuShare::status() const {
  wire::CpuStatus status;
  status.weight = weight_;
  status.usual = usual_;
  status.plan = plan_;
  status.applied = applied_;
  status.way = way_ == nullptr ? "" : way_->name();
  status.trouble = trouble_;
  return status;
}

}  // namespace hive::control

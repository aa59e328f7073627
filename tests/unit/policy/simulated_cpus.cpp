#include "tests/unit/policy/simulated_cpus.h"

#include <algorithm>
#include <utility>

#include "policy/check.h"

namespace hive::policy {

SimulatedCpus::SimulatedCpus(std::uint32_t cpus, std::vector<CpuModel> cells, Rule rule)
    : cpus_(cpus),
      models_(std::move(cells)),
      rule_(rule),
      directions_(models_.size()),
      turns_(models_.size()) {
  view_.interval_ns = kRound;
  view_.cpus = cpus;
  for (Cell cell = 0; cell < models_.size(); ++cell) {
    view_.cells[cell].live = true;
    CpuView& cpu = view_.cells[cell].cpu;
    cpu.vcpus = models_[cell].vcpus;
    cpu.weight = cpu.usual_weight = models_[cell].usual_weight;
  }
}

void SimulatedCpus::run(unsigned rounds) {
  for (unsigned i = 0; i < rounds; ++i) {
    share();
    Hints hints;
    rule_(view_, hints);
    if (hints.size() != 0) last_hint_ = round_;
    for (const Hint& hint : hints) follow(hint);
    ++round_;
  }
  share();
}

void SimulatedCpus::share() {
  std::vector<std::uint64_t> wants(models_.size());
  std::vector<std::uint64_t> gets(models_.size());
  std::uint64_t left = cpus_ * std::uint64_t{1000} * kUnit;
  for (Cell cell = 0; cell < models_.size(); ++cell) {
    wants[cell] = std::min(models_[cell].wants(round_), models_[cell].vcpus * 1000) * kUnit;
  }
  // Each pass satisfies a cell at least, or hands out all that is left.
  for (std::size_t pass = 0; pass <= models_.size() && left > models_.size(); ++pass) {
    std::uint64_t weights = 0;
    for (Cell cell = 0; cell < models_.size(); ++cell) {
      weights += gets[cell] < wants[cell] ? weight(cell) : 0;
    }
    if (weights == 0) break;
    const std::uint64_t handed_out = left;
    for (Cell cell = 0; cell < models_.size(); ++cell) {
      const std::uint64_t part = handed_out * weight(cell) / weights;
      const std::uint64_t got = std::min(wants[cell] - gets[cell], part);
      gets[cell] += got;
      left -= got;
    }
  }
  for (Cell cell = 0; cell < models_.size(); ++cell) {
    view_.cells[cell].cpu.ran_ns = gets[cell];
    view_.cells[cell].cpu.waited_ns = wants[cell] - gets[cell];
  }
}

void SimulatedCpus::follow(const Hint& hint) {
  const std::string_view fault = fault_of(hint, view_);
  if (!fault.empty() || hint.kind != HintKind::kWeight) {
    complaint_ = fault.empty() ? "not about CPUs" : std::string(fault);
    return;
  }
  CpuView& cpu = view_.cells[hint.cell].cpu;
  const int direction = hint.amount > cpu.weight ? 1 : -1;
  if (directions_[hint.cell] == -direction) ++turns_[hint.cell];
  directions_[hint.cell] = direction;
  cpu.weight = hint.amount;
}

}  // namespace hive::policy

// A machine whose CPUs are shared by weight, as a policy advises.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "tests/unit/policy/demand.h"

namespace hive::policy {

struct CpuModel {
  std::uint32_t vcpus = 1;
  std::uint32_t usual_weight = 100;
  Demand wants = steady(0);  ///< Permille of one CPU; more than its vCPUs can use is not wanted.
};

/// Rounds of a quarter of a second. A scheduler that wastes nothing: what a cell does not want, the
/// others get, by weight.
class SimulatedCpus {
 public:
  static constexpr std::uint64_t kRound = 250'000'000;  ///< Nanoseconds.

  SimulatedCpus(std::uint32_t cpus, std::vector<CpuModel> cells, Rule rule);

  void run(unsigned rounds);

  [[nodiscard]] std::uint32_t weight(Cell cell) const { return view_.cells[cell].cpu.weight; }
  /// What CELL got in the last round, in permille of one CPU.
  [[nodiscard]] std::uint64_t got(Cell cell) const { return view_.cells[cell].cpu.ran_ns / kUnit; }
  /// How often CELL's weight began to grow after it had shrunk, or the other way round.
  [[nodiscard]] unsigned turns(Cell cell) const { return turns_[cell]; }
  /// The last round in which anything was advised.
  [[nodiscard]] unsigned last_hint() const { return last_hint_; }
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  static constexpr std::uint64_t kUnit = kRound / 1000;

  void share();
  void follow(const Hint& hint);

  std::uint32_t cpus_;
  std::vector<CpuModel> models_;
  Rule rule_;
  View view_;
  unsigned round_ = 0;
  unsigned last_hint_ = 0;
  std::vector<int> directions_;
  std::vector<unsigned> turns_;
  std::string complaint_;
};

}  // namespace hive::policy

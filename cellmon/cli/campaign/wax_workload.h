// A workload in a machine that has Wax, which does none of it, but has to work all the same.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "cellmon/campaign/wax_watch.h"
#include "cellmon/cli/campaign/workload.h"

namespace hive::cli {

/// Passes all on to another workload, and looks at Wax's rounds beside.
class WaxWorkload : public Workload {
 public:
  /// The cell that runs Wax is number CELL, and called NAME.
  WaxWorkload(std::unique_ptr<Workload> others, std::size_t cell, std::string name);

  void prepare(Monitors& machine) override;
  void begin(Monitors& machine, const campaign::Draw& drawn) override;
  void ask(Monitors& machine, const std::vector<bool>& expected) override;
  bool has_answers(Monitors& machine) override;
  [[nodiscard]] std::vector<campaign::CellLook> looks() const override;
  void reset() override;

  void connected(std::size_t cell) override;
  void take(std::size_t cell, const Message& message) override;
  void note(std::size_t cell, const wire::Event& event) override;

 private:
  /// Asks Wax's monitor for the rounds now and then.
  void advance(Monitors& machine);

  std::unique_ptr<Workload> others_;
  std::size_t cell_;
  std::string name_;
  campaign::WaxWatch watch_;
  bool asked_ = false;
  std::optional<std::uint64_t> request_;  ///< Whose answer counts.
  std::chrono::steady_clock::time_point sent_at_{};
};

}  // namespace hive::cli

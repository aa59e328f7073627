// Micro guests that perform guests/abi/micro_work.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "cellmon/campaign/micro_check.h"
#include "cellmon/campaign/report_count.h"
#include "cellmon/cli/campaign/workload.h"

namespace hive::cli {

class MicroWorkload : public Workload {
 public:
  MicroWorkload(const campaign::MicroWork& work, const plan::Machine& plan);

  void prepare(Monitors& machine) override;
  // They never rest.
  void begin(Monitors& /*machine*/, const campaign::Draw& /*drawn*/) override {}
  void ask(Monitors& machine, const std::vector<bool>& expected) override;
  bool has_answers(Monitors& machine) override;
  [[nodiscard]] std::vector<campaign::CellLook> looks() const override;
  void reset() override;

  void connected(std::size_t cell) override;
  void take(std::size_t cell, const Message& message) override;
  void note(std::size_t cell, const wire::Event& event) override;

 private:
  /// One guest.
  struct Guest {
    std::string name;
    std::uint64_t seed = 0;
    std::uint64_t words = 0;  ///< 0: it does no work, as it runs Wax.
    bool fresh = true;        ///< Started since the last prepare().
    bool asked = false;
    bool attach = false;            ///< The console is to be attached.
    campaign::ReportCount reports;  ///< Of this incarnation.
    std::string line;               ///< What has come of a line that has not ended.
    std::string noise;              ///< A line that is no report: the script prints none.
    std::string fault;              ///< Of the last report; empty: it was right.
    std::chrono::steady_clock::time_point sent_at{};
  };

  /// Sends as many requests to verify as it takes until the guest has answered.
  void request(Monitors& machine, std::size_t cell);
  void read(Guest& guest, std::string_view bytes);
  void take_line(Guest& guest);
  /// Has HOME, the next cell that works, let CELL write to it, and CELL begin.
  void grant(Monitors& machine, std::size_t cell, std::size_t home);
  void attach_consoles(Monitors& machine);
  /// Waits until all have answered. Throws Error where one does not, or is wrong.
  void await_right(Monitors& machine);

  std::vector<Guest> guests_;
  std::vector<std::size_t> workers_;  ///< Those that do work.
  bool shares_;
};

}  // namespace hive::cli

// Commands in the guests, by their agents, compared with reference copies.
#pragma once

#include <string>
#include <vector>

#include "cellmon/cli/campaign/guest_command.h"
#include "cellmon/cli/campaign/reference_copies.h"
#include "cellmon/cli/campaign/workload.h"

namespace hive::cli {

class ExecWorkload : public Workload {
 public:
  /// A command before the fault may take LIMIT.
  ExecWorkload(const campaign::ExecWork& work, const plan::Machine& plan,
               ReferenceCopies references, Milliseconds limit);

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
  /// One guest.
  struct Guest {
    std::string name;
    bool takes_part = false;
    bool fresh = true;    ///< Started since `prepare` ran in it.
    bool worked = false;  ///< Its `work` or `meanwhile` was started, and the guest is the same one.
    bool judged = false;  ///< What that printed counts.
    bool asked = false;
    bool again = false;  ///< What was asked has to be done once more.
    GuestCommand prepare;
    GuestCommand work;
    GuestCommand check;
  };

  /// Whether its `work`, which counts, has not ended.
  static bool awaits_work(const Guest& guest);
  /// Starts what comes next in the guest; whether it has done all that was asked.
  bool advance(Monitors& machine, std::size_t cell);
  /// Runs LINE in the guest to its end. Throws Error when it fails, or takes too long.
  std::string run(Monitors& machine, std::size_t cell, GuestCommand& command,
                  const std::string& line);
  void make_references(Monitors& machine, std::size_t cell);
  [[nodiscard]] campaign::CellLook look_at(const Guest& guest) const;

  campaign::ExecWork work_;
  ReferenceCopies references_;
  Milliseconds limit_;
  std::vector<Guest> guests_;
};

}  // namespace hive::cli

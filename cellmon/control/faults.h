// Faults that are injected into a cell, its VMM or this monitor.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/control/agent_peer.h"
#include "cellmon/control/cell_machine.h"
#include "cellmon/control/deadline.h"
#include "cellmon/control/duty_cycle.h"
#include "cellmon/control/global_memory.h"
#include "cellmon/control/members.h"
#include "cellmon/control/packet_faults.h"
#include "cellmon/control/vmm_instance.h"
#include "cellmon/control/wax/wax_host.h"
#include "cellmon/inject/fault.h"
#include "cellmon/inject/schedule.h"
#include "vmm/base/range.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Single-threaded.
class Faults {
 public:
  struct Handlers {
    std::function<VmmInstance*()> vmm;  ///< Null where there is none.
    std::function<AgentPeer*()> agent;  ///< Null where none can be asked.
    std::function<void(const std::string& kind, const std::string& detail)> tell;
    /// Puts a rogue in Wax's place; null in a cell that does not run Wax.
    std::function<void(const WaxHost::Rogue& rogue, std::optional<std::chrono::milliseconds>)>
        replace_wax;
    std::function<void()> changed;  ///< Somebody who waits for a fault may have his answer.
  };
  /// What has come of a fault.
  struct Outcome {
    std::string refusal;     ///< Why it is not done, for the user; empty where it is, or will be.
    bool is_certain = true;  ///< Else it may be done all the same, or later.
  };
  using Done = std::function<void(const Outcome&)>;

  /// How long a guest's agent has to answer, and then the VMM.
  static constexpr std::chrono::milliseconds kAnswerLimit{5'000};

  /// What faults befall, beside VMM and guest. It all outlives this object.
  struct Parts {
    const CellMachine& cell;
    Members& members;
    GlobalMemory* global;  ///< Null where the machine has none.
    Vsock& vsock;
  };

  /// OWN is the cell's place in MACHINE, which outlives this object.
  Faults(boost::asio::io_context& loop, const plan::Machine& machine, unsigned own, Parts parts,
         Handlers handlers);

  /// Does FAULT, now or when it wants to be done. DONE is called once, perhaps at once. A fault
  /// that hits this process itself comes a little later, so that who asked is answered.
  void inject(const inject::Fault& fault, const Done& done);
  /// What waits for its time: lines for people.
  [[nodiscard]] std::vector<std::string> pending() const;
  /// How many that are.
  [[nodiscard]] std::size_t pending_count() const { return schedule_.size(); }
  /// Takes all that waits away. How many faults that were.
  std::size_t cancel();

  /// REPORT has come from the VMM. Whether it was an answer that this waited for.
  bool take(const cell::Report& report);
  /// The answers of the guest's agent, as AgentPeer has them.
  void take_located(std::uint32_t request, const std::vector<hive_agent_range>& ranges);
  void take_wrote(std::uint32_t request, const hive_agent_wrote& wrote);
  void take_refusal(std::uint32_t request, const std::string& why);
  /// The agent is gone, and does not answer any more.
  void lose_agent();
  /// The VMM is gone.
  void detach();
  /// An event of KIND was added to the cell's log.
  void note_event(const std::string& kind);

 private:
  /// A fault that the agent or the VMM was asked for, one after the other.
  struct Asked {
    inject::Fault fault;
    Done done;                             ///< Empty once it was called.
    std::optional<std::uint32_t> locates;  ///< The request to the agent, until that answers.
  };

  /// Wild writes that the agent was asked for.
  struct Writes {
    std::uint32_t request = 0;
    std::string text;  ///< What they are, for people.
  };

  void begin(const inject::Fault& fault, const Done& done);
  /// Why FAULT cannot be done now.
  [[nodiscard]] std::string check(const inject::Fault& fault) const;
  [[nodiscard]] std::string check_vmm(const inject::Fault& fault) const;
  /// Why the link that FAULT is about cannot be cut.
  [[nodiscard]] std::string check_cut(const inject::Fault& fault) const;
  void perform(const inject::Fault& fault);
  void fail_home();
  void ask(const inject::Fault& fault, const Done& done);
  void give_up_waiting();
  void ask_vmm(std::vector<Range> ranges);
  void ask_for_panic(const inject::Fault& fault, const Done& done);
  void ask_for_writes(const inject::Fault& fault, const Done& done);
  void replace_wax(const inject::Fault& fault, const Done& done);
  void spoil_packets(const inject::Fault& fault, const Done& done);
  /// Tells who asked, unless he was told.
  void answer(const Outcome& outcome);
  void end_asked(const Outcome& outcome);
  void stop_vmm(std::optional<std::chrono::milliseconds> duration);
  void slow_vmm(const inject::Fault& fault);
  /// What continues the VMM that there is now, and no other.
  std::function<void()> vmm_continuer();
  /// A fault of this process.
  void hit_self(const inject::Fault& fault);
  void arm_schedule();
  void do_due();

  const plan::Machine& machine_;
  unsigned own_;
  Parts parts_;
  Handlers handlers_;
  inject::Schedule schedule_;
  std::optional<Asked> asked_;
  std::optional<std::uint32_t> panic_;  ///< The last request for one to this agent.
  std::optional<Writes> writes_;        ///< Until they are over.
  Deadline next_;                       ///< Of the schedule.
  Deadline answer_limit_;               ///< Of the VMM or agent.
  Deadline end_;                        ///< Of a VMM that is stopped for a time.
  Deadline delay_;                      ///< Of a fault in this process.
  PacketFaults packets_;
  DutyCycle vmm_cycle_;
  DutyCycle own_cycle_;
  bool is_due_ = false;  ///< What `delay_` is for.
};

}  // namespace hive::control

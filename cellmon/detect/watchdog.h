// When a guest hangs: what its agent, its vCPUs and the host's scheduler say together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "cellmon/detect/accrual.h"

namespace hive::detect {

/// A vCPU at one moment. Times and counts grow from anywhere.
struct VcpuSample {
  Time ran = 0;             ///< CPU time that its thread has used.
  Time waited = 0;          ///< Time that its thread was ready to run and had no CPU.
  std::uint64_t exits = 0;  ///< How often it has left the guest.
  std::uint64_t looks = 0;  ///< How often it was looked at. The rest is as the last look found it:
  bool masked = false;      ///< Interrupts were off.
  bool user = false;        ///< It ran a program, not the kernel.
  bool unstarted = false;   ///< The guest has not started it.
  bool halted = false;      ///< It was in a HLT.
  std::uint64_t halts = 0;  ///< How often it has executed HLT; 0 where nobody counts that.

  /// Whether nothing that its guest has can wake it.
  [[nodiscard]] bool is_dead() const { return halted && masked; }
};

/// A guest at one moment.
struct GuestSample {
  /// Whether its agent is expected to answer: it is there, and has answered before.
  bool expects_answers = false;
  /// Whether there was an agent that is there no more, or has answered nothing since it came.
  bool lost_agent = false;
  std::uint64_t answers = 0;  ///< How many have come.
  Time held_up = 0;           ///< Time that what carries answers was ready to run and had no CPU.
  std::vector<VcpuSample> vcpus;
};

/// A guest that is stuck, and why that is thought.
struct Hang {
  Time silence = 0;   ///< Of its agent; 0 where nothing is held against that.
  Time stood = 0;     ///< How long no vCPU was at work; 0: one spins, as the rest says.
  bool dead = false;  ///< They have all halted with interrupts off; else they are not in the guest.
  std::size_t vcpu = 0;
  Time spun = 0;        ///< CPU time that the vCPU has used since it was last seen to do otherwise.
  bool masked = false;  ///< With interrupts off, each time it was looked at.
};

/// Tells a guest that hangs from one that is busy, slow, starved or idle. Only time counts in which
/// the host had a CPU for it and the watcher itself was in time. Pure.
///
/// A guest hangs whose agent has been silent for the limit, while a vCPU ran all the time, never
/// idle, and was found in the kernel with interrupts off whenever it was looked at. With interrupts
/// on it takes kPatience times as long. In a guest without an agent it takes interrupts that are
/// off, and so it does, kPatience times as long, where the agent is gone. A vCPU that halts between
/// two looks was idle, if only for so short that the host's books do not show it.
///
/// A guest hangs as well of whose vCPUs none was at work for the limit and kSlack: none left the
/// guest, none used its CPU, none answered when it was looked at. One that halts answers, unless
/// its interrupts are off.
class Watchdog {
 public:
  struct Settings {
    Time limit = 0;         ///< 0: nothing ever hangs.
    bool has_agent = true;  ///< Whether one is expected ever.
  };

  static constexpr unsigned kPatience = 3;
  /// How often a vCPU has to be looked at, at least.
  static constexpr unsigned kLooks = 3;
  /// How often one that does not answer is looked at, at most: commands to a process that reads
  /// none of them are kept for it.
  static constexpr unsigned kMostLooks = 16;
  /// How far the kernel's books may lag behind.
  static constexpr Time kSlack = 1'500'000'000;

  explicit Watchdog(Settings settings) : settings_(settings) {}

  /// The guest was sampled at NOW, OWN_DELAY later than was meant.
  void observe(const GuestSample& sample, Time own_delay, Time now);
  /// The guest, sampled at NOW, stood still for a while since the last sample: the time since then
  /// counts neither way.
  void skip(const GuestSample& sample, Time now);
  /// What was seen counts no more: the guest was held for long, or is another one.
  void restart();

  /// Whether vCPUs are to be looked at, before the next sample.
  [[nodiscard]] bool wants_look() const;
  /// How long the agent has been silent, less what is not its fault.
  [[nodiscard]] Time silence() const { return elapsed_ > excused_ ? elapsed_ - excused_ : 0; }
  /// How long no vCPU was seen at work, less what is not its fault.
  [[nodiscard]] Time standstill() const {
    return still_ > still_excused_ ? still_ - still_excused_ : 0;
  }
  [[nodiscard]] std::optional<Hang> hang() const;

 private:
  /// One vCPU, since it was last idle or in a program, or the agent answered.
  struct Spell {
    Time idle = 0;  ///< Time in which it neither ran nor waited for a CPU, of late.
    Time spun = 0;
    unsigned looks = 0;
    bool unmasked = false;
    std::uint64_t halts = 0;  ///< Where `looks` is not 0.
  };

  void take_answer();
  void note_life();
  /// Whether any vCPU was looked at since the last sample.
  [[nodiscard]] bool has_looked(const GuestSample& sample) const;
  /// Whether SAMPLE shows that one of its vCPUs was at work, PASSED after the last one.
  [[nodiscard]] bool shows_life(const GuestSample& sample, Time passed) const;
  [[nodiscard]] bool stands_still() const;
  /// Whether the last sample's vCPUs were all found dead, but for those that were not started.
  [[nodiscard]] bool is_dead() const;
  void extend(Spell& spell, const VcpuSample& before, const VcpuSample& now, Time passed,
              Time charged) const;
  [[nodiscard]] bool is_stuck(const Spell& spell) const;
  /// Whether the guest has an agent that could answer, now or later.
  [[nodiscard]] bool has_agent() const {
    return settings_.has_agent && !(last_ && last_->lost_agent);
  }

  Settings settings_;
  std::optional<GuestSample> last_;
  Time last_time_ = 0;
  Time elapsed_ = 0;  ///< Since the last answer.
  Time excused_ = 0;
  Time still_ = 0;  ///< Since a vCPU was seen at work.
  Time still_excused_ = 0;
  unsigned unanswered_ = 0;  ///< Looks since then that found none, up to kLooks if any answered.
  bool look_is_due_ = false;
  std::vector<Spell> spells_;
};

}  // namespace hive::detect

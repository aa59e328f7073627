// A guest, as a watchdog samples it, on a clock that the test turns.
#pragma once

#include <cstddef>
#include <vector>

#include "cellmon/detect/watchdog.h"

namespace hive::detect {

inline constexpr Time kSecond = 1'000'000'000;
inline constexpr Time kPeriod = kSecond / 2;
inline constexpr Time kLimit = 10 * kSecond;

/// What a vCPU does between two samples.
struct Doing {
  double ran = 0;     ///< Of the time.
  double waited = 0;  ///< Of the time: no CPU was free.
  bool masked = false;
  bool user = false;
  bool outside = false;  ///< Of the guest: it answers no look.
  bool unstarted = false;
  bool halted = false;  ///< When it is looked at.
  unsigned halts = 0;   ///< How often it executes HLT.
};
inline constexpr Doing kIdle{0.01, 0, false, false};
inline constexpr Doing kHangs{1, 0, true, false};    ///< cli; jmp .
inline constexpr Doing kLoops{1, 0, false, false};   ///< In the kernel, with interrupts on.
inline constexpr Doing kProgram{1, 0, false, true};  ///< A user's program that computes.
inline constexpr Doing kStands{.outside = true};
inline constexpr Doing kUnstarted{.unstarted = true};
inline constexpr Doing kDead{.masked = true, .halted = true};  ///< cli; hlt
/// When one that stands still is found.
inline constexpr Time kStandsLimit = kLimit + Watchdog::kSlack;

/// A guest that is sampled each half second, on a clock that the test turns.
class Guest {
 public:
  explicit Guest(std::size_t vcpus, bool has_agent = true, Time limit = kLimit)
      : watchdog({limit, has_agent}) {
    sample.vcpus.resize(vcpus);
    sample.expects_answers = has_agent;
    watchdog.observe(sample, 0, now);
  }

  /// One sample later, LATE later than was meant; VCPUS do the same all the time.
  void step(const std::vector<Doing>& vcpus, bool answers, Time late = 0) {
    const bool look = looks_are_taken && watchdog.wants_look();
    now += kPeriod + late;
    const double passed = static_cast<double>(kPeriod + late);
    for (std::size_t index = 0; index < vcpus.size(); ++index) {
      VcpuSample& vcpu = sample.vcpus[index];
      vcpu.ran += static_cast<Time>(vcpus[index].ran * passed);
      vcpu.waited += static_cast<Time>(vcpus[index].waited * passed);
      vcpu.halts += vcpus[index].halts;
      if (!look || vcpus[index].outside) continue;
      ++vcpu.looks;
      ++vcpu.exits;
      vcpu.unstarted = vcpus[index].unstarted;
      vcpu.masked = vcpus[index].masked;
      vcpu.halted = vcpus[index].halted;
      vcpu.user = vcpus[index].user;
    }
    sample.answers += answers ? 1 : 0;
    watchdog.observe(sample, late, now);
    hung = hung || watchdog.hang();
  }
  void pass(Time time, const std::vector<Doing>& vcpus, bool answers) {
    for (const Time end = now + time; now < end;) step(vcpus, answers);
  }
  /// How long VCPUS have to go on without an answer; 0: for ever.
  Time until_hang(const std::vector<Doing>& vcpus) {
    const Time begin = now;
    while (!watchdog.hang() && now < begin + 600 * kSecond) step(vcpus, false);
    return watchdog.hang() ? now - begin : 0;
  }

  Watchdog watchdog;
  GuestSample sample;
  Time now = 1'000 * kSecond;
  bool looks_are_taken = true;
  bool hung = false;  ///< It was ever found so.
};

}  // namespace hive::detect

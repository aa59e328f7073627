// Scripts for several CPUs of a micro guest that do something together.
#pragma once

#include <vector>

#include "guests/abi/micro_script.h"

namespace hive::test {

/// The script of CPU of COUNT: maps the GiB around MAPPED, meets the others (CPU 0 has started
/// them), then performs ACTIONS.
inline std::vector<micro::Action> on_cpu(unsigned cpu, unsigned count, std::uint64_t mapped,
                                         const std::vector<micro::Action>& actions) {
  std::vector<micro::Action> script{micro::map(mapped)};
  for (unsigned other = 1; cpu == 0 && other < count; ++other) {
    script.push_back(micro::start_cpu(other));
  }
  if (count > 1) script.push_back(micro::barrier(0, count));
  script.insert(script.end(), actions.begin(), actions.end());
  return script;
}

/// The place of the first of ACTIONS in that script.
constexpr unsigned first_action(unsigned cpu, unsigned count) {
  if (count == 1) return 1;
  return cpu == 0 ? count + 1 : 2;
}

inline std::vector<std::vector<micro::Action>> on_cpus(unsigned count, std::uint64_t mapped,
                                                       const std::vector<micro::Action>& actions) {
  std::vector<std::vector<micro::Action>> scripts;
  for (unsigned cpu = 0; cpu < count; ++cpu) {
    scripts.push_back(on_cpu(cpu, count, mapped, actions));
  }
  return scripts;
}

}  // namespace hive::test

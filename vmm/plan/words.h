// The words that a key of the plan takes, for those that take one of a few.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "vmm/plan/plan.h"

namespace hive::plan {

/// Words, each with what it stands for.
template <typename T, std::size_t kCount>
using Words = std::array<std::pair<std::string_view, T>, kCount>;

inline constexpr Words<HugePages, 3> kHugePagesWords{{{"auto", HugePages::kAutomatic},
                                                      {"reserved", HugePages::kReserved},
                                                      {"none", HugePages::kNone}}};

inline constexpr Words<Role, 2> kRoleWords{{{"worker", Role::kWorker}, {"policy", Role::kPolicy}}};

inline constexpr Words<OnViolation, 3> kOnViolationWords{{{"fault", OnViolation::kFault},
                                                          {"stop", OnViolation::kStop},
                                                          {"ignore", OnViolation::kIgnore}}};

inline constexpr Words<Discard, 2> kDiscardWords{
    {{"written", Discard::kWritten}, {"writable", Discard::kWritable}}};

inline constexpr Words<OnFailure, 3> kOnFailureWords{{{"leave", OnFailure::kLeave},
                                                      {"reboot", OnFailure::kReboot},
                                                      {"stop-machine", OnFailure::kStopMachine}}};

inline constexpr Words<bool, 2> kFaultsWords{{{"enabled", true}, {"disabled", false}}};

inline constexpr Words<WitnessWish, 3> kWitnessWords{{{"auto", WitnessWish::kAutomatic},
                                                      {"always", WitnessWish::kAlways},
                                                      {"none", WitnessWish::kNone}}};

inline constexpr Words<VsockPort::Caller, 2> kCallerWords{
    {{"guest", VsockPort::Caller::kGuest}, {"host", VsockPort::Caller::kHost}}};

}  // namespace hive::plan

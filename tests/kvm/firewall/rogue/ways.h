// The attempts by what they are about; attempts() has all of them.
#pragma once

#include <cerrno>
#include <functional>
#include <span>

#include "tests/kvm/firewall/rogue/attempts.h"

namespace hive::test {

std::span<const Attempt> guard_ways();    ///< What protects the page is undone.
std::span<const Attempt> mapping_ways();  ///< The page is reached by another way.
std::span<const Attempt> process_ways();  ///< Other processes and more rights are got hold of.

/// RESULT of a system call as an Attempt has it.
inline int outcome(long result) { return result < 0 ? errno : 0; }

/// Gives CALL, which returns 0 or an errno, each descriptor that there may be, until one is 0;
/// otherwise EPERM where that was the first answer: a filter's, not the descriptor's.
int with_each_descriptor(const std::function<int(int)>& call);

/// The guard that the VMM keeps of TARGET's page, or -1.
int kept_guard(const Target& target);

}  // namespace hive::test

// Which system calls a VMM may make once its guest runs, as a table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vmm/base/range.h"

namespace hive::cell {

/// What an argument of a system call has to be. All 64 bits of it count, though the kernel looks
/// only at the lower half of many.
struct ArgumentTest {
  unsigned argument = 0;  ///< From 0 to 5.
  enum class Kind { kMasked, kAtMost } kind = Kind::kMasked;
  std::uint64_t mask = ~std::uint64_t{0};  ///< kMasked: the bits that must be as in `value`.
  std::uint64_t value = 0;

  [[nodiscard]] bool passes(std::uint64_t actual) const {
    return kind == Kind::kAtMost ? actual <= value : (actual & mask) == value;
  }
};

/// A system call that may be made when all TESTS pass; each is about another argument.
struct SandboxRule {
  int call = -1;  ///< Its number.
  std::vector<ArgumentTest> tests;
};

/// What of the rules depends on the process.
struct SandboxBounds {
  std::uint32_t process = 0;  ///< Its id: the only one that it may send signals to.
  /// The lowest descriptor that must stay open and as it is (Machine::first_kept()).
  std::optional<int> first_kept;
  /// Where the guest's RAM is (memory::GuestMemory::span()), of which memory may be given back.
  std::optional<Range> ram;
};

/// What is allowed, the calls that matter for speed first. Several rules of one call are
/// alternatives. Nothing in it lets a process map a file or shared memory, copy or move a mapping,
/// make a process or thread, open a file, make or change a userfaultfd's protection, or make or set
/// up a virtual machine other than by memory of its own.
std::vector<SandboxRule> sandbox_rules(const SandboxBounds& bounds);

/// Whether RULES allow CALL with ARGUMENTS.
bool permits(std::span<const SandboxRule> rules, int call,
             const std::array<std::uint64_t, 6>& arguments);

}  // namespace hive::cell

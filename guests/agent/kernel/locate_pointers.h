// Where in guest-physical memory the pointers of a process's address map are, and those of the
// copy-on-write tree behind it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vmm/base/range.h"

namespace hive::agent::kernel {

enum class Tree : std::uint8_t { kAddressMap, kCow };

/// The pointers in TREE of process NUMBER, as whole words, in any order. By the files below PROC
/// and SYS, where /proc and /sys are mounted. Throws Error where they are not found.
std::vector<Range> locate_pointers(Tree tree, std::uint32_t number, const std::string& proc,
                                   const std::string& sys);

}  // namespace hive::agent::kernel

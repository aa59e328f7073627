// Memory that processes share which do not trust each other.
#pragma once

#include <cstdint>
#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::memory {

/// A file of SIZE zero bytes in memory, sealed so that its size can never change: a process that
/// has it mapped cannot be killed by another one that cuts it. NAME is for people who look at
/// /proc/PID/fd. Throws Error.
UniqueFd make_shared_file(const std::string& name, std::uint64_t size);

/// Whether FILE, which another process gave, is such a file of SIZE bytes.
bool is_shared_file(int file, std::uint64_t size);

}  // namespace hive::memory

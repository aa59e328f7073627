// The file that a cell's contribution to global memory lives in.
#pragma once

#include <cstdint>
#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::firewall {

/// A memory file of SIZE bytes, all 0, that neither shrinks nor grows, so that nobody who has it
/// mapped can lose a page of it. CELL's name shows in the host's /proc. Throws Error.
UniqueFd make_contribution_file(const std::string& cell, std::uint64_t size);

/// Whether FILE is such a file of SIZE bytes.
bool is_contribution_file(int file, std::uint64_t size);

}  // namespace hive::firewall

// A section's rights as a file, to go with a packet.
#pragma once

#include <cstdint>
#include <optional>

#include "cellmon/firewall/section_rights.h"
#include "vmm/base/unique_fd.h"

namespace hive::control {

/// Longer ones are not made, nor taken.
inline constexpr std::uint64_t kMaxRightsBytes = 64 << 20;

/// RIGHTS to a section of PAGES pages, which somebody has, in memory. Throws Error.
UniqueFd make_rights_file(const firewall::SectionRights& rights, std::uint64_t pages);

/// What FILE, which may be anything, says of the rights of HOLDERS to PAGES pages; nothing where it
/// makes no sense.
std::optional<firewall::SectionRights> read_rights_file(int file, firewall::WriterSet holders,
                                                        std::uint64_t pages);

}  // namespace hive::control

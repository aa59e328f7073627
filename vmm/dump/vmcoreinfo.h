// The note in which a Linux kernel tells what readers of its memory need to know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hive::dump {

/// The bytes of the whole note, where PAGE, a page of a guest's memory, begins with the note's
/// beginning, as Linux lays it out (crash_core.c: name VMCOREINFO, text that begins with OSRELEASE,
/// at the beginning of a page); else nothing. At most kMaxVmcoreinfo. The guest may have made it
/// up.
std::optional<std::size_t> vmcoreinfo_size(std::span<const std::byte> page);

}  // namespace hive::dump

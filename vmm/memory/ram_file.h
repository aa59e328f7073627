// The anonymous file behind guest RAM.
#pragma once

#include <cstdint>

#include "vmm/base/unique_fd.h"
#include "vmm/memory/backing.h"

namespace hive::memory {

/// Makes an unlinked shared-memory file of SIZE bytes, all zero, with the pages that BACKING asks
/// for. Throws Error.
///
/// kAutomatic takes 2 MiB pages from a private tmpfs mount of its own, because memfds get them only
/// where the administrator has changed /sys/kernel/mm/transparent_hugepage/shmem_enabled. Mounting
/// needs CAP_SYS_ADMIN; without it the file is a memfd, and the host's setting decides.
UniqueFd make_ram_file(std::uint64_t size, Backing backing);

}  // namespace hive::memory

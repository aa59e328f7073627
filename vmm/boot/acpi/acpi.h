// The ACPI tables of a cell.
#pragma once

#include <cstddef>
#include <vector>

#include "vmm/base/range.h"
#include "vmm/memory/guest_address.h"
#include "vmm/memory/guest_memory.h"

namespace hive::boot::acpi {

/// Tables as they go into guest memory.
struct Acpi {
  memory::GuestAddress rsdp;
  std::vector<std::byte> bytes;  ///< From `rsdp` on: the RSDP, then the tables it leads to.
};

/// The tables of a hardware-reduced machine (ACPI 6.4, 4.1) with VCPUS vCPUs whose APIC ids are 0
/// to VCPUS - 1, the devices of memory::layout, and UPPER_BARS as a window for PCI BARs above 4 GiB
/// (empty: none). Pure. Throws Error when VCPUS is 0 or the tables outgrow layout::kAcpiTables.
Acpi make_acpi(unsigned vcpus, const Range& upper_bars = {});

/// make_acpi(), written into MEMORY. Returns where the RSDP is.
memory::GuestAddress build_acpi(const memory::GuestMemory& memory, unsigned vcpus,
                                const Range& upper_bars = {});

}  // namespace hive::boot::acpi

// The DSDT: the devices that cannot be found by probing.
#pragma once

#include "vmm/base/range.h"
#include "vmm/boot/acpi/aml.h"

namespace hive::boot::acpi {

/// The DSDT's AML, without the table header, for a guest with VCPUS vCPUs and, unless it is empty,
/// a window UPPER_BARS for 64-bit prefetchable PCI BARs.
aml::Term make_dsdt_body(unsigned vcpus, const Range& upper_bars = {});

}  // namespace hive::boot::acpi

// The DSDT: the devices that cannot be found by probing.
#pragma once

#include "vmm/boot/acpi/aml.h"

namespace hive::boot::acpi {

/// The DSDT's AML, without the table header, for a guest with VCPUS vCPUs.
aml::Term make_dsdt_body(unsigned vcpus);

}  // namespace hive::boot::acpi

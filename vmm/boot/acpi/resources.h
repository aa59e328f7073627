// Resource descriptors (ACPI 6.4, 6.4), as they go into a _CRS buffer.
#pragma once

#include <cstdint>

#include "vmm/base/range.h"
#include "vmm/boot/acpi/aml.h"

namespace hive::boot::acpi::aml {

/// ResourceTemplate () {DESCRIPTORS}: a buffer with an end tag.
Term resources(const Terms& descriptors);

/// IO (Decode16, ...): PORTS at their fixed place, at most 255 of them.
Term io_ports(Range ports);
/// Memory32Fixed (ReadWrite, MEMORY), below 4 GiB.
Term fixed_memory(Range memory);
/// Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {GSI}
Term edge_interrupt(std::uint32_t gsi);

/// What a bridge passes down. WordBusNumber (ResourceProducer, ...) FIRST to LAST.
Term bus_numbers(std::uint16_t first, std::uint16_t last);
/// DWordMemory (ResourceProducer, ..., NonCacheable, ReadWrite) WINDOW, below 4 GiB.
Term memory_window(Range window);
/// QWordMemory (ResourceProducer, ..., Prefetchable, ReadWrite) WINDOW.
Term prefetchable_window(Range window);

}  // namespace hive::boot::acpi::aml

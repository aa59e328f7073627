// The fixed-format ACPI tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hive::boot::acpi {

using Table = std::vector<std::byte>;

/// The byte that makes BYTES and itself sum up to 0 modulo 256.
std::uint8_t checksum(std::span<const std::byte> bytes);

/// DSDT with the AML BODY.
Table make_dsdt(std::span<const std::byte> body);
/// FADT of a hardware-reduced machine whose DSDT is at guest-physical DSDT (ACPI 6.4, 5.2.9).
Table make_fadt(std::uint64_t dsdt);
/// MADT of VCPUS processors and one IOAPIC (ACPI 6.4, 5.2.12).
Table make_madt(unsigned vcpus);
/// MCFG: ECAM of bus 0 (PCI Firmware 3.3, 4.1.2).
Table make_mcfg();
/// XSDT that lists the tables at the guest-physical addresses TABLES (ACPI 6.4, 5.2.8).
Table make_xsdt(std::span<const std::uint64_t> tables);
/// RSDP, revision 2, of the XSDT at guest-physical XSDT (ACPI 6.4, 5.2.5.3).
Table make_rsdp(std::uint64_t xsdt);

}  // namespace hive::boot::acpi
